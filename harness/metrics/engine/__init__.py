"""What all metrics share: arrays and weights. It must not know any metric."""

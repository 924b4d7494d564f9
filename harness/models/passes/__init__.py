"""One pass of a model over a pool: preprocessing, device, dtype, batches. Never sees a label."""

"""Cards, models and their predictions."""

"""Published numbers and claims beside our records. Knows records and rankings, never a model."""

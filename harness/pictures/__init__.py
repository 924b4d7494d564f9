"""Pictures of splits, records and rankings (matplotlib). Draws numbers, computes none."""

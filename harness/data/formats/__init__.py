"""File formats, read safely: bytes in, arrays or rows out. Knows no data set and no pool."""

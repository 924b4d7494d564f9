"""The board's charts: from a frame to a picture."""

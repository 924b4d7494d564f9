"""Error bars and comparisons: numpy and scipy.special only."""

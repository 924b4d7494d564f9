"""Data sets, pools, splits, views and suites."""

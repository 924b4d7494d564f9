"""Suites: versioned lists of cells, opened with their data, checked against manifests."""

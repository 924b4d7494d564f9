"""Probes: estimators on fixed rows, as named arrays. Knows no training loop."""

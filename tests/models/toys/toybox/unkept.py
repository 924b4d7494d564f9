"""A trainer without ``restore``: its model lives as long as its pass."""

from toybox.linear import configure, fit_means

__all__ = ["configure", "fit_means"]

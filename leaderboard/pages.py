"""Which pages the board has: file below ``views`` → what its link says, and its icon."""

FIRST = {
    "ranking": ("Ranking", ":material/leaderboard:"),
    "compare": ("Compare", ":material/compare_arrows:"),
    "map": ("Map", ":material/grid_on:"),
    "claims": ("Claims", ":material/fact_check:"),
}
"""Pages whose links are always seen."""
MORE = {
    "entry": ("Entry", ":material/person_search:"),
    "cells": ("Cells", ":material/table:"),
    "calibration": ("Calibration", ":material/straighten:"),
    "ood": ("OOD", ":material/travel_explore:"),
    "trade": ("Trade-offs", ":material/scatter_plot:"),
    "robustness": ("Robustness", ":material/storm:"),
    "stability": ("Stability", ":material/swap_vert:"),
    "conformance": ("Conformance", ":material/menu_book:"),
    "check": ("Check a baseline", ":material/rule:"),
    "data": ("Data", ":material/database:"),
    "about": ("About the numbers", ":material/help:"),
}
"""Pages behind the button for more."""
HOME = "home"
_PATHS = {HOME: "", "trade": "trade-offs", "check": "check-a-baseline"}


def path_of(page: str) -> str:
    """Return a page's address below the board's.

    Examples
    --------
    >>> path_of("trade"), path_of("map"), path_of("home")
    ('trade-offs', 'map', '')
    """
    return _PATHS.get(page, page)

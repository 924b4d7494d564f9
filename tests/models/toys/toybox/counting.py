"""Counts what really happened: a cache that computes again cannot hide."""

from collections import Counter

COUNTS: Counter[str] = Counter()


def count(what: str) -> None:
    COUNTS[what] += 1

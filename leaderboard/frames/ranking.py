"""A ranking as frames: what the board's tables and charts are drawn from.

Nothing is measured here. Values are in natural units, and beside each stands the text that
`harness.rankings.display` makes of it, the same that the command line prints.
"""

from collections.abc import Sequence

import pandas as pd

from harness.rankings.display import (
    facet_labels,
    interval_text,
    is_fraction,
    rank_text,
    tie_letter,
    value_text,
)
from harness.types import RankedRow, Ranking

RANKING_COLUMNS = (
    "name",
    "value",
    "low",
    "high",
    "value_text",
    "interval_text",
    "interval_kind",
    "rank",
    "tie_class",
    "tie",
    "tier",
    "facets",
    "flags",
    "local",
    "beside",
)


def display_scale(key: str) -> float:
    """Return what a metric is multiplied with where people read it: 100 for shares, else 1."""
    return 100.0 if is_fraction(key) else 1.0


def ranking_frame(ranking: Ranking) -> pd.DataFrame:
    """Return one line per row of the ranking, best first, then the rows shown beside it.

    Parameters
    ----------
    ranking : Ranking
        From `harness.rankings.ranking`.

    Returns
    -------
    DataFrame
        With RANKING_COLUMNS; `beside` marks rows that have no rank among the others.
    """
    lines = [_line(row, ranking.key, beside=False) for row in ranking.rows]
    lines += [_line(row, ranking.key, beside=True) for row in ranking.beside]
    return pd.DataFrame(lines, columns=list(RANKING_COLUMNS))


def _line(row: RankedRow, key: str, *, beside: bool) -> tuple[object, ...]:
    return (
        row.name,
        row.value,
        row.low,
        row.high,
        value_text(row.value, key),
        interval_text(row.low, row.high, key),
        row.interval_kind,
        "beside" if beside else rank_text(row),
        0 if beside else row.tie_class or 0,
        "·" if beside else tie_letter(row.tie_class),
        row.tier,
        facet_labels(row.facets),
        row.flags,
        row.local,
        beside,
    )


def standing_texts(ranking: Ranking) -> dict[str, tuple[str, str]]:
    """Return each row's value and tie letter, for a column beside another ranking."""
    placed = {
        row.name: (value_text(row.value, ranking.key), tie_letter(row.tie_class))
        for row in ranking.rows
    }
    aside = {row.name: (value_text(row.value, ranking.key), "·") for row in ranking.beside}
    return {**placed, **aside}


def missing_frame(ranking: Ranking) -> pd.DataFrame:
    """Return the entries without an overall value and what they lack.

    Returns
    -------
    DataFrame
        Columns ``name`` and ``missing``.
    """
    lines = [(row.name, row.missing) for row in ranking.missing]
    return pd.DataFrame(lines, columns=["name", "missing"])


def matching(frame: pd.DataFrame, words: str, labels: Sequence[str]) -> pd.Series:
    """Return which rows of `ranking_frame` a visitor asked for; hiding rows moves none.

    Parameters
    ----------
    frame : DataFrame
        From `ranking_frame`.
    words : str
        Every word must stand in the row's name, facets or tier; upper and lower case are one.
    labels : sequence of str
        Facet labels that a row must have, all of them.
    """
    text = [
        " ".join((name, tier, *facets)).casefold()
        for name, tier, facets in zip(frame["name"], frame["tier"], frame["facets"], strict=True)
    ]
    asked = words.casefold().split()
    kept = [
        all(word in line for word in asked) and set(labels) <= set(facets)
        for line, facets in zip(text, frame["facets"], strict=True)
    ]
    return pd.Series(kept, index=frame.index, dtype=bool)


def hidden_names(ranking: Ranking, words: str) -> set[str]:
    """Return the rows that a search leaves out, rows without an overall value among them."""
    frame = ranking_frame(ranking)
    asked = words.casefold().split()
    lost = {m.name for m in ranking.missing if not all(w in m.name.casefold() for w in asked)}
    return lost | set(frame["name"][~matching(frame, words, ())])

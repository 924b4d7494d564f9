"""A record that was handed in, on the board and at the gate, as frames of texts."""

import pandas as pd

from harness.rankings.display import (
    cell_label,
    difference_text,
    interval_text,
    metric_title,
    rank_text,
    tie_letter,
    value_text,
)
from harness.rankings.regress import Regression
from harness.types import Ranking

AROUND = 4
"""Rows shown before and after the one that was handed in."""


def around_frame(ranking: Ranking, name: str) -> pd.DataFrame:
    """Return the rows of a ranking around one of them, as texts.

    Parameters
    ----------
    ranking : Ranking
        With the record among its rows.
    name : str
        Its row; without an overall value the first rows are shown.
    """
    names = [row.name for row in ranking.rows]
    at = names.index(name) if name in names else 0
    lines = [
        (
            f"{row.name} (yours)" if row.name == name else row.name,
            rank_text(row),
            value_text(row.value, ranking.key),
            interval_text(row.low, row.high, ranking.key),
            tie_letter(row.tie_class),
        )
        for row in ranking.rows[max(0, at - AROUND) : at + AROUND + 1]
    ]
    return pd.DataFrame(lines, columns=["entry", "rank", "value", "95 % interval", "class"])


def findings_frame(found: Regression) -> pd.DataFrame:
    """Return what a gate found as `tailmark regress` prints it."""
    lines = [
        (
            "mean over cells" if each.cell is None else cell_label(each.cell),
            metric_title(each.metric),
            difference_text(each.verdict.difference, each.metric),
            " … ".join(
                difference_text(end, each.metric) for end in (each.verdict.low, each.verdict.high)
            ),
            each.state,
        )
        for each in found.findings
    ]
    return pd.DataFrame(lines, columns=["cell", "metric", "difference", "95 % interval", "state"])

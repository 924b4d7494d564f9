"""A ranking as frames: what the board's tables and charts are drawn from.

Nothing is measured here. Values are in natural units, and beside each stands the text that
`harness.runs.display` makes of it, the same that the command line prints.
"""

import pandas as pd

from harness.runs.display import (
    cell_label,
    cell_parts,
    difference_text,
    facet_labels,
    interval_text,
    interval_title,
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
CELL_COLUMNS = (
    "name",
    "cell",
    "label",
    "imbalance",
    "noise",
    "value",
    "text",
    "difference",
    "difference_text",
    "good",
)


def display_scale(key: str) -> float:
    """Return what a metric is multiplied with where people read it: 100 for shares, else 1."""
    return 100.0 if is_fraction(key) else 1.0


def ranking_frame(ranking: Ranking) -> pd.DataFrame:
    """Return one line a row of the ranking, best first, then the rows shown beside it.

    Parameters
    ----------
    ranking : Ranking
        From `harness.runs.ranking`.

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
        0 if beside else row.tie_class,
        "·" if beside else tie_letter(row.tie_class),
        row.tier,
        facet_labels(row.facets),
        row.flags,
        row.local,
        beside,
    )


def missing_frame(ranking: Ranking) -> pd.DataFrame:
    """Return the entries without an overall value and what they lack.

    Returns
    -------
    DataFrame
        Columns ``name`` and ``missing``.
    """
    lines = [(row.name, row.missing) for row in ranking.missing]
    return pd.DataFrame(lines, columns=["name", "missing"])


def cells_frame(ranking: Ranking) -> pd.DataFrame:
    """Return every row's mean over seeds in every cell, and its distance to the best tie class.

    The distance is the value minus the mean of tie class A in the same cell. Rows without an
    overall value are there with the cells that they have.

    Returns
    -------
    DataFrame
        With CELL_COLUMNS, in the order of the ranking and of the suite's cells. `difference` is in
        natural units; `good` is the same, signed so that positive is better.
    """
    best = [row.cells for row in ranking.rows if row.tie_class == 1]
    reference = [_mean([cells[i] for cells in best]) for i in range(len(ranking.cells))]
    named = [
        *((row.name, row.cells) for row in (*ranking.rows, *ranking.beside)),
        *((row.name, row.cells) for row in ranking.missing),
    ]
    sign = 1 if ranking.higher_is_better else -1
    lines = []
    for name, values in named:
        for cell, value, anchor in zip(ranking.cells, values, reference, strict=True):
            gap = None if value is None or anchor is None else value - anchor
            lines.append(
                (
                    name,
                    cell,
                    cell_label(cell),
                    *cell_parts(cell),
                    value,
                    value_text(value, ranking.key, unit=False),
                    gap,
                    difference_text(gap, ranking.key).removesuffix(" pp"),
                    None if gap is None else sign * gap,
                )
            )
    return pd.DataFrame(lines, columns=list(CELL_COLUMNS))


def _mean(values: list[float | None]) -> float | None:
    present = [value for value in values if value is not None]
    return sum(present) / len(present) if present and len(present) == len(values) else None


def cell_intervals(name: str, rankings: dict[str, Ranking]) -> pd.DataFrame:
    """Return one row's value, interval and rank in each cell, from the ranking of each cell.

    Parameters
    ----------
    name : str
        Row, ``entry`` or ``entry+variant``.
    rankings : dict of str to Ranking
        Cell → the suite's ranking over that cell alone.

    Returns
    -------
    DataFrame
        One line a cell: label, value, low, high, texts, rank, tie, what is missing.
    """
    lines: list[tuple[object, ...]] = []
    for cell, ranking in rankings.items():
        row = next((r for r in (*ranking.rows, *ranking.beside) if r.name == name), None)
        lost = next((m.missing for m in ranking.missing if m.name == name), "")
        if row is None:
            lines.append(
                (cell, cell_label(cell), None, None, None, "–", "–", "–", "–", 0, "–", lost)
            )
            continue
        beside = row in ranking.beside
        lines.append(
            (
                cell,
                cell_label(cell),
                row.value,
                row.low,
                row.high,
                value_text(row.value, ranking.key),
                interval_text(row.low, row.high, ranking.key),
                interval_title(row.interval_kind),
                "beside" if beside else f"{rank_text(row)} of {len(ranking.rows)}",
                0 if beside else row.tie_class,
                "·" if beside else tie_letter(row.tie_class),
                "",
            )
        )
    names = "cell label value low high value_text interval_text interval rank tie_class tie missing"
    return pd.DataFrame(lines, columns=names.split())

"""A suite over many data sets by mean ranks: where entries stand, and who is told apart."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields

import numpy as np

from harness.errors import SpecError
from harness.rankings.export import Rows
from harness.rankings.field import Candidate, admitted, cell_indices, metric_of, values_of
from harness.stats.critical_difference import MeanRanks, compared_by_rank


@dataclass(frozen=True)
class RankRow:
    """One entry over all cells."""

    name: str
    """Entry."""
    mean_rank: float
    """Mean over cells of its rank in each; 1 is best."""
    value: float
    """Mean over cells of the metric, natural units."""
    first: int
    """Cells in which it is first, alone or with others."""
    groups: str
    """Letters of the runs it is in; entries with a letter in common are not told apart."""


def mean_ranks(
    rows: Sequence[Candidate],
    *,
    suite: str,
    key: str | None = None,
    track: str = "open",
    cells: Sequence[str] | None = None,
) -> tuple[list[RankRow], MeanRanks, list[str]]:
    """Return entries by mean rank over cells, what tells them apart, and who is left out.

    Parameters
    ----------
    rows, suite, key, track, cells
        As in `harness.rankings.ranking.rank`.

    Returns
    -------
    tuple
        Rows, best first; the comparison behind them; names of rows that lack a value in a cell.

    Raises
    ------
    SpecError
        If fewer than 2 rows have a value in every cell.
    UnknownNameError
        If track, metric or cell is unknown.
    """
    if not rows:
        raise SpecError(
            f"Mean ranks of {suite} need records; found none. Run: tailmark run --suite {suite}"
        )
    stamp = rows[0].recorded.record.suite
    key = key or stamp.primary
    higher = metric_of(key).direction != "lower"
    index = cell_indices(stamp.cells, cells, suite)
    field = [row for row in rows if row.ranked and admitted(row, track)]
    found = {row.name: values_of(row, key, index) for row in field}
    whole = [name for name, values in found.items() if np.isfinite(values).all()]
    if len(whole) < 2 or len(index) < 2:
        raise SpecError(
            f"Mean ranks need two entries with a value in every cell, and two cells; {len(whole)} "
            f"of {len(field)} entries have that over {len(index)} cells. Run more entries, or name "
            "the cells that they share: --cell CELL, repeated."
        )
    values = np.stack([found[name].mean(axis=1) for name in whole])
    compared = compared_by_rank(values, higher_is_better=higher)
    best = values.max(axis=0) if higher else values.min(axis=0)
    letters = _letters(compared, len(whole))
    made = [
        RankRow(
            name,
            float(compared.ranks[i]),
            float(values[i].mean()),
            int((values[i] == best).sum()),
            letters[i],
        )
        for i, name in enumerate(whole)
    ]
    left_out = [name for name in found if name not in whole]
    return sorted(made, key=lambda row: (row.mean_rank, row.name)), compared, left_out


def _letters(compared: MeanRanks, entries: int) -> list[str]:
    """Return the letters of each entry's runs, in the order of runs."""
    letters = [""] * entries
    for at, group in enumerate(compared.groups):
        for i in group:
            letters[i] += chr(ord("a") + at) if at < 26 else f"({at + 1})"
    return letters


def mean_rank_rows(found: Sequence[RankRow]) -> Rows:
    """Return entries by mean rank for the writer."""
    return Rows(tuple(f.name for f in fields(RankRow)), [astuple(each) for each in found])

"""Entries × cells as frames: every value in every cell, its interval and its place there.

Nothing is measured here: a cell's interval, rank and tie class are those of its own ranking.
"""

from collections.abc import Iterable

import pandas as pd

from harness.rankings.display import (
    cell_label,
    cell_parts,
    difference_text,
    interval_text,
    interval_title,
    rank_text,
    tie_letter,
    value_text,
)
from harness.types import RankedRow, Ranking

CELL_COLUMNS = (
    "name",
    "cell",
    "label",
    "dataset",
    "imbalance",
    "noise",
    "value",
    "text",
    "difference",
    "difference_text",
    "good",
)


def cell_names(cells: Iterable[str]) -> dict[str, str]:
    """Return how cells are written, with their data set where there are several of them.

    Examples
    --------
    >>> cell_names(["digits-exp50-clean"])
    {'digits-exp50-clean': 'exp 50 · clean'}
    >>> list(cell_names(["wine-natural-clean", "oil_spill-natural-clean"]).values())
    ['wine · natural · clean', 'oil spill · natural · clean']
    """
    named = {cell: _dataset(cell) for cell in cells}
    several = len(set(named.values())) > 1
    return {c: f"{d} · {cell_label(c)}" if several else cell_label(c) for c, d in named.items()}


def _dataset(cell: str) -> str:
    return cell.partition("-")[0].replace("_", " ")


def cells_frame(ranking: Ranking) -> pd.DataFrame:
    """Return every row's mean over seeds in every cell, and its distance to the best tie class.

    The distance is the value minus the mean of tie class A in the same cell. Rows without an
    overall value are there with the cells that they have.

    Returns
    -------
    DataFrame
        With CELL_COLUMNS, in the order of the ranking and of the suite's cells. `dataset` is empty
        where all cells have the same; `difference` is in natural units; `good` is the same, signed
        so that positive is better.
    """
    best = [row.cells for row in ranking.rows if row.tie_class == 1]
    reference = [_mean([cells[i] for cells in best]) for i in range(len(ranking.cells))]
    named = [
        *((row.name, row.cells) for row in (*ranking.rows, *ranking.beside)),
        *((row.name, row.cells) for row in ranking.missing),
    ]
    sign = 1 if ranking.higher_is_better else -1
    words = cell_names(ranking.cells)
    several = len({_dataset(cell) for cell in ranking.cells}) > 1
    lines = []
    for name, values in named:
        for cell, value, anchor in zip(ranking.cells, values, reference, strict=True):
            gap = None if value is None or anchor is None else value - anchor
            lines.append(
                (
                    name,
                    cell,
                    words[cell],
                    _dataset(cell) if several else "",
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
        One line per cell: label, value, low, high, texts, rank, tie, what is missing.
    """
    lines: list[tuple[object, ...]] = []
    words = cell_names(rankings)
    for cell, ranking in rankings.items():
        row = next((r for r in (*ranking.rows, *ranking.beside) if r.name == name), None)
        lost = next((m.missing for m in ranking.missing if m.name == name), "")
        if row is None:
            lines.append((cell, words[cell], None, None, None, "–", "–", "–", "–", 0, "–", lost))
            continue
        beside = row in ranking.beside
        lines.append(
            (
                cell,
                words[cell],
                row.value,
                row.low,
                row.high,
                value_text(row.value, ranking.key),
                interval_text(row.low, row.high, ranking.key),
                interval_title(row.interval_kind),
                "beside" if beside else f"{rank_text(row)} of {len(ranking.rows)}",
                0 if beside else row.tie_class or 0,
                "·" if beside else tie_letter(row.tie_class),
                "",
            )
        )
    names = "cell label value low high value_text interval_text interval rank tie_class tie missing"
    return pd.DataFrame(lines, columns=names.split())


def with_intervals(frame: pd.DataFrame, rankings: dict[str, Ranking]) -> pd.DataFrame:
    """Return `cells_frame` with each cell's own interval, rank and tie class beside the value.

    Parameters
    ----------
    frame : DataFrame
        From `cells_frame`.
    rankings : dict of str to Ranking
        Cell → the suite's ranking over that cell alone; a cell without one gets dashes.

    Returns
    -------
    DataFrame
        With the columns ``interval_text``, ``interval``, ``rank``, ``tie_class``, ``tie`` and
        ``about`` (all of it in a sentence) added.
    """
    found = {
        (row.name, cell): _placed(row, ranking, beside=row in ranking.beside)
        for cell, ranking in rankings.items()
        for row in (*ranking.rows, *ranking.beside)
    }
    nothing = ("–", "–", "–", 0, "–")
    pairs = zip(frame["name"], frame["cell"], strict=True)
    added = [found.get(pair, nothing) for pair in pairs]
    names = ["interval_text", "interval", "rank", "tie_class", "tie"]
    whole = frame.join(pd.DataFrame(added, columns=names, index=frame.index))
    about = [
        f"{row['name']} · {row['label']}: {row['text']} {row['interval_text']} "
        f"({row['interval']}); rank {row['rank']}, class {row['tie']}; "
        f"{row['difference_text']} to class A"
        for row in whole.to_dict("records")
    ]
    return whole.assign(about=about)


def _placed(row: RankedRow, ranking: Ranking, *, beside: bool) -> tuple[object, ...]:
    return (
        interval_text(row.low, row.high, ranking.key),
        interval_title(row.interval_kind),
        "beside" if beside else f"{rank_text(row)} of {len(ranking.rows)}",
        0 if beside else row.tie_class or 0,
        "·" if beside else tie_letter(row.tie_class),
    )


def sorted_by(frame: pd.DataFrame, order: str, higher_is_better: bool) -> pd.DataFrame:
    """Return a frame of cells with its rows in another order.

    Parameters
    ----------
    frame : DataFrame
        From `cells_frame`.
    order : str
        A cell: best there first, what has no value last. ``name``: by name. Else: as it is.
    higher_is_better : bool
        Direction of the metric.
    """
    if order == "name":
        return frame.sort_values("name", kind="stable")
    there = frame[frame["cell"] == order].set_index("name")["value"].astype(float)
    best_first = there.sort_values(
        ascending=not higher_is_better, na_position="last", kind="stable"
    )
    place = {name: i for i, name in enumerate(best_first.index)}
    if not place:
        return frame
    return frame.iloc[frame["name"].map(place).argsort(kind="stable")]

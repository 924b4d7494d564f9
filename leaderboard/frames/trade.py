"""Two metrics of every row beside each other, each a mean over cells of the mean over seeds."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from harness.metric_keys import metric_name
from harness.rankings.display import count_text, tie_letter, value_text
from harness.rankings.field import Candidate, metric_of
from harness.records.records import Recorded
from harness.types import Ranking
from leaderboard.frames.cost import COSTS, cost_key, mean_cost


def mean_over(recorded: Recorded, variant: str, key: str, cells: Sequence[int]) -> float | None:
    """Return a metric's mean over cells of its mean over seeds, or None where one is missing.

    Parameters
    ----------
    recorded : Recorded
        What is read.
    variant, key : str
        Variant and metric key; ``declared`` stands for the variant's own OOD score.
    cells : sequence of int
        Of the record's suite, at least one.
    """
    body = recorded.record.variants.get(variant)
    own = "" if body is None else key.replace("/declared/", f"/{body.ood_score}/")
    if body is None or own not in body.metrics:
        return None
    grid = recorded.values(variant, own)[list(cells)]
    return float(grid.mean(axis=1).mean()) if np.isfinite(grid).all() else None


def _value(row: Candidate, key: str, cells: Sequence[int]) -> float | None:
    if key in COSTS:
        return mean_cost(row, metric_name(key))
    return mean_over(row.recorded, row.variant, key, cells)


def _text(value: float | None, key: str) -> str:
    if key not in COSTS or value is None:
        return value_text(value, key)
    # Thousands in the units of `count_text`; a hundredth of a second is not nothing.
    return count_text(round(value)) if value >= 1000 else f"{value:.3g}"


def trade_frame(
    ranking: Ranking, candidates: Mapping[str, Candidate], x: str, y: str, cells: Sequence[int]
) -> pd.DataFrame:
    """Return two metrics of every row that has both in all of some cells.

    Parameters
    ----------
    ranking : Ranking
        Its tie classes colour the points.
    candidates : mapping of str to Candidate
        Row's name → row.
    x, y : str
        Metric keys, or costs of `leaderboard.frames.cost`.
    cells : sequence of int
        Over which both are averaged.

    Returns
    -------
    DataFrame
        Columns ``name``, ``x``, ``y``, ``x_text``, ``y_text``, ``tie``, ``tie_class``.
    """
    rows = [(row.name, row.tie_class or 0) for row in ranking.rows]
    rows += [(row.name, 0) for row in ranking.beside]
    rows += [(row.name, 0) for row in ranking.missing]
    lines = []
    for name, tie_class in rows:
        row = candidates.get(name)
        if row is None:  # left out of the field: nothing of it was read
            continue
        pair = [_value(row, key, cells) for key in (x, y)]
        if None not in pair:
            texts = (_text(pair[0], x), _text(pair[1], y))
            lines.append((name, *pair, *texts, tie_letter(tie_class) or "·", tie_class))
    names = ["name", "x", "y", "x_text", "y_text", "tie", "tie_class"]
    return pd.DataFrame(lines, columns=names)


def rises(key: str) -> bool | None:
    """Return whether more of a metric or cost is better; None where neither is."""
    if key in COSTS:
        return key == cost_key("inputs_per_second")
    direction = metric_of(key).direction
    return None if direction not in ("higher", "lower") else direction == "higher"


def with_front(frame: pd.DataFrame, x: str, y: str) -> pd.DataFrame:
    """Return `trade_frame` with a column ``front``: rows that no other row beats in both.

    A row is on the front when no other is at least as good in both and better in one. Values
    decide, without their intervals.

    Parameters
    ----------
    frame : DataFrame
        From `trade_frame`.
    x, y : str
        What its two columns are.
    """
    signs = [{True: 1.0, False: -1.0, None: 0.0}[rises(key) if len(frame) else None]
             for key in (x, y)]  # fmt: skip
    if x == y or 0.0 in signs:
        return frame.assign(front=False)
    one, two = (sign * frame[axis].to_numpy(float) for sign, axis in zip(signs, "xy", strict=True))
    order = np.lexsort((-two, -one))  # best in x first, of equals the best in y
    front = np.zeros(len(frame), dtype=bool)
    best, at = -np.inf, np.inf
    for i in order:
        # One that equals a row of the front in both is not beaten by it.
        front[i] = two[i] > best or (two[i] == best and one[i] == at)
        if two[i] > best:
            best, at = two[i], one[i]
    return frame.assign(front=front)

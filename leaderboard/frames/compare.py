"""Entries side by side as frames: paired differences per cell, per class and per view."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from harness.metric_keys import MetricKey
from harness.rankings.comparing import Comparison, surviving
from harness.rankings.display import difference_text, metric_title
from harness.rankings.field import Candidate, metric_of
from harness.records.records import Recorded
from harness.types import Verdict
from leaderboard.frames.cells import cell_names
from leaderboard.frames.trade import mean_over

OVERALL = "mean over the cells"


SURVIVES = {True: "stands", False: "may be chance", None: ""}
"""Whether a verdict survives that all cells are counted → words; None: nothing was told apart."""


def plainest(names: Sequence[str]) -> str | None:
    """Return the reference that a reader expects: an entry trained with cross-entropy."""
    return next((name for name in names if name == "cnn-ce"), None)


def verdict_frame(found: Comparison, stands: Mapping[str, bool] | None = None) -> pd.DataFrame:
    """Return a comparison's differences, overall first, then cell by cell.

    Parameters
    ----------
    found : Comparison
        From `harness.rankings.comparing.compare`.
    stands : mapping of str to bool, optional
        Cell → whether its verdict survives, from `surviving`; default: of this pair alone.

    Returns
    -------
    DataFrame
        Columns ``cell``, ``label``, ``difference``, ``low``, ``high`` (natural units, positive is
        better for the candidate), their texts, ``verdict``, ``covers`` and ``survives`` (in words).
    """
    stands = surviving([found])[0] if stands is None else stands
    words = cell_names([cell for cell, _ in found.cells])
    lines = [_line("", OVERALL, found.overall, found.key)]
    lines += [_line(cell, words[cell], one, found.key) for cell, one in found.cells]
    names = [
        "cell",
        "label",
        "difference",
        "low",
        "high",
        "difference_text",
        "interval_text",
        "verdict",
        "covers",
    ]
    frame = pd.DataFrame(lines, columns=names)
    return frame.assign(survives=[SURVIVES[stands.get(cell)] for cell in frame["cell"]])


def _line(cell: str, label: str, found: Verdict, key: str) -> tuple[object, ...]:
    ends = (difference_text(end, key).removesuffix(" pp") for end in (found.low, found.high))
    return (
        cell,
        label,
        found.difference,
        found.low,
        found.high,
        difference_text(found.difference, key),
        f"[{', '.join(ends)}]",
        found.verdict,
        found.interval_kind,
    )


def class_frame(rows: Sequence[Candidate], cell: int) -> pd.DataFrame:
    """Return every class's recall for several rows, the most frequent class first.

    Parameters
    ----------
    rows : sequence of Candidate
        Rows whose records keep the recall of each class; others are left out.
    cell : int
        Of the suite.

    Returns
    -------
    DataFrame
        Columns ``name``, ``class``, ``place`` (from head to tail, 1 the most frequent),
        ``images`` (mean clean training count), ``recall`` (mean over seeds, in [0, 1]).
    """
    frames = []
    for row in rows:
        recall = row.recorded.detail(row.variant, "recall")
        counts = row.recorded.detail("", "counts")
        if recall is None or counts is None:
            continue
        means = np.asarray(recall[cell], dtype=np.float64).mean(axis=0)
        images = np.asarray(counts[cell], dtype=np.float64)[:, 0].mean(axis=0)
        order = np.argsort(-images, kind="stable")
        frame = pd.DataFrame(
            {
                "name": row.name,
                "class": order,
                "place": np.arange(1, len(order) + 1),
                "images": images[order],
                "recall": means[order],
            }
        )
        frames.append(frame[(frame["images"] > 0) & frame["recall"].notna()])
    names = ["name", "class", "place", "images", "recall"]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=names)


def views_of(recorded: Recorded, key: str) -> list[str]:
    """Return the keys of a metric on test data with other class weights.

    A metric that class weights do not change, such as balanced accuracy, has one view only:
    accuracy stands for it.
    """
    keys = [k for k in recorded.record.variants[""].metrics if _is_view(k)]
    for metric in (MetricKey.parse(key).metric, "accuracy"):
        found = [k for k in keys if MetricKey.parse(k).metric == metric]
        if len(found) > 1:
            return sorted(found, key=lambda k: (list(VIEWS).index(_root(k)), k))
    return []


def _root(key: str) -> str:
    return MetricKey.parse(key).root.split("-")[0]


def _is_view(key: str) -> bool:
    return _root(key) in VIEWS and len(MetricKey.parse(key).place) == 1


VIEWS = ("test", "uniform", "forward", "backward")
"""First parts of keys that speak of the test pool under class weights."""


def view_frame(rows: Sequence[Candidate], keys: Sequence[str], cell: int) -> pd.DataFrame:
    """Return a metric of several rows on test data with other class weights.

    Returns
    -------
    DataFrame
        Columns ``view``, then a text for each row and, beside each but the first, its difference
        to the first row; means over seeds, without intervals.
    """
    first, *others = rows
    lines = []
    for key in keys:
        values = [mean_over(row.recorded, row.variant, key, [cell]) for row in rows]
        if None in values:
            continue
        sign = -1 if metric_of(key).direction == "lower" else 1
        gaps = [sign * (value - (values[0] or 0)) for value in values[1:] if value is not None]
        lines.append((metric_title(key), *(difference_text(gap, key) for gap in gaps)))
    return pd.DataFrame(lines, columns=["view", *(f"{row.name} − {first.name}" for row in others)])

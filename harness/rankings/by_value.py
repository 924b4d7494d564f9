"""Rows in order of values alone: metrics without stored replicates, and ranks under another truth.

Replicates are stored for headline metrics only. Any other metric of the records can be put in
order here, but no interval, rank interval or tie class can be given for it.
"""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.errors import SpecError
from harness.lookup import unknown
from harness.rankings.field import (
    Candidate,
    admitted,
    cell_indices,
    known_keys,
    metric_of,
    values_of,
)

AGREEMENT, PUBLISHED = "truth/{}/agreement", "truth/{}/published_accuracy"
"""Accuracy under another truth, and under the published labels over the same images."""


@dataclass(frozen=True)
class Listing:
    """Rows in order of one metric."""

    key: str
    """Metric key."""
    higher_is_better: bool
    """Direction of the metric; higher first where it has none."""
    values: Mapping[str, float]
    """Row → mean over the cells of the mean over seeds, best first; ties by name."""
    cells: tuple[str, ...]
    """Cells that a value averages: those in which any row has one."""
    missing: tuple[str, ...]
    """Rows of the track that lack a value in one of these cells."""


@dataclass(frozen=True)
class RankChange:
    """One row under the published labels and under another truth."""

    name: str
    """Entry, or ``entry+variant``."""
    published: float
    """Accuracy against the published labels, in [0, 1], over the images that the truth keeps."""
    value: float
    """Agreement with the truth, in [0, 1]."""
    published_rank: int
    """1 is best; ties by name."""
    rank: int
    """Under the truth."""


def list_by_value(
    rows: Sequence[Candidate],
    key: str,
    *,
    suite: str,
    track: str = "open",
    cells: Sequence[str] | None = None,
) -> Listing:
    """Return the rows of a track in order of any metric of their records.

    Parameters
    ----------
    rows : sequence of Candidate
        The field.
    key : str
        Metric key.
    suite : str
        Suite id, for messages.
    track : str, default="open"
        As in `harness.rankings.ranking.rank`; transductive rows are left out.
    cells : sequence of str, optional
        Average these cells only.

    Raises
    ------
    UnknownNameError
        If no record has the key, or the suite has no such cell.
    SpecError
        If the key is in the records, but no row of the track has a value.
    """
    if key not in (known := known_keys(rows)):
        raise unknown("metric key", key, known)
    names = rows[0].recorded.record.suite.cells
    wanted = cell_indices(names, cells, suite)
    found = {r.name: values_of(r, key, wanted) for r in rows if admitted(r, track) and r.ranked}
    used = [
        place
        for place in range(len(wanted))
        if any(np.isfinite(values[place]).any() for values in found.values())
    ]
    if not used:
        raise SpecError(
            f"A ranking of {suite} by {key} needs a value in some cell; no row of track {track} "
            "has one. Rank by another metric, or other cells."
        )
    whole = {n: float(v[used].mean()) for n, v in found.items() if np.isfinite(v[used]).all()}
    higher = metric_of(key).direction != "lower"
    order = sorted(whole, key=lambda name: (-whole[name] if higher else whole[name], name))
    return Listing(
        key=key,
        higher_is_better=higher,
        values={name: whole[name] for name in order},
        cells=tuple(names[wanted[place]] for place in used),
        missing=tuple(sorted(found.keys() - whole.keys())),
    )


def truth_changes(
    rows: Sequence[Candidate],
    truth: str,
    *,
    suite: str,
    track: str = "open",
    cells: Sequence[str] | None = None,
) -> list[RankChange]:
    """Return the ranks of rows under the published labels and under another truth.

    Both are over the images for which the truth has an answer, and over the rows that have both
    values. Ranks go by value: `Ranking` says which of them the data can tell apart.

    Parameters
    ----------
    rows, suite, track, cells
        As in `list_by_value`.
    truth : str
        Name in metric keys, e.g. ``label_errors``.

    Returns
    -------
    list of RankChange
        In the order of the ranking under the truth.

    Raises
    ------
    UnknownNameError
        If records hold other truths only.
    SpecError
        If they hold none.
    """
    known = known_keys(rows)
    truths = sorted({key.split("/")[1] for key in known if key.startswith("truth/")})
    if not truths:
        raise SpecError(
            f"Ranks under another truth need records of a suite that names one; {suite} names "
            "none that these records hold. Rank cifar10 or another suite with truths."
        )
    if truth not in truths:
        raise unknown(f"truth in the records of {suite}", truth, truths)
    before, after = (
        list_by_value(rows, form.format(truth), suite=suite, track=track, cells=cells).values
        for form in (PUBLISHED, AGREEMENT)
    )
    places = {name: at for at, name in enumerate((n for n in before if n in after), start=1)}
    return [
        RankChange(name, before[name], after[name], places[name], rank)
        for rank, name in enumerate((n for n in after if n in before), start=1)
    ]


def table_text(rows: Sequence[Mapping[str, Any]], form: str) -> str:
    """Return rows of equal fields as text for other programs.

    Parameters
    ----------
    rows : sequence of mapping
        Values in natural units; at least one.
    form : {"csv", "json"}
        CSV has a line of names, then one line a row.

    Raises
    ------
    UnknownNameError
        If the form is neither.
    """
    if form == "json":
        return json.dumps(list(rows), indent=1, allow_nan=False)
    if form != "csv":
        raise unknown("format", form, ("table", "csv", "json"))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue().rstrip("\n")

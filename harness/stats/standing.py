"""Where an entry stands: tie classes and rank intervals from one pairwise decision."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float

from harness.errors import SpecError
from harness.stats.intervals import Scale, around
from harness.stats.pairs import decidable, differing
from harness.stats.score_intervals import ClassRecalls
from harness.stats.spread import Kind, cell_mean, check_streams, check_values, spreads


@dataclass(frozen=True)
class Standing:
    """One row of a ranking."""

    name: str
    """Entry."""
    value: float
    """Mean over cells of the mean over seeds, natural units."""
    low: float
    """Lower end of the value's 95 % interval."""
    high: float
    """Upper end."""
    kind: Kind
    """What the interval covers."""
    rank_low: int | None
    """1 + number of entries that are significantly better; None: not classed."""
    rank_high: int | None
    """Number of entries − number that are significantly worse; None: not classed."""
    tie_class: int | None
    """1 for the best class; entries of a class do not differ from its first. None: its spread
    over seeds is not known, it needs three seeds."""
    position: int
    """1 for the first in order of value; equal values in order of name."""


@dataclass(frozen=True)
class Summary:
    """All that ranking needs of one entry: a few kB instead of its replicates of every cell."""

    name: str
    """Entry."""
    values: Float[np.ndarray, "cells seeds"]
    """The metric."""
    streams: Float[np.ndarray, "seeds replicates"]
    """Replicates averaged over cells; deviations or levels, means do not matter."""
    deterministic: bool = False
    """Declared so: one seed tells all, if the seeds that exist are equal."""
    images: ClassRecalls | None = None
    """For a mean of recalls: what it is the mean of."""


def summarise(
    name: str,
    values: Float[np.ndarray, "cells seeds"],
    replicates: Float[np.ndarray, "_ _ replicates"],
    *,
    sd: Float[np.ndarray, "cells seeds"] | None = None,
    deterministic: bool = False,
    images: ClassRecalls | None = None,
) -> Summary:
    """Return what ranking keeps of an entry.

    Parameters
    ----------
    name : str
        Entry.
    values : float array of shape (cells, seeds)
        The metric, none missing.
    replicates : float array of shape (cells, seeds, replicates)
        In natural units, or in units of `sd`, any float dtype.
    sd : float array of shape (cells, seeds), optional
        Unit of the replicates, as records store them.
    deterministic : bool, default=False
        Declared so.
    images : ClassRecalls, optional
        For a mean of recalls: with few images its interval is by score.

    Raises
    ------
    Undefined
        If a value or replicate is missing: the entry has no overall value.
    """
    check_values(values)
    if replicates.shape[:2] != values.shape:
        raise SpecError(
            f"{name}: replicates are of {replicates.shape[:2]} cells and seeds, values of "
            f"{values.shape}. Give both for the same cells and seeds."
        )
    if sd is None:
        streams = cell_mean(replicates)
    else:
        wide = replicates.astype(np.float32, copy=False)
        unit = (sd / len(values)).astype(np.float32)
        streams = np.einsum("ms,msb->sb", unit, wide).astype(np.float64)
    check_streams(streams)
    return Summary(name, values.astype(np.float64), streams, deterministic, images)


def stand(
    names: Sequence[str],
    values: Float[np.ndarray, "entries cells seeds"],
    replicates: Iterable[Float[np.ndarray, "cells seeds replicates"]],
    *,
    higher_is_better: bool,
    scale: Scale | None = None,
) -> list[Standing]:
    """Return the entries best first, with intervals, rank intervals and tie classes.

    Parameters
    ----------
    names : sequence of str
        K entries, all different.
    values : float array of shape (entries, cells, seeds)
        The primary metric, none missing.
    replicates : iterable of float arrays of shape (cells, seeds, replicates)
        One an entry, in the order of `names`: an array of four axes, or a generator that loads
        one entry at a time. Natural units, under the same weightings for all.
    higher_is_better : bool
        Direction of the metric.
    scale : {"logit", "log"}, optional
        Scale of the values' intervals; decisions are in natural units.

    Raises
    ------
    SpecError
        If names repeat, or shapes differ between entries.
    Undefined
        If a value or replicate is missing: leave that entry out and list it below.
    """
    field = [summarise(name, *one) for name, *one in zip(names, values, replicates, strict=True)]
    return stand_summaries(field, higher_is_better=higher_is_better, scale=scale)


def stand_summaries(
    field: Sequence[Summary], *, higher_is_better: bool, scale: Scale | None = None
) -> list[Standing]:
    """Return the entries best first, from their summaries.

    Order by value, ties by name. The first entry is the anchor: its tie class runs to the entry
    before the first that differs from it; that one is the next anchor. Rank intervals count the
    same decisions (`differing`).

    Parameters
    ----------
    field : sequence of Summary
        All entries of the track: hiding rows later must not change this.
    higher_is_better : bool
        Direction of the metric.
    scale : {"logit", "log"}, optional
        Scale of the values' intervals.

    Raises
    ------
    SpecError
        If names repeat, or shapes differ between entries.
    """
    if not field:
        return []
    _check_field(field)
    sign = 1 if higher_is_better else -1
    field = sorted(field, key=lambda entry: (-sign * float(entry.values.mean()), entry.name))
    values = np.stack([entry.values for entry in field])
    streams = np.stack([entry.streams for entry in field])
    declared = np.array([entry.deterministic for entry in field])
    decided = decidable(values, declared)
    differ = differing(values, streams, deterministic=declared)
    better = np.tril(differ).sum(axis=1)  # those before it that differ from it
    worse = np.triu(differ).sum(axis=1)
    classes = iter(_tie_classes(differ[np.ix_(decided, decided)]))
    rows = []
    for i, components in enumerate(spreads(values, streams)):
        value = float(field[i].values.mean())
        interval = around(value, components, scale=scale, images=field[i].images)
        row = Standing(field[i].name, interval.value, interval.low, interval.high, interval.kind,
                       None, None, None, i + 1)  # fmt: skip
        if decided[i]:
            # Entries that are not classed may stand anywhere among these.
            low, high = 1 + int(better[i]), len(field) - int(worse[i])
            row = replace(row, rank_low=low, rank_high=high, tie_class=next(classes))
        rows.append(row)
    return rows


def _tie_classes(differ: Bool[np.ndarray, "k k"]) -> list[int]:
    """Return class numbers from 1 for entries in order."""
    anchor, number, classes = 0, 1, []
    for i in range(len(differ)):
        if differ[anchor, i]:
            anchor, number = i, number + 1
        classes.append(number)
    return classes


def _check_field(field: Sequence[Summary]) -> None:
    names = [entry.name for entry in field]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise SpecError(f"names must differ; {twice!r} comes twice. Rank each entry once.")
    first = field[0]
    for entry in field:
        if entry.values.shape != first.values.shape or entry.streams.shape != first.streams.shape:
            raise SpecError(
                f"all entries need the same cells, seeds and replicates; {first.name} has "
                f"{first.values.shape} and {first.streams.shape}, {entry.name} "
                f"{entry.values.shape} and {entry.streams.shape}. Rank complete entries only."
            )

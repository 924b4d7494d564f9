"""Where an entry stands: tie classes and rank intervals from one pairwise decision."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import ndtri, stdtr, stdtrit

from harness.errors import SpecError
from harness.stats.intervals import Scale, around
from harness.stats.moderation import moderate
from harness.stats.spread import (
    MIN_SEEDS,
    Kind,
    cell_mean,
    check_streams,
    check_values,
    spread_of_streams,
)

ALPHA = 0.05
"""Chance that any pair of equal entries is told apart."""


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
    rank_low: int
    """1 + number of entries that are significantly better."""
    rank_high: int
    """Number of entries − number that are significantly worse."""
    tie_class: int
    """1 for the best class; entries of a class do not differ from its first."""
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


def summarise(
    name: str,
    values: Float[np.ndarray, "cells seeds"],
    replicates: Float[np.ndarray, "_ _ replicates"],
    *,
    sd: Float[np.ndarray, "cells seeds"] | None = None,
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
    return Summary(name, values.astype(np.float64), streams)


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
    differ = differing(values, np.stack([entry.streams for entry in field]))
    classes = _tie_classes(differ)
    better = np.tril(differ).sum(axis=1)  # those before it that differ from it
    worse = np.triu(differ).sum(axis=1)
    rows = []
    for i, entry in enumerate(field):
        components = spread_of_streams(entry.values, entry.streams)
        interval = around(float(entry.values.mean()), components, scale=scale)
        rank = (1 + int(better[i]), len(field) - int(worse[i]))
        rows.append(
            Standing(entry.name, interval.value, interval.low, interval.high, interval.kind,
                     *rank, classes[i], i + 1)
        )  # fmt: skip
    return rows


def differing(
    values: Float[np.ndarray, "entries cells seeds"],
    streams: Float[np.ndarray, "entries seeds replicates"],
) -> Bool[np.ndarray, "entries entries"]:
    """Return which pairs of entries differ, at 5 % over all pairs together.

    p = 2·T_ν(−|D|/√V) ≤ 0.05/(K(K − 1)/2): all pairs are the family, because the data choose
    whom the first is compared with. From 3 seeds on, seed variances are moderated over the field.

    Parameters
    ----------
    values : float array of shape (entries, cells, seeds)
        The metric.
    streams : float array of shape (entries, seeds, replicates)
        Replicates averaged over cells.

    References
    ----------
    PROTOCOL section 5, "Tie classes"; Smyth 2004 for the moderated variances.
    """
    entries, seeds = len(values), values.shape[2]
    overall = values.mean(axis=(1, 2))
    distance = np.abs(overall[:, None] - overall)
    total, shared = pair_variances(streams)
    alpha = ALPHA / max(1, entries * (entries - 1) // 2)
    if seeds < MIN_SEEDS or entries < 2:
        return _beyond(distance, total, np.full((1, 1), np.inf), alpha)
    moderated, df = moderate(values)
    seed = (moderated[:, None] + moderated) / seeds
    variance = np.maximum(total, shared + seed)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(seed > 0, (shared + seed) / seed, np.inf)
    return _beyond(distance, variance, df * ratio**2, alpha)


def pair_variances(
    streams: Float[np.ndarray, "entries seeds replicates"],
) -> tuple[Float[np.ndarray, "entries entries"], Float[np.ndarray, "entries entries"]]:
    """Return V_t and V_c of the difference of every pair, from two products of all streams.

    The sum of a pair's seed-by-seed covariances is S²·V_t; without its diagonal, which is the
    sum of the seeds' own variances, S(S − 1) covariances remain.
    """
    entries, seeds, size = streams.shape
    centred = streams - streams.mean(axis=2, keepdims=True)
    mean = centred.mean(axis=1)
    flat = centred.reshape(entries, -1)
    total = _squared_distances(mean @ mean.T) / (size - 1)
    if seeds < MIN_SEEDS:
        return total, total
    own = _squared_distances(flat @ flat.T) / (size - 1)
    shared = (seeds**2 * total - own) / (seeds * (seeds - 1))
    return total, np.maximum(shared, 0, out=shared)


def _squared_distances(gram: Float[np.ndarray, "k k"]) -> Float[np.ndarray, "k k"]:
    """Return squared distances between rows from their inner products; exactly 0 to oneself."""
    squares = gram.diagonal().copy()
    gram *= -2
    gram += squares[:, None]
    gram += squares
    # Rows that are equal leave rounding of this size, and no difference is that small.
    gram[gram < 1e-12 * np.add.outer(squares, squares)] = 0
    return gram


def _beyond(
    distance: Float[np.ndarray, "k k"],
    variance: Float[np.ndarray, "k k"],
    df: Float[np.ndarray, "_ _"],
    alpha: float,
) -> Bool[np.ndarray, "k k"]:
    """Return where 2·T_df(−distance/√variance) ≤ alpha.

    T's distribution function is slow, so it is asked only where the quantiles for the bounds of
    `df` disagree.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(distance > 0, distance / np.sqrt(variance), 0.0)
    beyond: Bool[np.ndarray, "k k"] = ratio >= -ndtri(alpha / 2)
    least = float(df.min())
    if np.isinf(least):
        return beyond
    unsure = np.triu(beyond & (ratio < -stdtrit(least, alpha / 2)))
    told = 2 * stdtr(df[unsure], -ratio[unsure]) <= alpha
    beyond[unsure] = told
    beyond.T[unsure] = told
    return beyond


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

"""Intervals of a metric's value and of the difference of two entries (PROTOCOL section 5)."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import expit, logit

from harness.errors import Undefined
from harness.stats.score_intervals import ClassRecalls, score_ends
from harness.stats.spread import MIN_SEEDS, Kind, Spread, spread, t_quantile

Scale = Literal["logit", "log"]
LEVEL = 0.975
"""Upper quantile of a 95 % interval."""
ROUNDING = 1e-9
"""Records keep nine digits: seeds that differ by less do not differ."""


@dataclass(frozen=True)
class SeedInterval:
    """A mean with the 95 % interval that what is stored allows, in natural units."""

    value: float
    """Mean over cells and seeds."""
    low: float
    """Lower end; the value itself where there is no interval."""
    high: float
    """Upper end."""
    covers: str
    """What the interval covers; ``no interval: …`` says why there is none."""


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % interval, in natural units."""

    value: float
    """Mean over cells of the mean over seeds."""
    low: float
    """Lower end."""
    high: float
    """Upper end."""
    se: float
    """Standard error of the value; ``√V`` in natural units also where ends are on another scale."""
    kind: Kind
    """What the interval covers; never print ± without it."""


def level(
    values: Float[np.ndarray, " seeds"],
    replicates: Float[np.ndarray, "seeds replicates"],
    *,
    scale: Scale | None = None,
    images: ClassRecalls | None = None,
) -> Interval:
    """Return the interval of a metric in one cell.

    Parameters
    ----------
    values : float array of shape (seeds,)
        The metric, one value per seed.
    replicates : float array of shape (seeds, replicates)
        The metric under every weighting, or its deviation from the value.
    scale : {"logit", "log"}, optional
        Where the ends are computed: ``logit`` for levels in (0, 1), ``log`` for NLL.
    images : ClassRecalls, optional
        For a mean of recalls: with few images its ends are by score.

    Raises
    ------
    Undefined
        If a value or replicate is missing.

    Examples
    --------
    >>> level(np.array([0.9]), np.array([[0.89, 0.91, 0.9]])).kind
    'test-set only'
    """
    return level_over_cells(values[None], replicates[None], scale=scale, images=images)


def level_over_cells(
    values: Float[np.ndarray, "cells seeds"],
    replicates: Float[np.ndarray, "cells seeds replicates"],
    *,
    scale: Scale | None = None,
    images: ClassRecalls | None = None,
) -> Interval:
    """Return the interval of a metric's unweighted mean over cells.

    Cells share the test set (their replicates are averaged weighting by weighting) and are
    independent in their seeds (PROTOCOL section 5).

    Parameters
    ----------
    values : float array of shape (cells, seeds)
        The metric.
    replicates : float array of shape (cells, seeds, replicates)
        The metric under every weighting, or its deviation from the value.
    scale : {"logit", "log"}, optional
        Where the ends are computed, by the delta method around the value.
    images : ClassRecalls, optional
        For a mean of recalls: with few images its ends are by score.

    Raises
    ------
    Undefined
        If a value or replicate is missing.
    """
    return around(float(values.mean()), spread(values, replicates), scale=scale, images=images)


def difference(
    candidate: Float[np.ndarray, "cells seeds"],
    reference: Float[np.ndarray, "cells seeds"],
    candidate_replicates: Float[np.ndarray, "cells seeds replicates"],
    reference_replicates: Float[np.ndarray, "cells seeds replicates"],
) -> Interval:
    """Return the interval of candidate minus reference, paired by weighting and by seed.

    Parameters
    ----------
    candidate, reference : float array of shape (cells, seeds)
        The metric; NaN where an entry lacks the seed in a cell.
    candidate_replicates, reference_replicates : float array of shape (cells, seeds, replicates)
        Under the same weightings.

    Raises
    ------
    Undefined
        If there is no seed that both have in every cell.
    """
    one, two = Side(candidate, candidate_replicates), Side(reference, reference_replicates)
    gaps, moved = gaps_of(*matched(one, two))
    return around(float(gaps.mean()), spread(gaps, moved))


@dataclass(frozen=True)
class Side:
    """One side of a paired difference."""

    values: Float[np.ndarray, "cells seeds"]
    """The metric; NaN where the entry lacks the seed in a cell."""
    replicates: Float[np.ndarray, "cells seeds replicates"]
    """The metric under every weighting, the same for both sides."""
    deterministic: bool = False
    """Declared so; not believed where seeds differ."""

    @property
    def constant(self) -> bool:
        """Return whether one seed tells all: declared, and equal over the seeds that exist."""
        if not self.deterministic or not np.isfinite(self.values).all(axis=0).any():
            return False
        gap = np.nanmax(self.values, axis=1) - np.nanmin(self.values, axis=1)
        return bool((gap == 0).all())

    def repeated(self, seeds: int) -> "Side":
        """Return a constant side with its first complete seed as each of `seeds` seeds."""
        first = int(np.flatnonzero(np.isfinite(self.values).all(axis=0))[0])
        return replace(
            self,
            values=np.repeat(self.values[:, [first]], seeds, axis=1),
            replicates=np.repeat(self.replicates[:, [first]], seeds, axis=1),
        )


def matched(candidate: Side, reference: Side) -> tuple[Side, Side]:
    """Return both sides over the seeds that they share; a constant side has every seed.

    Raises
    ------
    Undefined
        If there is none.
    """
    if candidate.constant:
        candidate = candidate.repeated(reference.values.shape[1])
    if reference.constant:
        reference = reference.repeated(candidate.values.shape[1])
    both = shared_seeds(candidate.values.astype(np.float64) - reference.values)
    one, two = (
        replace(side, values=side.values[:, both], replicates=side.replicates[:, both])
        for side in (candidate, reference)
    )
    return one, two


def gaps_of(
    one: Side, two: Side
) -> tuple[Float[np.ndarray, "cells seeds"], Float[np.ndarray, "cells seeds replicates"]]:
    """Return first minus second, values and replicates, of sides over the same seeds."""
    gaps = one.values.astype(np.float64) - two.values
    return gaps, one.replicates.astype(np.float64) - two.replicates


def shared_seeds(gaps: Float[np.ndarray, "cells seeds"]) -> Bool[np.ndarray, " seeds"]:
    """Return the seeds that both sides of a difference have in every cell.

    Raises
    ------
    Undefined
        If there is none.
    """
    both: Bool[np.ndarray, " seeds"] = np.isfinite(gaps).all(axis=0)
    if not both.any():
        raise Undefined("no seed has a value on both sides in every cell")
    return both


def over_seeds(values: Float[np.ndarray, " seeds"]) -> SeedInterval:
    """Return the t interval of a mean over seeds, where no replicates of the metric are stored.

    Parameters
    ----------
    values : float array of shape (seeds,)
        One value, or one paired difference, a seed; natural units.

    Examples
    --------
    >>> over_seeds(np.array([0.1, 0.2, 0.3])).covers
    'seeds only'
    """
    mean, n = float(values.mean()), len(values)
    if n < 2:
        return SeedInterval(mean, mean, mean, "no interval: one seed and no stored replicates")
    sd = float(values.std(ddof=1))
    if sd < ROUNDING:
        return SeedInterval(mean, mean, mean, "no interval: every seed gives the same value")
    half = t_quantile(LEVEL, n - 1.0) * sd / float(np.sqrt(n))
    return SeedInterval(mean, mean - half, mean + half, "seeds only")


def paired_interval(
    gaps: Float[np.ndarray, "cells seeds"],
    replicate_gaps: Float[np.ndarray, "cells seeds replicates"] | None,
) -> SeedInterval:
    """Return the interval of a mean of paired differences, from replicates where there are any.

    Parameters
    ----------
    gaps : float array of shape (cells, seeds)
        First minus second side; a seed that lacks a value in some cell is left out.
    replicate_gaps : float array of shape (cells, seeds, replicates), optional
        The same under every weighting; None or an undefined value: the interval is over seeds.

    Raises
    ------
    Undefined
        If no seed has a value in every cell.
    """
    both = shared_seeds(gaps)
    kept = gaps[:, both]
    if replicate_gaps is not None and np.isfinite(replicates := replicate_gaps[:, both]).all():
        if kept.shape[1] < MIN_SEEDS:
            mean = float(kept.mean())
            return SeedInterval(mean, mean, mean, f"no interval: needs {MIN_SEEDS} seeds")
        found = around(float(kept.mean()), spread(kept, replicates))
        return SeedInterval(found.value, found.low, found.high, found.kind)
    return over_seeds(kept.mean(axis=0))


def around(
    value: float,
    components: Spread,
    *,
    scale: Scale | None = None,
    images: ClassRecalls | None = None,
    upper: float = LEVEL,
) -> Interval:
    """Return the interval of a value with known variance components.

    On the edge of a scale (an AUROC of exactly 1) there is no tangent, and the ends are those of
    the natural scale cut at the edge. A mean of recalls over few images has its ends by score.
    `upper` is the upper probability of the ends.
    """
    se, reach = float(np.sqrt(components.variance)), components.reach(upper)
    ends: tuple[float, float] | np.ndarray
    if images is not None and images.few:
        ends = score_ends(value, images, components, upper)
    elif scale == "logit" and 0 < value < 1:
        ends = expit(logit(value) + np.array([-1, 1]) * reach / (value * (1 - value)))
    elif scale == "log" and value > 0:
        ends = value * np.exp(np.array([-1, 1]) * reach / value)
    else:
        most = 1.0 if scale == "logit" else np.inf
        ends = np.array([value - reach, value + reach])
        ends = ends if scale is None else np.clip(ends, min(0.0, value), max(most, value))
    return Interval(value, float(ends[0]), float(ends[1]), se, components.kind)

"""Intervals of a metric's value and of the difference of two entries (PROTOCOL section 5)."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int
from scipy.special import expit, logit

from harness.errors import SpecError, Undefined
from harness.stats.spread import Kind, Spread, spread, t_quantile

Scale = Literal["logit", "log"]
LEVEL = 0.975
"""Upper quantile of a 95 % interval."""
FEW = 10
"""A recall with fewer right or wrong images than this gets a Wilson interval."""


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
    df: float
    """ν, the degrees of freedom of t; infinite for `test-set only`."""
    kind: Kind
    """What the interval covers; never print ± without it."""


def level(
    values: Float[np.ndarray, " seeds"],
    replicates: Float[np.ndarray, "seeds replicates"],
    *,
    scale: Scale | None = None,
) -> Interval:
    """Return the interval of a metric in one cell.

    Parameters
    ----------
    values : float array of shape (seeds,)
        The metric, one value a seed.
    replicates : float array of shape (seeds, replicates)
        The metric under every weighting, or its deviation from the value.
    scale : {"logit", "log"}, optional
        Where the ends are computed: ``logit`` for levels in (0, 1), ``log`` for NLL.

    Raises
    ------
    Undefined
        If a value or replicate is missing.

    Examples
    --------
    >>> level(np.array([0.9]), np.array([[0.89, 0.91, 0.9]])).kind
    'test-set only'
    """
    return level_over_cells(values[None], replicates[None], scale=scale)


def level_over_cells(
    values: Float[np.ndarray, "cells seeds"],
    replicates: Float[np.ndarray, "cells seeds replicates"],
    *,
    scale: Scale | None = None,
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

    Raises
    ------
    Undefined
        If a value or replicate is missing.
    """
    return around(float(values.mean()), spread(values, replicates), scale=scale)


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
    gap, spread_of_gap = paired(candidate, reference, candidate_replicates, reference_replicates)
    return around(gap, spread_of_gap)


def paired(
    candidate: Float[np.ndarray, "cells seeds"],
    reference: Float[np.ndarray, "cells seeds"],
    candidate_replicates: Float[np.ndarray, "cells seeds replicates"],
    reference_replicates: Float[np.ndarray, "cells seeds replicates"],
) -> tuple[float, Spread]:
    """Return the difference and its variance components over the seeds that both have."""
    gaps = candidate.astype(np.float64) - reference
    both = np.isfinite(gaps).all(axis=0)
    if not both.any():
        raise Undefined("no seed was run by both in every cell")
    replicate_gaps = candidate_replicates[:, both].astype(np.float64)
    replicate_gaps -= reference_replicates[:, both]
    return float(gaps[:, both].mean()), spread(gaps[:, both], replicate_gaps)


def around(value: float, components: Spread, *, scale: Scale | None = None) -> Interval:
    """Return the interval of a value with known variance components.

    On the edge of a scale (a recall of exactly 1) there is no tangent, and the ends are those of
    the natural scale cut at the edge.
    """
    se, df = float(np.sqrt(components.variance)), components.df
    reach = t_quantile(LEVEL, df) * se
    if scale == "logit" and 0 < value < 1:
        ends = expit(logit(value) + np.array([-1, 1]) * reach / (value * (1 - value)))
    elif scale == "log" and value > 0:
        ends = value * np.exp(np.array([-1, 1]) * reach / value)
    else:
        upper = 1.0 if scale == "logit" else np.inf
        ends = np.array([value - reach, value + reach])
        ends = ends if scale is None else np.clip(ends, min(0.0, value), max(upper, value))
    return Interval(value, float(ends[0]), float(ends[1]), se, df, components.kind)


def few_images(group_recalls: Float[np.ndarray, " g"], class_sizes: Int[np.ndarray, " g"]) -> bool:
    """Return whether fewer than ten images of the group are right, or fewer than ten wrong.

    Parameters
    ----------
    group_recalls : float array of shape (g,)
        Recall of every class of the group, in [0, 1].
    class_sizes : int array of shape (g,)
        Test images of every class of the group.
    """
    right = float(group_recalls @ class_sizes)
    # Recalls are quotients: 10 right images may sum to 9.999999999999998.
    return min(right, float(class_sizes.sum()) - right) < FEW - 1e-6


def wilson(
    value: float, group_recalls: Float[np.ndarray, " g"], class_sizes: Int[np.ndarray, " g"]
) -> Interval:
    """Return the Wilson interval of a group's mean recall, for few right or wrong images.

    The group counts as N = G²/Σ(1/n_k) images: with equal recalls p their mean has variance
    p(1 − p)/N.

    Parameters
    ----------
    value : float
        The recall, in [0, 1].
    group_recalls : float array of shape (g,)
        Recall of every class of the group (averaged over seeds).
    class_sizes : int array of shape (g,)
        Test images of every class of the group, at least 1 each.

    Returns
    -------
    Interval
        `test-set only`.

    Raises
    ------
    SpecError
        If the value is outside [0, 1], or shapes or sizes do not fit.

    References
    ----------
    Wilson 1927, "Probable inference, the law of succession, and statistical inference".
    """
    if not 0 <= value <= 1:
        raise SpecError(f"a recall lies in [0, 1]; got {value}. Give a fraction, not percent.")
    if len(group_recalls) != len(class_sizes) or not len(class_sizes) or class_sizes.min() < 1:
        raise SpecError(
            f"class_sizes needs one size of at least 1 for each of {len(group_recalls)} recalls; "
            f"got {class_sizes.tolist()}. Leave out classes without a test image."
        )
    n = len(class_sizes) ** 2 / float((1 / class_sizes).sum())
    z = t_quantile(LEVEL, np.inf)
    centre = (value + z**2 / (2 * n)) / (1 + z**2 / n)
    reach = z * np.sqrt(value * (1 - value) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    # The ends of 0 and 1 are exact in the formula and an ulp off in floating point.
    low = 0.0 if value == 0 else float(centre - reach)
    high = 1.0 if value == 1 else float(centre + reach)
    se = float(np.sqrt(value * (1 - value) / n))
    return Interval(value, low, high, se, np.inf, "test-set only")

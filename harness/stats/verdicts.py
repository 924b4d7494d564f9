"""What can be said of a candidate against a reference, and what it would take to say more."""

from typing import Literal

import numpy as np
from jaxtyping import Float

from harness.errors import SpecError
from harness.stats.intervals import LEVEL, Interval, around, paired
from harness.stats.spread import MIN_SEEDS, Spread, t_probability, t_quantile
from harness.types import Verdict

POWER = 0.80
"""Chance to find a true difference that the planning figures are made for."""
MOST_SEEDS = 400
"""Beyond this many seeds the answer is: not by seeds."""


def verdict(
    candidate: Float[np.ndarray, "cells seeds"],
    reference: Float[np.ndarray, "cells seeds"],
    candidate_replicates: Float[np.ndarray, "cells seeds replicates"],
    reference_replicates: Float[np.ndarray, "cells seeds replicates"],
    *,
    margin: float,
    higher_is_better: bool,
) -> Verdict:
    """Return same, better, worse or cannot tell, in this order of precedence.

    `same`: the 95 % interval of the difference lies inside (−margin, margin); `better`: its lower
    end is above 0; `worse`: its upper end is below 0.

    Parameters
    ----------
    candidate, reference : float array of shape (cells, seeds)
        The metric; NaN where an entry lacks the seed in a cell.
    candidate_replicates, reference_replicates : float array of shape (cells, seeds, replicates)
        Under the same weightings.
    margin : float
        Differences inside (−margin, margin) count as the same; natural units, at least 0.
    higher_is_better : bool
        Direction of the metric; the difference is signed so that positive is better.

    Returns
    -------
    Verdict
        ``seeds_to_settle`` is the number of seeds at hand when the verdict is settled.

    Raises
    ------
    SpecError
        If the margin is negative or not finite.
    Undefined
        If no seed is common to both.
    """
    if not (np.isfinite(margin) and margin >= 0):
        raise SpecError(f"margin must be at least 0; got {margin}. Give natural units, e.g. 0.01.")
    gap, components = paired(candidate, reference, candidate_replicates, reference_replicates)
    interval = around(gap if higher_is_better else -gap, components)
    word = _word(interval, margin)
    if word == "cannot tell":
        settle = seeds_to_settle(interval.value, components, margin)
    else:
        settle = components.seeds
    return Verdict(
        verdict=word,
        difference=interval.value,
        low=interval.low,
        high=interval.high,
        margin=margin,
        p=_p_value(interval),
        interval_kind=interval.kind,
        detectable=(_t(LEVEL, interval.df) + _t(POWER, interval.df)) * interval.se,
        seeds_to_settle=settle,
    )


_t = t_quantile


def _word(interval: Interval, margin: float) -> Literal["same", "better", "worse", "cannot tell"]:
    if -margin < interval.low and interval.high < margin:
        return "same"
    if interval.low > 0:
        return "better"
    return "worse" if interval.high < 0 else "cannot tell"


def _p_value(interval: Interval) -> float:
    if interval.value == 0:
        return 1.0
    if interval.se == 0:
        return 0.0
    return 2 * t_probability(-abs(interval.value) / interval.se, interval.df)


def seeds_to_settle(difference: float, components: Spread, margin: float) -> int | None:
    """Return the smallest number of seeds, 3 to 400, that would settle a comparison.

    Settled means that, were the difference as seen, `better` or `worse` would be found with 80 %
    power, or `same` would. With fewer than 3 seeds their variance is not known and taken as zero:
    the number is then a lower bound.

    Parameters
    ----------
    difference : float
        Candidate minus reference, natural units.
    components : Spread
        Variance components of the difference with the seeds at hand.
    margin : float
        Natural units, at least 0.

    Returns
    -------
    int or None
        None: not by seeds, needs test images.
    """
    size = abs(difference)
    for seeds in range(MIN_SEEDS, MOST_SEEDS + 1):
        planned = with_seeds(components, seeds)
        se, df = float(np.sqrt(planned.shared + planned.seed)), planned.df
        reach = _t(LEVEL, df)
        if (reach + _t(POWER, df)) * se <= size:
            return seeds
        upper = t_probability((margin - size) / se - reach, df) if se else float(size < margin)
        lower = t_probability(-(margin + size) / se + reach, df) if se else 0.0
        if upper - lower >= POWER:
            return seeds
    return None


def with_seeds(components: Spread, seeds: int) -> Spread:
    """Return the spread that the same entries would have with another number of seeds.

    s² = w·S stays; its degrees of freedom grow with S − 1.
    """
    seed = components.seed * components.seeds / seeds
    df = components.seed_df * (seeds - 1) / max(1, components.seeds - 1)
    return Spread(components.shared + seed, components.shared, seed, df, seeds)

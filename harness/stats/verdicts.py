"""What can be said of a candidate against a reference, and what it would take to say more."""

from typing import Literal

import numpy as np
from jaxtyping import Float

from harness.errors import SpecError
from harness.stats.intervals import LEVEL, Interval, Side, around, gaps_of, matched
from harness.stats.planning import detectable, seeds_to_settle
from harness.stats.score_intervals import (
    LEAST_P,
    ClassRecalls,
    planned,
    score_difference,
    score_p,
)
from harness.stats.spread import MIN_SEEDS, Spread, spread
from harness.types import Verdict

UNKNOWN_SPREAD = f"spread over seeds unknown: needs {MIN_SEEDS} seeds that both have"
"""Why nothing is said of entries with one or two seeds in common."""


def verdict(
    candidate: Float[np.ndarray, "cells seeds"],
    reference: Float[np.ndarray, "cells seeds"],
    candidate_replicates: Float[np.ndarray, "cells seeds replicates"],
    reference_replicates: Float[np.ndarray, "cells seeds replicates"],
    *,
    margin: float,
    higher_is_better: bool,
    deterministic: tuple[bool, bool] = (False, False),
    images: tuple[ClassRecalls, ClassRecalls] | None = None,
    upper: float = LEVEL,
) -> Verdict:
    """Return same, better, worse or cannot tell, in this order of precedence.

    `same`: the 95 % interval of the difference lies inside (−margin, margin); `better`: its lower
    end is above 0; `worse`: its upper end is below 0. With fewer than 3 common seeds nothing is
    said, unless both sides are deterministic or one is and the other has 3.

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
    deterministic : pair of bool, optional
        Which sides are declared so; one whose seeds differ is not believed.
    images : pair of ClassRecalls, optional
        For means of recalls: with few images on either side the interval is by score.
    upper : float, default=0.975
        Upper probability of the interval; higher where this is one look of several
        (`harness.stats.spending`).

    Returns
    -------
    Verdict
        ``seeds_to_settle`` is the number of seeds there are when the verdict is settled.

    Raises
    ------
    SpecError
        If the margin is negative or not finite.
    Undefined
        If no seed is common to both.
    """
    if not (np.isfinite(margin) and margin >= 0):
        raise SpecError(f"margin must be at least 0; got {margin}. Give natural units, e.g. 0.01.")
    one, two = matched(
        Side(candidate, candidate_replicates, deterministic[0]),
        Side(reference, reference_replicates, deterministic[1]),
    )
    sign = 1.0 if higher_is_better else -1.0
    gaps, moved = gaps_of(one, two)
    components = spread(gaps, moved)
    gap = sign * float(gaps.mean())
    known = components.seeds >= MIN_SEEDS or (one.constant and two.constant)
    interval, p = around(gap, components, upper=upper), _p_value(gap, components)
    plan = components
    if images is not None and (images[0].few or images[1].few):
        interval, p, plan = _by_score(interval, (one, two), images, components, sign, upper)
    word = _word(interval, margin) if known else "cannot tell"
    if not known:
        settle: int | None = MIN_SEEDS
    elif word == "cannot tell":
        settle = seeds_to_settle(gap, plan, margin, upper)
    else:
        settle = components.seeds
    return Verdict(
        verdict=word,
        difference=interval.value,
        low=interval.low,
        high=interval.high,
        margin=margin,
        p=p if known else None,
        interval_kind="seeds and test set" if known else interval.kind,
        detectable=detectable(plan, upper) if known else None,
        seeds_to_settle=settle,
        reason=None if known else UNKNOWN_SPREAD,
    )


def _by_score(
    interval: Interval,
    sides: tuple[Side, Side],
    images: tuple[ClassRecalls, ClassRecalls],
    components: Spread,
    sign: float,
    upper: float,
) -> tuple[Interval, float, Spread]:
    """Return the interval by score, its p, and the spread that plans are made with."""
    pair, correlation = _scored_pair(sides, images)
    if sign < 0:
        pair = (pair[1], pair[0])
    low, high = score_difference(pair, correlation, components, upper)
    found = Interval(interval.value, low, high, interval.se, interval.kind)
    p = score_p(pair, correlation, components)
    return found, p, planned(pair, correlation, components, upper)


def spread_for_plans(
    one: Side, two: Side, images: tuple[ClassRecalls | None, ClassRecalls | None]
) -> Spread:
    """Return the spread of a difference that plans are made with, as `verdict` makes them.

    Parameters
    ----------
    one, two : Side
        Over the same seeds, without a gap.
    images : pair of ClassRecalls or None
        Means of recalls with few images on either side are planned by score; None: another metric.
    """
    components = spread(*gaps_of(one, two))
    first, second = images
    if first is None or second is None or not (first.few or second.few):
        return components
    return planned(*_scored_pair((one, two), (first, second)), components, LEVEL)


def _scored_pair(
    sides: tuple[Side, Side], images: tuple[ClassRecalls, ClassRecalls]
) -> tuple[tuple[tuple[float, ClassRecalls], tuple[float, ClassRecalls]], float]:
    """Return each side's mean with its images, and how far the sides move together."""
    one, two = (float(side.values.mean()) for side in sides)
    return ((one, images[0]), (two, images[1])), _correlation(*(s.replicates for s in sides))


def _correlation(
    one: Float[np.ndarray, "cells seeds replicates"],
    two: Float[np.ndarray, "cells seeds replicates"],
) -> float:
    """Return how far two sides move together over test images; 0 where one does not move."""
    streams = [side.astype(np.float64).mean(axis=(0, 1)) for side in (one, two)]
    if min(stream.std() for stream in streams) == 0:
        return 0.0
    return float(np.clip(np.corrcoef(*streams)[0, 1], 0.0, 1.0))


def _word(interval: Interval, margin: float) -> Literal["same", "better", "worse", "cannot tell"]:
    if -margin < interval.low and interval.high < margin:
        return "same"
    if interval.low > 0:
        return "better"
    return "worse" if interval.high < 0 else "cannot tell"


def _p_value(gap: float, components: Spread) -> float:
    """Return the two-sided p of no difference: the level at which the interval reaches 0."""
    if gap == 0:
        return 1.0
    if components.variance == 0:
        return 0.0
    ratio = abs(gap) / float(np.sqrt(components.variance))

    def miss(p: float) -> float:
        return ratio - components.critical(1 - p / 2)

    from scipy.optimize import brentq  # slow to import, and few rankings need it

    return LEAST_P if miss(LEAST_P) > 0 else float(brentq(miss, LEAST_P, 1.0))

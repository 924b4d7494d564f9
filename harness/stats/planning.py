"""What a comparison can find, and how many seeds would settle it: for variances that are estimates.

Three seeds tell little of their own spread: a difference that is detectable were the spread as seen
is missed every third time. So the true spread, and the spread that a repetition would see, are
averaged over (assurance): w·f/χ²_f and that times χ²_f/f.
"""

from functools import lru_cache

import numpy as np
from jaxtyping import Float
from scipy.special import chdtri, ndtr

from harness.stats.spread import MIN_SEEDS, Spread, t_quantile

POWER = 0.80
"""Chance to find a true difference that the planning figures are made for."""
MOST_SEEDS = 400
"""Beyond this many seeds the answer is: not by seeds."""
NODES = 40
"""Equally likely values that stand for a χ² distribution."""


@lru_cache(maxsize=64)
def _chi_squares(df: float) -> Float[np.ndarray, " nodes"]:
    """Return equally likely values of χ²_df/df."""
    tails = (np.arange(NODES) + 0.5) / NODES
    return np.asarray(chdtri(df, tails) / df)


def _futures(
    components: Spread, seeds: int
) -> tuple[Float[np.ndarray, "nodes 1"], Float[np.ndarray, "nodes nodes"]]:
    """Return w as it may truly be with another number of seeds, and as it would then be seen."""
    if components.seed == 0 or np.isinf(components.seed_df):
        w = np.full((1, 1), components.seed * components.seeds / seeds)
        return w, w
    df = _future_df(components, seeds)
    true = components.seed * components.seeds / seeds / _chi_squares(components.seed_df)
    return true[:, None], true[:, None] * _chi_squares(df)[None, :]


def _future_df(components: Spread, seeds: int) -> float:
    """Return the degrees of freedom that another number of seeds would give."""
    if np.isinf(components.seed_df):
        return components.seed_df
    return components.seed_df * (seeds - 1) / max(1, components.seeds - 1)


def _halves(
    components: Spread, seeds: int, upper: float
) -> tuple[Float[np.ndarray, "nodes 1"], Float[np.ndarray, "nodes nodes"]]:
    """Return the true standard error, and the half widths that a repetition would print."""
    true, seen = _futures(components, seeds)
    # The interaction of seeds with test images is part of V_t and falls with more seeds.
    own = max(0.0, components.total - components.shared) * components.seeds / seeds
    total = components.shared + own
    df = _future_df(components, seeds)
    variance = np.maximum(total, components.shared + seen)
    student = t_quantile(upper, df)
    normal = t_quantile(upper, np.inf)
    excess = variance - total
    critical = np.divide(
        total * normal + excess * student, variance, out=np.full_like(variance, normal),
        where=variance > 0,
    )  # fmt: skip
    return np.sqrt(np.maximum(total, components.shared + true)), critical * np.sqrt(variance)


def power(
    difference: float, components: Spread, upper: float, *, seeds: int | None = None
) -> float:
    """Return the chance that a repetition finds a true difference, the spread being an estimate.

    Parameters
    ----------
    difference : float
        True difference, natural units.
    components : Spread
        Of the difference as estimated from the seeds there are.
    upper : float
        Upper probability of the interval: 0.975.
    seeds : int, optional
        Seeds of the repetition; default: as many as there are.
    """
    se, halves = _halves(components, seeds or components.seeds, upper)
    return float(_share_above(abs(difference) - halves, se))


def seeds_to_detect(difference: float, components: Spread, upper: float) -> int | None:
    """Return the smallest number of seeds, 3 to 400, that finds a true difference with 80 % power.

    Parameters
    ----------
    difference : float
        True difference, natural units, not 0.
    components : Spread
        Of the difference as estimated from the seeds there are.
    upper : float
        Upper probability of the interval: 0.975.

    Returns
    -------
    int or None
        None: not by seeds, needs test images.
    """
    if power(difference, components, upper, seeds=MOST_SEEDS) < POWER:
        return None
    low, high = MIN_SEEDS, MOST_SEEDS
    while low < high:
        middle = (low + high) // 2
        if power(difference, components, upper, seeds=middle) >= POWER:
            high = middle
        else:
            low = middle + 1
    return low


def detectable(components: Spread, upper: float) -> float:
    """Return the smallest true difference that this comparison would find with 80 % power.

    Parameters
    ----------
    components : Spread
        Of the difference, at least 3 seeds or none that matter.
    upper : float
        Upper probability of the interval: 0.975.
    """
    se, halves = _halves(components, components.seeds, upper)
    most = float((halves + 4 * se).max())
    if most == 0:
        return 0.0
    from scipy.optimize import brentq  # slow to import, and pages that plan nothing need it not

    return float(brentq(lambda d: _share_above(d - halves, se) - POWER, 0.0, most, xtol=most / 1e6))


def seeds_to_settle(
    difference: float, components: Spread, margin: float, upper: float
) -> int | None:
    """Return the smallest number of seeds that would settle a comparison with 80 % power.

    Settled means that `better`, `worse` or `same` would be found. The seeds that there are are
    kept, so the difference moves by new seeds only: with variance s²(1/S − 1/S').

    Parameters
    ----------
    difference : float
        Candidate minus reference as seen, natural units.
    components : Spread
        Of the difference with the seeds there are.
    margin : float
        Natural units, at least 0.
    upper : float
        Upper probability of the interval: 0.975.

    Returns
    -------
    int or None
        None: not by seeds, needs test images.
    """
    first = max(MIN_SEEDS, components.seeds)
    low, high = first, MOST_SEEDS
    if _settled(difference, components, margin, upper, high) < POWER:
        return None
    # The chance rises with seeds but for steps of the quantiles: halved.
    while low < high:
        middle = (low + high) // 2
        if _settled(difference, components, margin, upper, middle) >= POWER:
            high = middle
        else:
            low = middle + 1
    return low


def _settled(
    difference: float, components: Spread, margin: float, upper: float, seeds: int
) -> float:
    """Return the chance that the comparison is settled with so many seeds."""
    _, halves = _halves(components, seeds, upper)
    true, _ = _futures(components, seeds)
    # true is s²/S'; new seeds move the mean by s²(1/S − 1/S') = s²/S' · (S'/S − 1).
    moves = np.sqrt(true * max(0.0, seeds / max(1, components.seeds) - 1))
    found = _share_above(difference - halves, moves) + _share_above(-difference - halves, moves)
    inside = np.maximum(0.0, margin - halves)
    with np.errstate(divide="ignore", invalid="ignore"):
        same = np.where(
            moves > 0,
            ndtr((inside - difference) / moves) - ndtr((-inside - difference) / moves),
            np.abs(difference) < inside,
        )
    return float(found + same.mean())


def _share_above(lead: Float[np.ndarray, "nodes nodes"], sd: Float[np.ndarray, "nodes 1"]) -> float:
    """Return the mean chance that a normal with mean `lead` and that sd is above 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.where(sd > 0, ndtr(lead / sd), lead > 0).mean())

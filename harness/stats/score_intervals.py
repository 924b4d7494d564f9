"""Intervals of recalls near 0 or 1, or over few images: by score, with effective numbers of images.

Where hardly an image is wrong, or a class has a handful of test images, resampling says little: the
images that would have gone wrong are not among them. Wilson's interval asks instead which true
recalls would make what was seen unlikely. A mean of recalls counts as many images as its variance
has (PROTOCOL section 5, second edition).
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from harness.errors import SpecError
from harness.stats.spread import Spread, t_quantile

FEW = 10
"""By score below this many right or wrong images (effective number), or images of a class."""
LEAST_P = 1e-12
"""No p-value is sought below."""


@dataclass(frozen=True)
class ClassRecalls:
    """The recalls behind a mean of recalls: one per class, averaged over seeds and cells."""

    recalls: Float[np.ndarray, " g"]
    """In [0, 1]."""
    sizes: Int[np.ndarray, " g"]
    """Test images of each class, at least 1 each."""

    def __post_init__(self) -> None:
        if len(self.recalls) != len(self.sizes) or not len(self.sizes) or self.sizes.min() < 1:
            raise SpecError(
                f"sizes needs one number of at least 1 for each of {len(self.recalls)} recalls; "
                f"got {self.sizes.tolist()}. Leave out classes without a test image."
            )
        if not ((self.recalls >= 0) & (self.recalls <= 1)).all():
            raise SpecError(
                f"recalls lie in [0, 1]; got {self.recalls.min()} to {self.recalls.max()}. Give "
                "fractions, not percent."
            )

    @property
    def mean(self) -> float:
        """Return the unweighted mean of the recalls."""
        return float(self.recalls.mean())

    @property
    def effective(self) -> float:
        """Return the number of images N with Var = p(1 − p)/N for a mean recall p.

        The smaller of two: N = G²/Σ(1/n_k), as if all recalls were equal, and the number that
        the recalls themselves give, each shrunk towards one half by one image.
        """
        groups = len(self.sizes)
        alike = groups**2 / float((1 / self.sizes).sum())
        shrunk = (self.recalls * self.sizes + 0.5) / (self.sizes + 1)
        variance = float((shrunk * (1 - shrunk) / self.sizes).sum()) / groups**2
        mean = float(shrunk.mean())
        return min(alike, mean * (1 - mean) / variance)

    @property
    def few(self) -> bool:
        """Return whether there are too few images to resample."""
        wrong_or_right = self.effective * min(self.mean, 1 - self.mean)
        # Recalls are quotients: 10 right images may sum to 9.999999999999998.
        return wrong_or_right < FEW - 1e-6 or int(self.sizes.min()) < FEW


def wilson(p: float, n: float, upper: float) -> tuple[float, float]:
    """Return the ends of Wilson's interval of a share, with continuity correction.

    Parameters
    ----------
    p : float
        Share seen, in [0, 1].
    n : float
        (Effective) number of images.
    upper : float
        Upper probability: 0.975 for a 95 % interval. Without the correction 500 images of which
        one is expected to be wrong are covered in 91.6 % (`benchmarks/truth.py`).

    References
    ----------
    Newcombe 1998, "Two-sided confidence intervals for the single proportion: comparison of seven
    methods", method 4.
    """
    return _wilson_low(p, n, upper), 1 - _wilson_low(1 - p, n, upper)


def _wilson_low(p: float, n: float, upper: float) -> float:
    if p * n <= 0.5:  # half an image is what the correction takes away
        return 0.0
    z = t_quantile(upper, np.inf)
    root = np.sqrt(max(0.0, z**2 - 2 - 1 / n + 4 * p * (n * (1 - p) + 1)))
    return max(0.0, float((2 * n * p + z**2 - 1 - z * root) / (2 * (n + z**2))))


def score_ends(
    value: float, images: ClassRecalls, seeds: Spread, upper: float
) -> tuple[float, float]:
    """Return the ends of the interval of a mean of recalls, seeds included.

    The distances to Wilson's ends and the half width that the seeds add meet at a right angle
    (Zou and Donner's MOVER).

    Parameters
    ----------
    value : float
        Mean over cells and seeds, in [0, 1].
    images : ClassRecalls
        What it is the mean of.
    seeds : Spread
        Its excess over the test set's variance counts.
    upper : float
        Upper probability.

    References
    ----------
    Zou and Donner 2008, "Construction of confidence limits about effect measures: a general
    approach".
    """
    low, high = wilson(value, images.effective, upper)
    added = seed_reach(seeds, upper)
    low, high = value - np.hypot(value - low, added), value + np.hypot(high - value, added)
    return max(0.0, float(low)), min(1.0, float(high))


def score_difference(
    sides: tuple[tuple[float, ClassRecalls], tuple[float, ClassRecalls]],
    correlation: float,
    seeds: Spread,
    upper: float,
) -> tuple[float, float]:
    """Return the ends of the interval of first minus second, two means of recalls.

    Newcombe's hybrid score interval for paired shares, with the seeds' part added as in
    `score_ends`.

    Parameters
    ----------
    sides : pair of (float, ClassRecalls)
        Value and images of either.
    correlation : float
        Of the two over test images, in [−1, 1]; 0 where it is not known is the careful choice.
    seeds : Spread
        Of the difference.
    upper : float
        Upper probability.

    References
    ----------
    Newcombe 1998, "Improved confidence intervals for the difference between binomial proportions
    based on paired data", method 10.
    """
    (first, one), (second, two) = sides
    (low1, high1), (low2, high2) = (wilson(v, c.effective, upper) for v, c in sides)
    added, gap = seed_reach(seeds, upper), first - second

    def distance(a: float, b: float) -> float:
        return float(np.sqrt(max(0.0, a * a + b * b - 2 * correlation * a * b) + added**2))

    return (
        gap - distance(first - low1, high2 - second),
        gap + distance(high1 - first, second - low2),
    )


def planned(
    sides: tuple[tuple[float, ClassRecalls], tuple[float, ClassRecalls]],
    correlation: float,
    seeds: Spread,
    upper: float,
) -> Spread:
    """Return the spread of a difference for planning: the test set's part is at least by score.

    Where nothing went wrong the replicates do not move, and a plan made from them would promise
    that any difference is seen.

    Parameters
    ----------
    sides, correlation, seeds, upper
        As in `score_difference`.
    """
    low, high = score_difference(sides, correlation, replace(seeds, seed=0.0), upper)
    part = ((high - low) / 2 / t_quantile(upper, np.inf)) ** 2
    return replace(seeds, total=max(seeds.total, part), shared=max(seeds.shared, part))


def score_p(
    sides: tuple[tuple[float, ClassRecalls], tuple[float, ClassRecalls]],
    correlation: float,
    seeds: Spread,
) -> float:
    """Return the two-sided p of no difference: the level at which `score_difference` reaches 0."""
    if sides[0][0] == sides[1][0]:
        return 1.0

    def miss(p: float) -> float:
        low, high = score_difference(sides, correlation, seeds, 1 - p / 2)
        return min(abs(low), abs(high)) * (1 if low > 0 or high < 0 else -1)

    if miss(LEAST_P) > 0:
        return LEAST_P
    from scipy.optimize import brentq  # slow to import, and few rankings need it

    return float(brentq(miss, LEAST_P, 1.0 - 1e-9)) if miss(1.0 - 1e-9) > 0 else 1.0


def seed_reach(seeds: Spread, upper: float) -> float:
    """Return the half width that comes from seeds alone."""
    excess = seeds.excess
    return t_quantile(upper, seeds.seed_df) * float(np.sqrt(excess)) if excess > 0 else 0.0

"""Effective robustness: how far a shifted accuracy lies from what the field's line predicts."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import expit, logit
from scipy.stats import t as student

from harness.errors import SpecError, Undefined

MIN_ENTRIES = 5
"""Entries below which a line through the others leaves no spread to judge by."""
LEVEL = 0.95
"""Of the intervals."""


@dataclass(frozen=True)
class RobustFit:
    """A line through logits of all entries, and each entry against the line of the others."""

    slope: float
    """Of logit(shifted) on logit(inside), all entries."""
    intercept: float
    """Of the same line."""
    expected: Float[np.ndarray, " entries"]
    """Shifted value that the line of the other entries predicts, in (0, 1)."""
    residual: Float[np.ndarray, " entries"]
    """Shifted value minus expected; above 0: more robust than its level explains."""
    low: Float[np.ndarray, " entries"]
    """Lower end of the residual's 95 % interval."""
    high: Float[np.ndarray, " entries"]
    """Upper end of it: an interval without 0 is an entry off the line."""


def robust_fit(
    inside: Float[np.ndarray, " entries"], shifted: Float[np.ndarray, " entries"]
) -> RobustFit:
    """Fit logit(shifted) = a + b·logit(inside) and measure each entry against the others' line.

    The interval is that of a prediction: the other entries' scatter about their line, Student's t
    with n − 3 degrees of freedom, wider for an entry outside the others' range. It says what a
    field of such entries would spread, not how large the test set is.

    Parameters
    ----------
    inside, shifted : float arrays of shape (entries,)
        Accuracies in (0, 1), at least `MIN_ENTRIES`; values of 0 or 1 have no logit.

    Returns
    -------
    RobustFit

    Raises
    ------
    Undefined
        If there are too few entries or they all have one inside value.
    SpecError
        If a value is not inside (0, 1).

    References
    ----------
    Taori et al. 2020, "Measuring Robustness to Natural Distribution Shifts in Image
    Classification": effective robustness, the fit on logits.
    """
    if len(inside) < MIN_ENTRIES:
        raise Undefined(f"a line needs at least {MIN_ENTRIES} entries; there are {len(inside)}")
    for values in (inside, shifted):
        if not ((values > 0) & (values < 1)).all():
            wrong = values[~((values > 0) & (values < 1))][0]
            raise SpecError(
                f"Effective robustness takes accuracies between 0 and 1; got {wrong}. Leave out "
                "rows at 0 or 1, or choose another metric."
            )
    x, y = logit(inside), logit(shifted)
    slope, intercept = _line(x, y)
    count = len(x)
    predicted, half = np.empty(count), np.empty(count)
    for i in range(count):
        others = np.arange(count) != i
        b, a = _line(x[others], y[others])
        scatter = y[others] - a - b * x[others]
        freedom = count - 3
        sd = np.sqrt((scatter**2).sum() / freedom)
        centre = x[others].mean()
        spread = ((x[others] - centre) ** 2).sum()
        reach = np.sqrt(1 + 1 / (count - 1) + (x[i] - centre) ** 2 / spread)
        predicted[i], half[i] = a + b * x[i], student.ppf((1 + LEVEL) / 2, freedom) * sd * reach
    return RobustFit(
        slope,
        intercept,
        expit(predicted),
        shifted - expit(predicted),
        shifted - expit(predicted + half),
        shifted - expit(predicted - half),
    )


def _line(x: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"]) -> tuple[float, float]:
    """Return slope and intercept by least squares."""
    centred = x - x.mean()
    spread = float((centred**2).sum())
    if spread == 0:
        raise Undefined("all entries have the same value without the shift, so there is no line")
    slope = float(centred @ y) / spread
    return slope, float(y.mean()) - slope * float(x.mean())

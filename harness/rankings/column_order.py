"""Whether predictions look as if their columns were in another order than the suite's classes."""

import numpy as np
from jaxtyping import Float

from harness.records.records import Recorded

FAR_BELOW = 0.5
"""Balanced accuracy below this share of chance is not an accident of a weak model."""
GAIN = 0.2
"""How much better another order of the columns must be to be worth a sentence."""
GOOD = 0.5
"""And how good it must be: of a model that has learnt nothing some order is always better."""
_QUESTION = "is the column order the suite's?"


def far_below_chance(recorded: Recorded, variant: str = "") -> str | None:
    """Return a sentence when balanced accuracy is far below chance, read from values alone.

    Parameters
    ----------
    recorded : Recorded
        Of any entry: given, loaded or trained.
    variant : str, default=""
        Which of its variants.
    """
    value, _ = recorded.mean(variant, "test/balanced_accuracy")
    classes, _ = recorded.mean(variant, "test/classes_scored")
    if value is None or not classes or value >= FAR_BELOW / classes:
        return None
    return (
        f"balanced accuracy is {value:.3f}, far below chance ({1 / classes:.3f}): {_QUESTION} "
        "Columns follow its class order, not the alphabet of their names."
    )


def column_order(recorded: Recorded, variant: str = "") -> str | None:
    """Return a sentence when another order of the columns would be much better, or None.

    The best order is found on the confusion matrix of all jobs together, which a record has of up
    to 20 classes; of more only `far_below_chance` is looked at.

    Parameters
    ----------
    recorded : Recorded
        A record with its arrays.
    variant : str, default=""
        Which of its variants.
    """
    plain = far_below_chance(recorded, variant)
    confusion = recorded.detail(variant, "confusion")
    if confusion is None:
        return plain
    total = confusion.astype(np.float64).sum(axis=(0, 1))  # (c, c), rows true
    here, best, moved = _best_order(total)
    if best < max(GOOD, here + GAIN):
        return plain
    return (
        f"balanced accuracy is {here:.3f}, and would be {best:.3f} if {moved} of {len(total)} "
        f"columns stood elsewhere: {_QUESTION}"
    )


def _best_order(confusion: Float[np.ndarray, "c c"]) -> tuple[float, float, int]:
    """Return mean recall as it is, under the best order of columns, and how many would move."""
    from scipy.optimize import linear_sum_assignment

    n = confusion.sum(axis=1)
    share = confusion[n > 0] / n[n > 0, None]
    true = np.flatnonzero(n > 0)
    rows, columns = linear_sum_assignment(-share)
    here = float(share[np.arange(len(true)), true].mean())
    best = float(share[rows, columns].mean())
    return here, best, int((true[rows] != columns).sum())

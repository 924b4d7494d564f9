"""How well a model's predictions on its training split find the wrong labels there."""

import numpy as np
from jaxtyping import Bool, Float

from harness.errors import Undefined
from harness.metrics.engine.checks import checked_scores
from harness.metrics.engine.levels import levels_of
from harness.metrics.memorisation import NO_FLIPS, noise_metric
from harness.metrics.metric import Metric
from harness.metrics.ood import ap_out_of, auroc_of

NO_CLEAN = "every training label is flipped"

SUSPICION = {
    "loss": "the loss under the observed label",
    "margin": "ln of the largest other probability minus ln of the observed label's",
}


def label_error_auroc(suspicion: Float[np.ndarray, " n"], flipped: Bool[np.ndarray, " n"]) -> float:
    """Return the chance that a flipped label is more suspicious than a clean one.

    Parameters
    ----------
    suspicion : float array of shape (n,)
        Larger for labels that are thought wrong: loss under the observed label, or margin
        (ln of the largest other probability minus ln of the observed one).
    flipped : bool array of shape (n,)
        Which labels are wrong.

    Returns
    -------
    float
        Fraction in [0, 1]; higher is better, 0.5 is chance.

    Raises
    ------
    Undefined
        If no label is flipped, or every one.

    References
    ----------
    Pleiss et al. 2020, "Identifying Mislabeled Data using the Area Under the Margin Ranking",
    for the margin; here of the last epoch.
    """
    return auroc_of(levels_of(*_two_sets(suspicion, flipped)))


def label_error_ap(suspicion: Float[np.ndarray, " n"], flipped: Bool[np.ndarray, " n"]) -> float:
    """Return average precision of finding flipped labels by suspicion.

    Parameters
    ----------
    suspicion : float array of shape (n,)
        Larger for labels that are thought wrong.
    flipped : bool array of shape (n,)
        Which labels are wrong.

    Returns
    -------
    float
        Fraction in (0, 1]; higher is better, the share of flipped labels is chance.

    Raises
    ------
    Undefined
        If no label is flipped, or every one.
    """
    return ap_out_of(levels_of(*_two_sets(suspicion, flipped)))


def _two_sets(
    suspicion: Float[np.ndarray, " n"], flipped: Bool[np.ndarray, " n"]
) -> tuple[Float[np.ndarray, " a"], Float[np.ndarray, " b"]]:
    """Return the suspicion of clean and of flipped labels."""
    values = checked_scores(suspicion, "suspicion")
    if not flipped.any():
        raise Undefined(NO_FLIPS)
    if flipped.all():
        raise Undefined(NO_CLEAN)
    return values[~flipped], values[flipped]


LABEL_ERRORS: tuple[Metric, ...] = tuple(
    noise_metric(
        f"label_error_{kind}_{by}",
        f"Label-error {'AUROC' if kind == 'auroc' else 'average precision'} by {by}",
        f"How well {what} finds flipped training labels.",
        function,
        direction="higher",
        undefined_when="no training label is flipped, or every one",
        source="Pleiss et al. 2020, Area Under the Margin, here of the last epoch"
        if by == "margin"
        else "Northcutt et al. 2021, Confident Learning, for the task",
    )
    for by, what in SUSPICION.items()
    for kind, function in (("auroc", label_error_auroc), ("ap", label_error_ap))
)
"""Rows of both metrics under each suspicion."""

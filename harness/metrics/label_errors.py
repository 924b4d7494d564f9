"""How well a model's predictions on its training split find the wrong labels there."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float, Int64, Integer

from harness.errors import Undefined
from harness.metrics.engine.checks import ROUNDING, checked_scores
from harness.metrics.engine.confusion import count_pairs
from harness.metrics.engine.levels import levels_of
from harness.metrics.engine.outputs import Outputs
from harness.metrics.memorisation import NO_FLIPS, noise_metric
from harness.metrics.metric import Metric
from harness.metrics.ood import ap_out_of, auroc_of

Labels = Integer[np.ndarray, " n"]
Called = Callable[[], Labels]
NO_CLEAN = "every training label is flipped"

SUSPICION = {
    "loss": "the loss under the observed label",
    "margin": "ln of the largest other probability minus ln of the observed label's",
    "normalized_margin": "the largest other probability minus the observed label's",
}


SOURCES = {
    "loss": "Northcutt et al. 2021, Confident Learning, for the task",
    "margin": "Pleiss et al. 2020, Area Under the Margin, here of the last epoch",
    "normalized_margin": "Northcutt et al. 2021, Confident Learning (prune by margin)",
}
DIFFERS = {
    "margin": "cleanlab's `normalized_margin` is the difference of the probabilities themselves: "
    "`label_error_auroc_normalized_margin`.",
    "normalized_margin": "cleanlab prints a quality, (1 − difference)/2: the same order turned "
    "round. Many rows of a memorising model tie at −1 in float32, which `margin` tells apart.",
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
        source=SOURCES[by],
        differs=DIFFERS.get(by, "") if kind == "auroc" else "",
    )
    for by, what in SUSPICION.items()
    for kind, function in (("auroc", label_error_auroc), ("ap", label_error_ap))
)
"""Rows of both metrics under each suspicion."""


def confidently_wrong(
    probs: Float[np.ndarray, "n c"], observed: Integer[np.ndarray, " n"]
) -> Int64[np.ndarray, " n"]:
    """Return the class that confident learning counts each row for; −1 where it counts none.

    A class counts where its probability reaches its mean over the rows observed as it; of several
    the likeliest.

    Parameters
    ----------
    probs : float array of shape (n, c)
        Class probabilities on the training split.
    observed : int array of shape (n,)
        Labels the model was trained on.

    References
    ----------
    Northcutt, Jiang and Chuang 2021, "Confident Learning: Estimating Uncertainty in Dataset
    Labels", arXiv:1911.00068.
    """
    return confidently_wrong_of(Outputs.from_probs(observed, probs))


def confidently_wrong_of(seen: Outputs) -> Int64[np.ndarray, " n"]:
    """Return the same of outputs beside observed labels, a block of rows at a time."""
    own = np.concatenate(
        [p[np.arange(len(p)), seen.y_true[rows]] for rows, p in seen.prob_blocks()]
    )
    sums = np.bincount(seen.y_true, weights=own, minlength=seen.c)
    needed = np.where(seen.counts > 0, sums / np.maximum(seen.counts, 1), np.inf) * ROUNDING
    called = np.empty(seen.n, dtype=np.int64)
    for rows, p in seen.prob_blocks():
        reached = np.where(p >= needed, p, -1.0)
        called[rows] = np.where(reached.max(axis=1) >= 0, reached.argmax(axis=1), -1)
    return called


def label_error_f1(
    probs: Float[np.ndarray, "n c"],
    observed: Integer[np.ndarray, " n"],
    clean: Integer[np.ndarray, " n"],
) -> float:
    """Return the F1 of the set of rows that confident learning calls wrongly labelled.

    Parameters
    ----------
    probs : float array of shape (n, c)
        Class probabilities on the training split.
    observed, clean : int array of shape (n,)
        Labels the model was trained on, and the true ones.

    Returns
    -------
    float
        Fraction in [0, 1]; higher is better. 0 when nothing that is found is wrong.

    Raises
    ------
    Undefined
        If no label is flipped.

    References
    ----------
    Northcutt, Jiang and Chuang 2021, for the task.
    """
    return f1_of_called(lambda: confidently_wrong(probs, observed), observed, clean)


def f1_of_called(called_of: Called, observed: Labels, clean: Labels) -> float:
    """Return the F1 of the rows called another class than they were observed as."""
    flipped = observed != clean
    if not flipped.any():
        raise Undefined(NO_FLIPS)
    called = called_of()
    found = (called >= 0) & (called != observed)
    return float(2 * (found & flipped).sum() / (found.sum() + flipped.sum()))


LABEL_ERROR_F1 = noise_metric(
    "label_error_f1",
    "F1 of found label errors",
    "F1 of the rows that confident learning finds: a class other than the observed one reaches its "
    "own mean probability, and is the likeliest that does.",
    label_error_f1,
    direction="higher",
    undefined_when=NO_FLIPS,
    source="Northcutt, Jiang and Chuang 2021, Confident Learning",
    differs="cleanlab is to be given out-of-sample probabilities; here they are those of the model "
    "on the rows it was trained on, which a model that memorised them cannot tell apart.",
)


def transition_error(
    probs: Float[np.ndarray, "n c"],
    observed: Integer[np.ndarray, " n"],
    clean: Integer[np.ndarray, " n"],
) -> float:
    """Return how far the noise that confident learning estimates is from the noise there is.

    Rows of the estimate: of the rows counted for a class, the shares observed as each class. Rows
    of the truth: the same of the rows truly of it. The distance of two rows is half the sum of
    absolute differences; the mean is over classes that have a row, one without estimate counting 1.

    Parameters
    ----------
    probs : float array of shape (n, c)
        Class probabilities on the training split.
    observed, clean : int array of shape (n,)
        Labels the model was trained on, and the true ones.

    Returns
    -------
    float
        Fraction in [0, 1]; lower is better.

    References
    ----------
    Northcutt, Jiang and Chuang 2021, without calibration to the label counts; total
    variation instead of the squared error of their figure 3.
    """
    called = confidently_wrong(probs, observed)
    return transition_error_of_called(called, observed, clean, probs.shape[1])


def transition_error_of_called(called: Labels, observed: Labels, clean: Labels, c: int) -> float:
    """Return the transition error of the classes that rows are called."""
    kept = called >= 0
    counted = count_pairs(called[kept], observed[kept].astype(np.int64), c, None)
    real = count_pairs(clean.astype(np.int64), observed.astype(np.int64), c, None)
    held = real.sum(axis=1) > 0
    estimated = counted.sum(axis=1) > 0
    shares = [m / np.maximum(m.sum(axis=1, keepdims=True), 1) for m in (counted, real)]
    apart = np.abs(shares[0] - shares[1]).sum(axis=1) / 2
    return float(np.where(estimated, apart, 1.0)[held].mean())


TRANSITION_ERROR = noise_metric(
    "transition_error",
    "Transition-matrix error",
    "Mean over true classes of half the absolute difference between the shares of observed labels "
    "as confident learning estimates them and as they are; a class without estimate counts 1.",
    transition_error,
    direction="lower",
    undefined_when="open_set and complementary noise",
    source="Northcutt, Jiang and Chuang 2021, Confident Learning",
    differs="Papers print ‖T̂ − T‖₁/‖T‖₁ over all entries: twice this for classes of equal weight.",
)


def label_error_lift(suspicion: Float[np.ndarray, " n"], flipped: Bool[np.ndarray, " n"]) -> float:
    """Return how many times more flipped labels the most suspicious ones hold than all do.

    As many are looked at as are flipped. Of equally suspicious ones at the edge a share counts, as
    if they were drawn by lot.

    Parameters
    ----------
    suspicion : float array of shape (n,)
        Larger for labels that are thought wrong.
    flipped : bool array of shape (n,)
        Which labels are wrong.

    Returns
    -------
    float
        Ratio in [0, n/flipped]; higher is better, 1 is chance.

    Raises
    ------
    Undefined
        If no label is flipped, or every one.

    References
    ----------
    Kuan and Mueller 2022, "Model-agnostic label quality scoring to detect real-world label
    errors" (lift at the number of errors).
    """
    clean, wrong = _two_sets(suspicion, flipped)
    k, n = len(wrong), len(suspicion)
    edge = np.partition(np.concatenate([clean, wrong]), n - k)[n - k]
    above = [np.count_nonzero(side > edge) for side in (clean, wrong)]
    level = [np.count_nonzero(side == edge) for side in (clean, wrong)]
    caught = above[1] + (k - sum(above)) * level[1] / sum(level)
    return float((caught / k) / (k / n))


LABEL_ERROR_LIFT: tuple[Metric, ...] = tuple(
    replace(
        noise_metric(
            f"label_error_lift_{by}",
            f"Label-error lift by {by}",
            "Share of flipped labels among the most suspicious ones, as many as are flipped, over "
            f"their share among all, by {what}.",
            label_error_lift,
            direction="higher",
            undefined_when="no training label is flipped, or every one",
            source="Kuan and Mueller 2022, Model-agnostic label quality scoring",
        ),
        bounds=(0.0, None),
        unit="ratio",
        scale=None,
    )
    for by, what in SUSPICION.items()
)
"""Rows of the lift under each suspicion."""

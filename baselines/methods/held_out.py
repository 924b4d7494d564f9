"""Scores of rows that a learner did not see, and what is chosen by them: never by a test row."""

from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Float, Int
from sklearn.model_selection import StratifiedKFold

from baselines.probes.probe import Rows
from baselines.probes.transforms import TRANSFORMS
from harness.errors import TrainingError
from harness.types.models import TrainingData

Scorer = Callable[
    [Float[np.ndarray, "n d"], Int[np.ndarray, " n"], Float[np.ndarray, "m d"]],
    Float[np.ndarray, "m k"],
]
"""From training rows, their labels (0 to k − 1) and other rows to logits of the other rows."""
Part = tuple[
    Float[np.ndarray, "n d"],
    Int[np.ndarray, " n"],
    Float[np.ndarray, "m d"],
    Int[np.ndarray, " m"],
]
"""Training rows and their labels, held-out rows and theirs."""
ROUNDS = 10
"""Most times that all classes' offsets are gone through."""


def parts(
    train: TrainingData,
    rows: Rows,
    classes: Int[np.ndarray, " k"],
    labels: Int[np.ndarray, " n"],
    *,
    folds: int,
    seed: int,
) -> Iterator[Part]:
    """Yield rows to train on and rows to choose by.

    Where the split sets validation rows aside they are the ones to choose by. Otherwise the
    training rows are cut into stratified folds, each held out once; a class with fewer rows than
    folds makes the folds as many as its rows.

    Parameters
    ----------
    train : TrainingData
        Observed labels, its validation rows where it has some.
    rows : Rows
        Its training inputs as rows.
    classes : int array of shape (k,)
        Classes with a training row.
    labels : int array of shape (n,)
        Places of the training labels among them.
    folds : int
        At least 2.
    seed : int
        Shuffles rows before they are cut.

    Raises
    ------
    TrainingError
        If rows must be held out and a class has a single one.
    """
    if train.val is not None:
        inputs, observed = train.val
        kept = np.flatnonzero(np.isin(observed, classes))
        if len(kept):
            values = TRANSFORMS[rows.transform](inputs.take(kept), rows.learnt)
            yield rows.values, labels, values, np.searchsorted(classes, observed[kept])
            return
    fewest = int(np.bincount(labels).min())
    if fewest < 2:
        raise TrainingError(
            "Choosing by rows that are held out needs two training rows of each class; class "
            f"{classes[np.bincount(labels).argmin()]} has a single one. Leave threshold and trials "
            "at their defaults, or use a split with more rows of each class."
        )
    cut = StratifiedKFold(min(folds, fewest), shuffle=True, random_state=seed)
    for own, other in cut.split(np.zeros(len(labels)), labels):
        yield rows.values[own], labels[own], rows.values[other], labels[other]


def unseen_scores(
    given: Iterator[Part], scorer: Scorer
) -> tuple[Float[np.ndarray, "m k"], Int[np.ndarray, " m"]]:
    """Return logits of all held-out rows, and their labels."""
    found = [(scorer(own, labels, other), wanted) for own, labels, other, wanted in given]
    return np.concatenate([f[0] for f in found]), np.concatenate([f[1] for f in found])


def best_offsets(
    logits: Float[np.ndarray, "n k"], labels: Int[np.ndarray, " n"]
) -> Float[np.ndarray, " k"]:
    """Return what to add to each class's logit for the highest balanced accuracy.

    Offsets are found one class after another, each exactly, until none gains; class 0 keeps 0. Of
    equally good ones the least move is taken. With two classes this is the best threshold.

    Parameters
    ----------
    logits : float array of shape (n, k)
        Of rows that the model did not train on.
    labels : int array of shape (n,)
        0 to k − 1.
    """
    k = logits.shape[1]
    exact = logits.astype(np.float64)
    weight = 1 / np.maximum(np.bincount(labels, minlength=k), 1)
    offsets = np.zeros(k)
    for _ in range(ROUNDS):
        before = offsets.copy()
        for one in range(1, k):
            others = np.delete(exact + offsets, one, axis=1)
            rival = np.delete(np.arange(k), one)[others.argmax(axis=1)]
            # With offset b a row goes to this class where b is above its need.
            need = others.max(axis=1) - exact[:, one]
            gain = weight[labels] * ((labels == one) - 1.0 * (rival == labels))
            offsets[one] = _best_cut(need, gain, offsets[one])
        if (offsets == before).all():
            break
    return offsets


def _best_cut(need: Float[np.ndarray, " n"], gain: Float[np.ndarray, " n"], now: float) -> float:
    """Return the offset with the largest sum of gains over rows whose need is below it.

    Candidates are `now`, midpoints between needs, and one beyond each end; `now` is left only for
    more, and then for the nearest that is best.
    """
    points, place = np.unique(need, return_inverse=True)
    totals = np.concatenate([[0.0], np.cumsum(np.bincount(place, weights=gain))])
    cuts = np.concatenate([[points[0] - 1], (points[:-1] + points[1:]) / 2, [points[-1] + 1]])
    current = totals[np.searchsorted(points, now)]  # needs strictly below `now`
    best = np.flatnonzero(totals >= totals.max() - 1e-12)
    if current >= totals.max() - 1e-12:
        return now
    return float(cuts[best[np.abs(cuts[best] - now).argmin()]])

"""Familiar OOD: how far a backbone's features already separate an OOD set from the ID data.

A backbone that saw the OOD classes in pre-training may hold them apart from the ID classes with a
straight line, which no detector without OOD data can know of. The number says how much of an OOD
score is the backbone's acquaintance.
"""

import numpy as np
from jaxtyping import Float

from harness.errors import Undefined
from harness.streams import stream

FOLDS = 5
"""Parts of which each is scored by a classifier that was fitted on the others."""


def linear_separability(
    id_features: Float[np.ndarray, "n d"], ood_features: Float[np.ndarray, "m d"], *, key: str
) -> float:
    """Return the AUROC with which a line separates ID from OOD features it was not fitted on.

    Logistic regression on standardised features, weighted to equal shares, five folds drawn from
    `key`; ties count one half.

    Parameters
    ----------
    id_features : float array of shape (n, d)
        Penultimate features of ID test inputs.
    ood_features : float array of shape (m, d)
        Penultimate features of OOD inputs, from the same model.
    key : str
        Names the stream of folds: the same key gives the same folds, e.g. a pool's fingerprint.

    Returns
    -------
    float
        In [0, 1]; 0.5 when no line helps, 1 when one separates them.

    Raises
    ------
    Undefined
        If either side has fewer rows than folds, or a feature is not finite.

    References
    ----------
    Miyai et al. 2023, "Can Pre-trained Networks Detect Familiar Out-of-Distribution Data?",
    section 4.
    """
    if min(len(id_features), len(ood_features)) < FOLDS:
        raise Undefined(f"fewer than {FOLDS} rows on one side")
    features = np.concatenate([id_features, ood_features]).astype(np.float64)
    if not np.isfinite(features).all():
        raise Undefined("features are not finite")
    is_ood = np.repeat([0, 1], [len(id_features), len(ood_features)])
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(is_ood, _held_out_scores(features, is_ood, key)))


def _held_out_scores(
    features: Float[np.ndarray, "n d"], is_ood: np.ndarray, key: str
) -> Float[np.ndarray, " n"]:
    """Return each row's score under the classifier that did not see it."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    order = stream(key, 0, "partition").permutation(len(is_ood))
    fold = np.empty(len(is_ood), dtype=np.int64)
    for side in (0, 1):  # stratified: every fold has both
        rows = order[is_ood[order] == side]
        fold[rows] = np.arange(len(rows)) % FOLDS
    scores = np.empty(len(is_ood))
    for k in range(FOLDS):
        line = make_pipeline(
            StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=1000)
        )
        line.fit(features[fold != k], is_ood[fold != k])
        scores[fold == k] = line.decision_function(features[fold == k])
    return scores

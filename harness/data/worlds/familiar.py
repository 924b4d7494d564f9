"""Familiar OOD: classes that a backbone saw in pre-training, and how far its features know them.

Such a backbone may hold the OOD classes apart from the ID classes with a straight line, which no
detector without OOD data can know of. The number says how much of an OOD score is the backbone's
acquaintance.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float

from harness.errors import SpecError, Undefined
from harness.lookup import lookup
from harness.streams import stream
from harness.types import Suite

FOLDS = 5
"""Parts of which each is scored by a classifier that was fitted on the others."""

_HELD = {
    "1": ("imagenet-1k",),
    "12": ("imagenet-12k",),
    "21": ("imagenet-1k", "imagenet-21k"),
    "22": ("imagenet-1k", "imagenet-21k", "imagenet-22k"),
}
"""Thousands of ImageNet's classes → the lists of classes they hold: larger hold smaller."""
SEEN = frozenset(data for held in _HELD.values() for data in held)
"""Data whose classes are listed."""
_IMAGENET = re.compile(r"(?<![a-z0-9])(?:imagenet[-_ ]?|in)(1|12|21|22)k")
_BARE = re.compile(r"imagenet(?![-_ ]?[0-9])")

_OVERLAPS = {("imagenet-1k", "cifar10"): "imagenet1k-cifar10.tsv"}


@dataclass(frozen=True)
class Shared:
    """A class of the pre-training data that the ID data have too."""

    wnid: str
    """Its WordNet id."""
    class_name: str
    """The class of the ID data."""
    how: Literal["kind", "like"]
    """Whether it is one of these, or may only be taken for one."""
    name: str
    """As WordNet calls it."""


@cache
def shared_classes(pretraining: str, dataset: str) -> tuple[Shared, ...]:
    """Return the classes of pre-training data that are no OOD for a data set, by WordNet id.

    Parameters
    ----------
    pretraining : str
        Data of the backbone: ``imagenet-1k``.
    dataset : str
        The ID data: ``cifar10``.

    Raises
    ------
    SpecError
        If nobody wrote down what these two share.

    Notes
    -----
    Read off the names and definitions of ImageNet's synsets by this project; ``like`` takes in
    boats, wild dogs and other things that a person may call by the class's name.
    """
    file = _OVERLAPS.get((pretraining, dataset))
    if file is None:
        known = ", ".join(f"{seen} with {ours}" for seen, ours in _OVERLAPS)
        raise SpecError(
            f"Shared classes are known of {known}; got {pretraining} with {dataset}. Name an OOD "
            "set by a list of files instead."
        )
    lines = (Path(__file__).parent / "overlaps" / file).read_text("utf-8").splitlines()
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")][1:]
    return tuple(
        Shared(wnid, c, "kind" if how == "kind" else "like", n) for wnid, c, how, n in rows
    )


def familiar_wnids(pretraining: str, dataset: str, wnids: Sequence[str]) -> tuple[str, ...]:
    """Return which classes of pre-training data are OOD for a data set: familiar OOD.

    Parameters
    ----------
    pretraining, dataset : str
        As in `shared_classes`.
    wnids : sequence of str
        WordNet ids of all classes there are, e.g. the folders of a validation part.
    """
    shared = {each.wnid for each in shared_classes(pretraining, dataset)}
    return tuple(wnid for wnid in wnids if wnid not in shared)


def seen_in(pretraining: str) -> tuple[str, ...]:
    """Return the data whose classes a backbone saw, from what its card says.

    Parameters
    ----------
    pretraining : str
        A card's facet, e.g. ``"imagenet-1k supervised"``.

    Returns
    -------
    tuple of str
        Empty for ``none``.

    Raises
    ------
    Undefined
        If it names no data whose classes are listed, such as pictures with captions.

    Examples
    --------
    >>> seen_in("ImageNet-21k supervised, fine-tuned on ImageNet-1k")
    ('imagenet-1k', 'imagenet-21k')
    """
    if pretraining.strip().lower() == "none":
        return ()
    text = pretraining.lower()
    found = {data for thousands in _IMAGENET.findall(text) for data in _HELD[thousands]}
    if not found and _BARE.search(text):
        found = {"imagenet-1k"}  # what the field means by the bare name
    if not found:
        raise Undefined(f"which classes {pretraining!r} saw is not known")
    return tuple(sorted(found))


def familiar_sets(suite: Suite, pretraining: str | None) -> tuple[str, ...]:
    """Return which of a suite's OOD sets a backbone saw the classes of in pre-training.

    Parameters
    ----------
    suite : Suite
        Its `familiar` maps data (in SEEN) to names of its near and far sets.
    pretraining : str or None
        A card's facet; None: nobody declared it.

    Returns
    -------
    tuple of str
        Names in the suite's order; empty without pre-training.

    Raises
    ------
    Undefined
        If the card says nothing of it, or names no data whose classes are listed.
    SpecError
        If the suite calls a set familiar that it does not have.

    References
    ----------
    Miyai et al. 2023, "Can Pre-trained Networks Detect Familiar Out-of-Distribution Data?".
    """
    named = suite.familiar
    sets = (*suite.near, *suite.far)
    for data, names in named.items():
        lookup("pre-training data", data, dict.fromkeys(SEEN))
        strange = [name for name in names if name not in sets]
        if strange:
            raise SpecError(
                f"Expected familiar sets of {suite.id} among {', '.join(sets) or 'none'}; got "
                f"{strange[0]!r}. Name it in near or far too."
            )
    if not named:
        return ()
    if pretraining is None:
        raise Undefined("the card does not say what it was pre-trained on")
    known = {name for data in seen_in(pretraining) for name in named.get(data, ())}
    return tuple(name for name in sets if name in known)


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

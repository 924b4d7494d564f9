"""How clean labels become observed ones: the noise kinds of PROTOCOL section 3.

Every kind that is a Markov matrix is one function from class counts to its transition matrix, and
all of them flip in the same way: each label flips independently with its class's rate, then the new
one is drawn from the class's row given a flip. Kinds that need more than labels (inputs, people's
labels, another pool) are in `harness.data.splits.sources`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from harness.data.sets.datasets import DATASETS
from harness.data.splits.matrices import (
    asymmetric,
    asymmetric_fine5,
    clean,
    complementary,
    frequency,
    pairflip,
    symmetric,
    symmetric_inclusive,
)
from harness.errors import Undefined
from harness.lookup import lookup
from harness.streams import Stream
from harness.types.data import DatasetSpec, Split, SplitSpec

Matrix = Callable[[float, Int[np.ndarray, " c"], DatasetSpec], Float[np.ndarray, "c c"]]
"""From rate, clean training counts and data set to a transition matrix."""


@dataclass(frozen=True)
class NoiseKind:
    """What a noise kind needs and does."""

    rated: bool
    """Whether its id carries a rate."""
    matrix: Matrix | None
    """Its transition matrix; None where flips depend on more than the class, or on each other."""
    needs: str = "labels"
    """What it is drawn from: ``labels``, ``inputs``, ``people`` or ``pool``."""


NOISES: dict[str, NoiseKind] = {
    "clean": NoiseKind(False, clean),
    "symmetric": NoiseKind(True, symmetric),
    "symmetric_inclusive": NoiseKind(True, symmetric_inclusive),
    "asymmetric": NoiseKind(True, asymmetric),
    "asymmetric_fine5": NoiseKind(True, asymmetric_fine5),
    "pairflip": NoiseKind(True, pairflip),
    "frequency": NoiseKind(True, frequency),
    "complementary": NoiseKind(False, complementary),
    "as_found": NoiseKind(False, clean),
    "instance": NoiseKind(True, None, "inputs"),
    "open_set": NoiseKind(True, None, "pool"),
    "human_aggregate": NoiseKind(False, None, "people"),
    "human_random1": NoiseKind(False, None, "people"),
    "human_random2": NoiseKind(False, None, "people"),
    "human_random3": NoiseKind(False, None, "people"),
    "human_worst": NoiseKind(False, None, "people"),
    "human_fine": NoiseKind(False, None, "people"),
    "interclass_confusion": NoiseKind(True, None),
    "random_swap": NoiseKind(True, None),
    "patch_poison": NoiseKind(True, None),
}
"""Every noise kind by its name in split ids.

``as_found``: labels as the data set has them, wrong ones among them; which is not known. The last
three corrupt an exact share of the rows and reveal some of them (`harness.data.splits.unlearning`).
"""


def transition(
    spec: SplitSpec, counts: Int[np.ndarray, " c"], dataset: DatasetSpec
) -> Float[np.ndarray, "c c"]:
    """Return the matrix from which a split's labels are drawn.

    Parameters
    ----------
    spec : SplitSpec
        Noise kind and rate.
    counts : int array of shape (c,)
        Clean training counts of the split.
    dataset : DatasetSpec
        Of the classes of the split; gives the map of asymmetric noise.

    Returns
    -------
    float array of shape (c, c)
        Row clean, column observed; rows sum to 1.

    Raises
    ------
    Undefined
        If flips depend on more than the class; `empirical_transition` counts them.
    """
    kind = lookup("noise kind", spec.noise, NOISES)
    if kind.matrix is None:
        raise Undefined(f"{spec.noise} noise is not a matrix between classes")
    return kind.matrix(spec.noise_rate or 0.0, counts, dataset)


def empirical_transition(
    clean: Int[np.ndarray, " n"], observed: Int[np.ndarray, " n"], num_classes: int
) -> Float[np.ndarray, "c c"]:
    """Return the share of each class's labels that were observed as each class.

    Parameters
    ----------
    clean, observed : int arrays of shape (n,)
        True and given class indices of the same rows.
    num_classes : int
        C.

    Returns
    -------
    float array of shape (c, c)
        Row clean, column observed; rows sum to 1. A class without a row keeps its label.

    Examples
    --------
    >>> empirical_transition(np.array([0, 0, 1]), np.array([0, 1, 1]), 2).tolist()
    [[0.5, 0.5], [0.0, 1.0]]
    """
    pairs = np.bincount(clean * num_classes + observed, minlength=num_classes**2)
    matrix = pairs.reshape(num_classes, num_classes).astype(np.float64)
    totals = matrix.sum(axis=1, keepdims=True)
    return np.where(totals > 0, matrix / np.maximum(totals, 1), np.eye(num_classes))


def flip(
    clean: Int[np.ndarray, " n"], matrix: Float[np.ndarray, "c c"], words: Stream
) -> Int[np.ndarray, " n"]:
    """Return observed labels: flip with the class's rate, then draw from its row given a flip.

    Parameters
    ----------
    clean : int array of shape (n,)
        True class indices.
    matrix : float array of shape (c, c)
        Row clean, column observed; rows sum to 1.
    words : Stream
        The split's stream of the step ``flip``: first n uniforms decide, n more draw the label.

    Returns
    -------
    int array of shape (n,)
        Observed class indices.
    """
    flips = words.uniform(len(clean)) < 1 - np.diag(matrix)[clean]
    drawn = words.uniform(len(clean))
    off = matrix * (1 - np.eye(len(matrix)))
    edges = np.cumsum(off, axis=1)
    last = len(matrix) - 1 - np.argmax(off[:, ::-1] > 0, axis=1)  # a rounded edge never overruns
    observed = clean.copy()
    for k in np.unique(clean[flips]):
        rows = np.flatnonzero(flips & (clean == k))
        target = np.searchsorted(edges[k], drawn[rows] * edges[k, -1], side="right")
        observed[rows] = np.minimum(target, last[k])
    return observed


def noise_chance(split: Split, dataset: DatasetSpec | None = None) -> float:
    """Return the chance level of ``memorised``: what a guess hits without having memorised.

    1/(C−1) for symmetric noise and random swaps, else the mean over flipped labels of the
    transition probability of what was observed (counted from the split where the kind has no
    matrix).

    Parameters
    ----------
    split : Split
        With clean and observed labels.
    dataset : DatasetSpec, optional
        Of the classes of the split; default: the one that the split's id names.

    Returns
    -------
    float
        Share in [0, 1].

    Raises
    ------
    Undefined
        If no label was flipped, or labels are not what was changed (open-set, complementary).

    References
    ----------
    PROTOCOL section 4.
    """
    kind = split.spec.noise
    if kind in ("open_set", "complementary"):
        raise Undefined(f"memorisation is not defined for {kind} noise")
    if kind == "as_found":
        raise Undefined("which training labels are wrong is not known")
    if not split.flipped.any():
        raise Undefined("no training label was flipped")
    if kind in ("symmetric", "symmetric_inclusive", "random_swap"):
        return 1 / (split.num_classes - 1)
    try:
        spec = dataset or lookup("data set", split.spec.dataset, DATASETS)
        matrix = transition(split.spec, split.clean_counts, spec)
    except Undefined:
        matrix = empirical_transition(split.clean, split.observed, split.num_classes)
    rows = split.flipped
    return float(matrix[split.clean[rows], split.observed[rows]].mean())

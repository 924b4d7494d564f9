"""How clean labels become observed ones: the noise kinds of PROTOCOL section 3.

Every kind that is a Markov matrix is one function from class counts to its transition matrix, and
all of them flip in the same way: each label flips independently with its class's rate, then the new
one is drawn from the class's row given a flip. Kinds that need more than labels (inputs, people's
labels, another pool) are in `harness.data.noise_sources`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from harness.data.facts import DATASETS
from harness.errors import SpecError, Undefined
from harness.lookup import lookup
from harness.streams import Stream
from harness.types.data import DatasetSpec, Split, SplitSpec

Matrix = Callable[[float, Int[np.ndarray, " c"], DatasetSpec], Float[np.ndarray, "c c"]]
"""From rate, clean training counts and data set to a transition matrix."""


def clean(
    rate: float, counts: Int[np.ndarray, " c"], dataset: DatasetSpec
) -> Float[np.ndarray, "c c"]:
    """Return the identity: no label flips.

    Parameters
    ----------
    rate : float
        Not looked at.
    counts : int array of shape (c,)
        Clean training counts.
    dataset : DatasetSpec
        Not looked at.

    Returns
    -------
    float array of shape (c, c)
        Row clean, column observed; rows sum to 1.
    """
    return np.eye(len(counts))


def symmetric(
    rate: float, counts: Int[np.ndarray, " c"], dataset: DatasetSpec
) -> Float[np.ndarray, "c c"]:
    """Return flips to any *other* class alike: the rate is the real share of flips.

    Parameters
    ----------
    rate : float
        Share of flips in [0, 1).
    counts : int array of shape (c,)
        Clean training counts.
    dataset : DatasetSpec
        Not looked at.

    Returns
    -------
    float array of shape (c, c)
        Row clean, column observed; rows sum to 1.
    """
    return _spread(np.full(len(counts), rate), 1.0 - np.eye(len(counts)))


def symmetric_inclusive(
    rate: float, counts: Int[np.ndarray, " c"], dataset: DatasetSpec
) -> Float[np.ndarray, "c c"]:
    """Return labels redrawn from *all* classes: the real share of flips is rate · (1 − 1/C).

    Parameters
    ----------
    rate : float
        Share of redrawn labels in [0, 1).
    counts : int array of shape (c,)
        Clean training counts.
    dataset : DatasetSpec
        Not looked at.

    Returns
    -------
    float array of shape (c, c)
        Row clean, column observed; rows sum to 1.

    References
    ----------
    Li et al. 2020, "DivideMix", and Liu et al. 2020, "Early-Learning Regularization": both redraw
    from all classes, so their 0.4 on ten classes is 0.36.
    """
    return symmetric(rate * (1 - 1 / len(counts)), counts, dataset)


def asymmetric(
    rate: float, counts: Int[np.ndarray, " c"], dataset: DatasetSpec
) -> Float[np.ndarray, "c c"]:
    """Return flips along the data set's map between similar classes; other classes stay clean.

    Parameters
    ----------
    rate : float
        Share of flips of each class that the map names, in [0, 1).
    counts : int array of shape (c,)
        Clean training counts.
    dataset : DatasetSpec
        With `asymmetric_map`.

    Returns
    -------
    float array of shape (c, c)
        Row clean, column observed; rows sum to 1.

    Raises
    ------
    SpecError
        If the data set has no such map.

    References
    ----------
    Patrini et al. 2017, "Making Deep Neural Networks Robust to Label Noise", section 5.
    """
    if not dataset.asymmetric_map:
        raise SpecError(
            "Asymmetric noise needs a map between similar classes, and the literature names none "
            f"for {dataset.name}. Use 'pairflip' or 'symmetric'."
        )
    return _along(dataset.asymmetric_map, rate, len(counts))


def asymmetric_fine5(
    rate: float, counts: Int[np.ndarray, " c"], dataset: DatasetSpec
) -> Float[np.ndarray, "c c"]:
    """Return flips to the next of five consecutive classes, as if they were one superclass.

    Parameters
    ----------
    rate : float
        Share of flips in [0, 1).
    counts : int array of shape (c,)
        Clean training counts; c is a multiple of five.
    dataset : DatasetSpec
        Named in the error.

    Returns
    -------
    float array of shape (c, c)
        Row clean, column observed; rows sum to 1.

    References
    ----------
    Liu et al. 2020, "Early-Learning Regularization", its code for CIFAR-100.
    """
    c = len(counts)
    if c % 5:
        raise SpecError(
            f"'asymmetric_fine5' goes round groups of five classes; {dataset.name} has {c}. "
            "Use 'pairflip'."
        )
    return _along({k: 5 * (k // 5) + (k + 1) % 5 for k in range(c)}, rate, c)


def pairflip(
    rate: float, counts: Int[np.ndarray, " c"], dataset: DatasetSpec
) -> Float[np.ndarray, "c c"]:
    """Return flips from class k to k + 1 modulo C.

    Parameters
    ----------
    rate : float
        Share of flips in [0, 1).
    counts : int array of shape (c,)
        Clean training counts.
    dataset : DatasetSpec
        Not looked at.

    Returns
    -------
    float array of shape (c, c)
        Row clean, column observed; rows sum to 1.

    References
    ----------
    Han et al. 2018, "Co-teaching", figure 2.
    """
    c = len(counts)
    return _along({k: (k + 1) % c for k in range(c)}, rate, c)


def frequency(
    rate: float, counts: Int[np.ndarray, " c"], dataset: DatasetSpec
) -> Float[np.ndarray, "c c"]:
    """Return flips to another class in proportion to its clean training count.

    Parameters
    ----------
    rate : float
        Share of flips in [0, 1), the same for every class.
    counts : int array of shape (c,)
        Clean training counts.
    dataset : DatasetSpec
        Not looked at.

    Returns
    -------
    float array of shape (c, c)
        Row clean, column observed; rows sum to 1.

    References
    ----------
    Wei et al. 2021, "Robust Long-Tailed Learning under Label Noise", section 4.
    """
    weights = np.tile(counts.astype(np.float64), (len(counts), 1))
    return _spread(np.full(len(counts), rate), weights * (1.0 - np.eye(len(counts))))


def complementary(
    rate: float, counts: Int[np.ndarray, " c"], dataset: DatasetSpec
) -> Float[np.ndarray, "c c"]:
    """Return labels that are never the true class, any other alike.

    Parameters
    ----------
    rate : float
        Not looked at: every label is complementary.
    counts : int array of shape (c,)
        Clean training counts.
    dataset : DatasetSpec
        Not looked at.

    Returns
    -------
    float array of shape (c, c)
        Row clean, column observed; rows sum to 1.

    References
    ----------
    Ishida et al. 2017, "Learning from Complementary Labels", section 2.
    """
    return _spread(np.ones(len(counts)), 1.0 - np.eye(len(counts)))


def _along(map_: Mapping[int, int], rate: float, c: int) -> Float[np.ndarray, "c c"]:
    """Return the matrix that flips each class of a map to its image with one rate."""
    matrix = np.eye(c)
    for source, target in map_.items():
        matrix[source, source] = 1 - rate
        matrix[source, target] = rate
    return matrix


def _spread(
    rates: Float[np.ndarray, " c"], weights: Float[np.ndarray, "c c"]
) -> Float[np.ndarray, "c c"]:
    """Return the matrix whose class k flips with rates[k] in proportion to weights[k]."""
    given_flip = weights / weights.sum(axis=1, keepdims=True)
    matrix = rates[:, None] * given_flip
    np.fill_diagonal(matrix, 1 - rates)
    return matrix


@dataclass(frozen=True)
class NoiseKind:
    """What a noise kind needs and does."""

    rated: bool
    """Whether its id carries a rate."""
    matrix: Matrix | None
    """Its transition matrix; None where flips hang on more than the class."""
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
    "instance": NoiseKind(True, None, "inputs"),
    "open_set": NoiseKind(True, None, "pool"),
    "human_aggregate": NoiseKind(False, None, "people"),
    "human_random1": NoiseKind(False, None, "people"),
    "human_random2": NoiseKind(False, None, "people"),
    "human_random3": NoiseKind(False, None, "people"),
    "human_worst": NoiseKind(False, None, "people"),
    "human_fine": NoiseKind(False, None, "people"),
}
"""Every noise kind by its name in split ids."""


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
        Of the classes at hand; gives the map of asymmetric noise.

    Returns
    -------
    float array of shape (c, c)
        Row clean, column observed; rows sum to 1.

    Raises
    ------
    Undefined
        If flips hang on more than the class; `empirical_transition` counts them.
    """
    kind = lookup("noise kind", spec.noise, NOISES)
    if kind.matrix is None:
        raise Undefined(f"{spec.noise} noise is no matrix between classes")
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

    1/(C−1) for symmetric noise, else the mean over flipped labels of the transition probability
    of what was observed (counted from the split where the kind has no matrix).

    Parameters
    ----------
    split : Split
        With clean and observed labels.
    dataset : DatasetSpec, optional
        Of the classes at hand; default: the one that the split's id names.

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
    if not split.flipped.any():
        raise Undefined("no training label was flipped")
    if kind in ("symmetric", "symmetric_inclusive"):
        return 1 / (split.num_classes - 1)
    try:
        spec = dataset or lookup("data set", split.spec.dataset, DATASETS)
        matrix = transition(split.spec, split.clean_counts, spec)
    except Undefined:
        matrix = empirical_transition(split.clean, split.observed, split.num_classes)
    rows = split.flipped
    return float(matrix[split.clean[rows], split.observed[rows]].mean())

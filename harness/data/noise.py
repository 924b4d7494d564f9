"""Label noise: which wrong label each training image gets (PROTOCOL section 3).

A kind of noise is a transition matrix T (row clean, column observed). Each image flips
independently with its class's rate 1 − T_kk; given a flip, its label is drawn from the rest of the
row.
"""

from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Float, Int

from harness.errors import SpecError, Undefined
from harness.lookup import lookup
from harness.streams import Stream
from harness.types import Split, SplitSpec

Given = Callable[["World"], Float[np.ndarray, "c c"]]
"""From a world to the transition matrix."""


class World:
    """What a transition matrix may depend on.

    Parameters
    ----------
    spec : SplitSpec
        Kind and rate.
    counts : int array of shape (c,)
        Clean training counts of the split.
    similar : mapping of int to int, optional
        The data set's `asymmetric_map`.
    """

    def __init__(
        self,
        spec: SplitSpec,
        counts: Int[np.ndarray, " c"],
        similar: Mapping[int, int] | None = None,
    ) -> None:
        self.spec, self.counts, self.similar = spec, counts, similar
        self.rate = 0.0 if spec.noise_rate is None else spec.noise_rate
        self.c = len(counts)


def clean(world: World) -> Float[np.ndarray, "c c"]:
    """Return the identity: no label is flipped."""
    return np.eye(world.c)


def symmetric(world: World) -> Float[np.ndarray, "c c"]:
    """Return uniform noise over the other C − 1 classes; the rate is the real flip rate."""
    others = (1 - np.eye(world.c)) / (world.c - 1)
    return _mixed(world.rate, others)


def symmetric_inclusive(world: World) -> Float[np.ndarray, "c c"]:
    """Return uniform noise over all C classes: the real flip rate is r·(1 − 1/C).

    References
    ----------
    Li et al. 2020, "DivideMix"; Liu et al. 2020, "Early-Learning Regularization": their code.
    """
    return _mixed(world.rate, np.full((world.c, world.c), 1 / world.c))


def asymmetric(world: World) -> Float[np.ndarray, "c c"]:
    """Return noise along the data set's map of similar classes; the rate is per affected class."""
    if world.similar is None:
        raise SpecError(
            f"The noise 'asymmetric' needs a published map of similar classes; "
            f"{world.spec.dataset} has none. Use 'pairflip' or 'symmetric'."
        )
    return _mapped(world, world.similar)


def pairflip(world: World) -> Float[np.ndarray, "c c"]:
    """Return noise from each class k to k + 1 mod C."""
    return _mapped(world, {k: (k + 1) % world.c for k in range(world.c)})


def frequency(world: World) -> Float[np.ndarray, "c c"]:
    """Return noise with P(j given k) ∝ n_j for j ≠ k, n the clean training counts.

    References
    ----------
    Wei et al. 2021, "Robust Long-Tailed Learning under Label Noise", section 5.
    """
    weights = np.where(np.eye(world.c, dtype=bool), 0.0, world.counts[None, :])
    return _mixed(world.rate, weights / weights.sum(axis=1, keepdims=True))


NOISES: dict[str, Given] = {
    "clean": clean,
    "symmetric": symmetric,
    "symmetric_inclusive": symmetric_inclusive,
    "asymmetric": asymmetric,
    "pairflip": pairflip,
    "frequency": frequency,
}
"""Kinds of noise that are a transition matrix, by their name in split ids."""

WITHOUT_RATE = frozenset({"clean"})
"""Kinds that take no rate."""

UNIFORM = frozenset({"symmetric", "symmetric_inclusive"})
"""Kinds whose wrong labels are uniform over the other classes."""


def _mixed(
    rate: float | Float[np.ndarray, "c 1"], given: Float[np.ndarray, "c c"]
) -> Float[np.ndarray, "c c"]:
    return np.asarray((1 - rate) * np.eye(len(given)) + rate * given)


def _mapped(world: World, similar: Mapping[int, int]) -> Float[np.ndarray, "c c"]:
    matrix = np.eye(world.c)
    for k, j in similar.items():
        matrix[k, k] -= world.rate
        matrix[k, j] += world.rate
    return matrix


def transition(
    spec: SplitSpec,
    counts: Int[np.ndarray, " c"],
    similar: Mapping[int, int] | None = None,
) -> Float[np.ndarray, "c c"]:
    """Return the transition matrix of a split.

    Parameters
    ----------
    spec : SplitSpec
        Kind and rate.
    counts : int array of shape (c,)
        Clean training counts; only ``frequency`` looks at more than their number.
    similar : mapping of int to int, optional
        Class → the class it is mistaken for; needed by ``asymmetric``.

    Returns
    -------
    float array of shape (c, c)
        Row clean, column observed, rows sum to 1.

    Raises
    ------
    SpecError
        If the data set has no map of similar classes.
    """
    return lookup("noise with a transition matrix", spec.noise, NOISES)(
        World(spec, counts, similar)
    )


def flip(
    matrix: Float[np.ndarray, "c c"],
    labels: Int[np.ndarray, " n"],
    chance: Float[np.ndarray, " n"],
    choice: Float[np.ndarray, " n"],
) -> Int[np.ndarray, " n"]:
    """Return observed labels: each image flips, and where it goes is drawn given a flip.

    Parameters
    ----------
    matrix : float array of shape (c, c)
        Transition matrix.
    labels : int array of shape (n,)
        Clean labels.
    chance : float array of shape (n,)
        Uniform in [0, 1): flips where it is below the class's rate.
    choice : float array of shape (n,)
        Uniform in [0, 1): which wrong label.

    Returns
    -------
    int array of shape (n,)
        Never the clean label where flipped.
    """
    wrong = np.where(np.eye(len(matrix), dtype=bool), 0.0, matrix)
    ladder = np.cumsum(wrong, axis=1)  # in order: the same to the last bit on every machine
    rates = ladder[:, -1]
    steps = ladder / np.where(rates > 0, rates, 1.0)[:, None]
    targets = np.empty(len(labels), dtype=np.int64)
    for k in np.unique(labels):
        mine = labels == k
        targets[mine] = np.searchsorted(steps[k], choice[mine], side="right")
    return np.where(chance < rates[labels], targets, labels)


def observed_labels(
    matrix: Float[np.ndarray, "c c"],
    pool_labels: Int[np.ndarray, " p"],
    rows: Int[np.ndarray, " n"],
    draw: Stream,
) -> Int[np.ndarray, " n"]:
    """Return the observed labels of some rows of a pool.

    One pair of numbers is drawn for every row of the pool, kept or not, so that a row's flip does
    not depend on which others are in the split: nested training sizes share their flips.

    Parameters
    ----------
    matrix : float array of shape (c, c)
        Transition matrix.
    pool_labels : int array of shape (p,)
        Clean labels of the whole training pool.
    rows : int array of shape (n,)
        Rows of the split.
    draw : Stream
        The split's stream of the step ``flip``.
    """
    n = len(pool_labels)
    chance, choice = draw.uniform(n), draw.uniform(n)
    return flip(matrix, pool_labels[rows], chance[rows], choice[rows])


def noise_chance(split: Split) -> float:
    """Return the chance level of `memorised`: how often a wrong label is guessed.

    Parameters
    ----------
    split : Split
        With flipped labels.

    Returns
    -------
    float
        1/(C − 1) for symmetric noise, else the mean transition probability of the observed
        labels of flipped images; in [0, 1].

    Raises
    ------
    Undefined
        If no label was flipped.
    """
    if not split.flipped.any():
        raise Undefined("no training label is flipped")
    if split.spec.noise in UNIFORM:
        return 1 / (split.num_classes - 1)
    from harness.data.datasets import DATASETS

    similar = lookup("data set", split.spec.dataset, DATASETS).asymmetric_map
    matrix = transition(split.spec, split.clean_counts, similar)
    return float(matrix[split.clean, split.observed][split.flipped].mean())

"""Label noise that depends on more than the class: on the input, on people, on another pool."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from scipy.special import ndtr, ndtri

from harness.data.splits.noise import NOISES, flip, transition
from harness.data.splits.unlearning import ATTACKS, corrupt_training
from harness.errors import SpecError
from harness.lookup import lookup
from harness.streams import Draw, Stream
from harness.types import DatasetSpec, Inputs, SplitSpec

SPREAD = 0.1
"""Standard deviation of the flip rates of ``instance`` noise before truncation to [0, 1]."""
_TINY = 2.0**-54


@dataclass(frozen=True)
class Sources:
    """What noise may be drawn from besides labels; each as long as the training pool."""

    inputs: Inputs | None = None
    """The images of the training pool."""
    people: Callable[[str], Int[np.ndarray, " p"]] | None = None
    """From a kind to what people said of each row of the pool."""
    foreign: int = 0
    """Rows of the pool that images of ``open_set`` noise are taken from."""


@dataclass(frozen=True)
class Given:
    """Observed labels of the rows of a split, and whose images they are on."""

    observed: Int[np.ndarray, " n"]
    """Observed class indices."""
    foreign: Int[np.ndarray, " n"] | None = None
    """Row of the other pool, −1 for the row's own image; None without open-set noise."""
    patched: Bool[np.ndarray, " n"] | None = None
    """Which images carry the poison's patch; None without poisoning."""
    known: Int[np.ndarray, " r"] | None = None
    """Positions of the revealed rows, increasing; None where nothing is revealed."""


def give_labels(
    spec: SplitSpec,
    pool_labels: Int[np.ndarray, " p"],
    rows: Int[np.ndarray, " n"],
    num_classes: int,
    dataset: DatasetSpec,
    sources: Sources,
    draw: Draw,
) -> Given:
    """Return the observed labels of a split.

    Numbers are drawn for every row of the pool, kept or not, so that a row's label does not
    depend on which others are in the split: nested training sizes share their flips. Attacks
    corrupt an exact share of the rows of the split instead.

    Parameters
    ----------
    spec : SplitSpec
        Kind and rate.
    pool_labels : int array of shape (p,)
        Clean labels of the training pool.
    rows : int array of shape (n,)
        Rows of the split.
    num_classes : int
        C.
    dataset : DatasetSpec
        Facts; asymmetric noise needs its map of similar classes.
    sources : Sources
        What the kind may need.
    draw : callable
        From a step to its stream: ``flip``, for attacks ``corrupt``.

    Raises
    ------
    SpecError
        If the suite lacks what the kind needs.
    """
    kind = lookup("noise kind", spec.noise, NOISES)
    labels, rate = pool_labels.astype(np.int64), spec.noise_rate or 0.0
    if spec.noise in ATTACKS:
        return _attacked(spec, labels[rows], num_classes, draw("corrupt"))
    if kind.matrix is not None:
        counts = np.bincount(labels[rows], minlength=num_classes)
        return Given(flip(labels, transition(spec, counts, dataset), draw("flip"))[rows])
    if kind.needs == "people" and sources.people is not None:
        return Given(sources.people(spec.noise)[rows])
    if kind.needs == "inputs" and sources.inputs is not None:
        words = draw("flip")
        return Given(instance(rate, labels, rows, sources.inputs, num_classes, words))
    if kind.needs == "pool" and sources.foreign:
        return Given(
            labels[rows], stand_ins(rate, len(labels), sources.foreign, draw("flip"))[rows]
        )
    raise SpecError(
        f"Noise {spec.noise!r} is drawn from {kind.needs}, and this suite of {spec.dataset} names "
        "none. Use a suite that does, or 'symmetric0.4'."
    )


def _attacked(
    spec: SplitSpec, labels: Int[np.ndarray, " n"], num_classes: int, words: Stream
) -> Given:
    """Return a corrupted training set of which a share is revealed."""
    found = corrupt_training(
        labels,
        num_classes,
        spec.noise,
        share=spec.noise_rate or 0.0,
        revealed=spec.known_fraction,
        words=words,
    )
    patched = found.patched if found.patched.any() else None
    return Given(found.observed, patched=patched, known=found.revealed)


def truncated_centre(rate: float, spread: float = SPREAD) -> float:
    """Return the centre of a normal whose mean, truncated to [0, 1], is `rate`.

    The published sampler truncates around the rate itself: asked for 0.1 it gives 0.129.

    Parameters
    ----------
    rate : float
        Mean wanted, in (0, 1).
    spread : float, optional
        Standard deviation before truncation.

    Examples
    --------
    >>> round(truncated_mean(0.1), 3), round(truncated_mean(truncated_centre(0.1)), 6)
    (0.129, 0.1)
    """
    low, high = rate - 40 * spread, rate + 40 * spread
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if truncated_mean(middle, spread) < rate else (low, middle)
    return (low + high) / 2


def truncated_mean(centre: float, spread: float = SPREAD) -> float:
    """Return the mean of a normal truncated to [0, 1].

    Parameters
    ----------
    centre, spread : float
        Mean and standard deviation before truncation.
    """
    a, b = -centre / spread, (1 - centre) / spread
    density = (np.exp(-a * a / 2) - np.exp(-b * b / 2)) / np.sqrt(2 * np.pi)
    inside = ndtr(b) - ndtr(a) if a < 0 else ndtr(-a) - ndtr(-b)
    return float(centre + spread * density / inside)


def instance(
    rate: float,
    pool_labels: Int[np.ndarray, " p"],
    rows: Int[np.ndarray, " n"],
    inputs: Inputs,
    num_classes: int,
    words: Stream,
) -> Int[np.ndarray, " n"]:
    """Return labels whose flips depend on the image (part-dependent noise).

    Each image has its own flip rate, a normal around the rate truncated to [0, 1] and corrected
    so that its mean is the rate; where it flips to is drawn from the softmax, over the other
    classes, of a random projection of the pixels that belongs to its class.

    Parameters
    ----------
    rate : float
        Mean flip rate in [0, 1).
    pool_labels : int array of shape (p,)
        Clean labels of the training pool.
    rows : int array of shape (n,)
        Rows of the split.
    inputs : Inputs
        Images of the training pool, uint8; scaled to [−1, 1] here.
    num_classes : int
        C.
    words : Stream
        The split's stream of the step ``flip``.

    Returns
    -------
    int array of shape (n,)
        Observed class indices.

    Raises
    ------
    SpecError
        If the inputs are not images.

    References
    ----------
    Xia et al. 2020, "Part-dependent Label Noise: Towards Instance-dependent Label Noise",
    algorithm 2; the correction of the mean is ours.
    """
    observed = pool_labels[rows].copy()
    if rate == 0:
        return observed
    if inputs.take(rows[:1]).dtype != np.uint8:
        raise SpecError(
            "Noise 'instance' is a projection of pixels; these inputs are not images. "
            "Use 'symmetric' or 'frequency'."
        )
    p = len(pool_labels)
    flips = words.uniform(p)[rows] < _own_rates(rate, words.uniform(p))[rows]
    choice = words.uniform(p)[rows]
    size = int(inputs.take(rows[:1])[0].size)
    for k in range(num_classes):
        normal = ndtri(np.maximum(words.uniform(size * num_classes), _TINY))
        at = np.flatnonzero(flips & (pool_labels[rows] == k))
        if len(at):
            pixels = inputs.take(rows[at]).reshape(len(at), -1)
            scores = _projected(pixels, normal.reshape(size, num_classes))
            observed[at] = _other_class(scores, k, choice[at])
    return observed


def _own_rates(rate: float, u: Float[np.ndarray, " p"]) -> Float[np.ndarray, " p"]:
    """Return truncated normal numbers with mean `rate`, from uniform ones."""
    centre = truncated_centre(rate)
    low, high = ndtr(-centre / SPREAD), ndtr((1 - centre) / SPREAD)
    return np.clip(centre + SPREAD * ndtri(np.maximum(low + u * (high - low), _TINY)), 0.0, 1.0)


def _projected(
    pixels: UInt8[np.ndarray, "n d"], projection: Float[np.ndarray, "d c"]
) -> Float[np.ndarray, "n c"]:
    """Return (pixels / 127.5 − 1) @ projection, the projection rounded to multiples of 2⁻²⁰.

    Products of whole numbers below 2⁵³ are exact in whatever order they are added: the scores are
    the same to the last bit under every BLAS and number of threads.
    """
    whole = np.rint(projection * 2.0**20)
    return np.asarray((pixels.astype(np.float64) @ whole / 127.5 - whole.sum(axis=0)) * 2.0**-20)


def _other_class(
    scores: Float[np.ndarray, "n c"], own: int, choice: Float[np.ndarray, " n"]
) -> Int[np.ndarray, " n"]:
    """Return a class drawn from the softmax of scores over the classes that are not `own`."""
    scores[:, own] = -np.inf
    chances = np.exp(scores - scores.max(axis=1, keepdims=True))
    ladder = np.cumsum(chances, axis=1)
    return np.asarray((choice[:, None] * ladder[:, -1:] >= ladder).sum(axis=1))


def stand_ins(rate: float, n: int, foreign: int, words: Stream) -> Int[np.ndarray, " n"]:
    """Return which row of another pool stands in for each row, −1 where none does.

    Parameters
    ----------
    rate : float
        Share of replaced images in [0, 1).
    n : int
        Rows of the training pool.
    foreign : int
        Rows of the other pool; each stands in at most once while there are enough.
    words : Stream
        The split's stream of the step ``flip``.

    References
    ----------
    Wang et al. 2018, "Iterative Learning with Open-set Noisy Labels", section 4.1.
    """
    replaced = words.uniform(n) < rate
    order = words.permutation(foreign)
    stands_in = np.full(n, -1, dtype=np.int64)
    stands_in[replaced] = order[np.arange(int(replaced.sum())) % foreign]
    return stands_in

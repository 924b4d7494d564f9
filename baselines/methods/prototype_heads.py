"""Class prototypes on features that nobody trained here: cosine means, and rare ones calibrated."""

import numpy as np
from jaxtyping import Float, Int

from baselines.probes.head_rules import softmax, unit_rows
from baselines.probes.probe import Probe, probing, rows_of
from baselines.settings import Checked, Positive, Share
from harness.types.models import FitContext, TrainingData


class Prototypes(Checked):
    """Settings of cosine prototypes."""

    scale: Positive = 16.0
    """Multiplies the cosines: how sure the softmax is, not which class wins."""


@probing(Prototypes)
def fit_cosine_prototypes(train: TrainingData, ctx: FitContext, settings: Prototypes) -> Probe:
    """Predict the class whose mean feature makes the smallest angle.

    Classes do not know each other: adding one, or their order, changes no other's prototype.

    References
    ----------
    Zhou et al. 2023, "Revisiting Class-Incremental Learning with Pre-Trained Models:
    Generalizability and Adaptivity are All You Need" (SimpleCIL). Its ADAM also adapts a copy of
    the backbone, which is not done here.
    """
    rows, classes = rows_of(train), np.unique(train.observed)
    means = class_means(rows.values, train.observed, classes)
    return rows.probe("cosine", _arrays(classes, means, settings.scale))


class Calibrated(Prototypes):
    """Settings of calibrated prototypes."""

    share: Share = 0.1
    """How much of a rare class's prototype comes from frequent classes: 1 − α."""
    sharpness: Positive = 16.0
    """Multiplies the cosines between classes in the softmax that mixes the frequent ones: τ."""


@probing(Calibrated)
def fit_calibrated_prototypes(train: TrainingData, ctx: FitContext, settings: Calibrated) -> Probe:
    """Move the prototypes of rare classes towards the frequent classes that are like them.

    A class with fewer rows than the median class is rare; without one nothing moves.

    References
    ----------
    Wang et al. 2023, "Few-Shot Class-Incremental Learning via Training-Free Prototype
    Calibration" (TEEN), equations 4 to 6; there new and base classes, here rare and frequent ones.
    """
    rows = rows_of(train)
    classes, counts = np.unique(train.observed, return_counts=True)
    means = unit_rows(class_means(rows.values, train.observed, classes))
    rare = counts < np.median(counts)
    moved = means.copy()
    if rare.any():
        moved[rare] = calibrated(means[rare], means[~rare], settings.share, settings.sharpness)
    return rows.probe("cosine", _arrays(classes, moved, settings.scale))


def class_means(
    rows: Float[np.ndarray, "n d"], labels: Int[np.ndarray, " n"], classes: Int[np.ndarray, " k"]
) -> Float[np.ndarray, "k d"]:
    """Return the mean row of each class."""
    return np.stack([rows[labels == k].mean(axis=0) for k in classes])


def calibrated(
    rare: Float[np.ndarray, "r d"],
    frequent: Float[np.ndarray, "f d"],
    share: float,
    sharpness: float,
) -> Float[np.ndarray, "r d"]:
    """Return (1 − share)·p + share·unit(softmax(τ·cos(p, frequent))·frequent) for each rare p.

    Parameters
    ----------
    rare, frequent : float arrays
        Prototypes of length 1.
    share : float
        In [0, 1].
    sharpness : float
        τ > 0.
    """
    mixed = softmax(sharpness * rare @ frequent.T) @ frequent
    return (1 - share) * rare + share * unit_rows(mixed)


def _arrays(
    classes: Int[np.ndarray, " k"], prototypes: Float[np.ndarray, "k d"], scale: float
) -> dict[str, np.ndarray]:
    return {
        "classes": classes,
        "prototypes": unit_rows(prototypes).astype(np.float32),
        "scale": np.array(scale, dtype=np.float32),
    }

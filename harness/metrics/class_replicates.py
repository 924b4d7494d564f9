"""Metrics of recalls and of predicted classes, under all weightings of a pool at once.

Within a class the weights of a replicate add up to its number of images, so that a weighting moves
two numbers of each class only: the weight of its images that are found, and the weight of all
images that are called it. What the metrics make of them is what they make of a confusion matrix.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from harness.errors import Undefined
from harness.metrics.contingency import DOMINANCE
from harness.metrics.metric import ONE_CLASS

Replicates = Float64[np.ndarray, " replicates"]
Table = Float64[np.ndarray, "replicates c"]


class ClassMasses(NamedTuple):
    """What the weightings of a pool make of each class; classes without test images count too."""

    true: Int64[np.ndarray, " c"]
    """Images of the class."""
    hit: Table
    """Weight of those that are predicted as it."""
    called: Table
    """Weight of all images that are predicted as it."""

    @property
    def held(self) -> np.ndarray:
        """Return which classes have test images."""
        return self.true > 0

    @property
    def recall(self) -> Table:
        """Return the recall of every class with test images."""
        return self.hit[:, self.held] / self.true[self.held]

    @property
    def spared(self) -> Table:
        """Return the specificity of every class with test images."""
        if np.count_nonzero(self.held) < 2:
            raise Undefined(ONE_CLASS)
        others = self.true.sum() - self.true[self.held]
        return 1 - (self.called - self.hit)[:, self.held] / others


def _gmean(masses: ClassMasses) -> Replicates:
    with np.errstate(divide="ignore"):  # ln 0: one class without recall makes the mean exactly 0
        return np.asarray(np.exp(np.log(masses.recall).mean(axis=1)))


def _hmean(masses: ClassMasses) -> Replicates:
    with np.errstate(divide="ignore"):
        return np.asarray(1 / (1 / masses.recall).mean(axis=1))


def _macro_f1(masses: ClassMasses) -> Replicates:
    held = masses.held
    return np.asarray((2 * masses.hit / (masses.true + masses.called))[:, held].mean(axis=1))


def _specificity(masses: ClassMasses) -> Replicates:
    return np.asarray(masses.spared.mean(axis=1))


def _iba(masses: ClassMasses) -> Replicates:
    recall, spared = masses.recall, masses.spared
    return np.asarray(((1 + DOMINANCE * (recall - spared)) * recall * spared).mean(axis=1))


def _cohen_kappa(masses: ClassMasses) -> Replicates:
    total = masses.true.sum()
    chance = masses.called @ masses.true / total**2
    return np.asarray((masses.hit.sum(axis=1) / total - chance) / (1 - chance))


def _mcc(masses: ClassMasses) -> Replicates:
    true, total = masses.true.astype(np.float64), float(masses.true.sum())
    covariance = masses.hit.sum(axis=1) * total - masses.called @ true
    called = total**2 - (masses.called**2).sum(axis=1)
    return np.asarray(covariance / np.sqrt(called * (total**2 - true @ true)))


BY_CLASS: dict[str, Callable[[ClassMasses], Replicates]] = {
    "gmean": _gmean,
    "hmean": _hmean,
    "macro_f1": _macro_f1,
    "specificity": _specificity,
    "iba": _iba,
    "cohen_kappa": _cohen_kappa,
    "mcc": _mcc,
}
"""Metrics that have replicates, exactly, from the masses of classes."""


def by_class(key: str, masses: ClassMasses) -> Replicates:
    """Return one metric under every weighting.

    Raises
    ------
    Undefined
        If it is not defined under every weighting.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        found = BY_CLASS[key](masses)
    if not np.isfinite(found).all():
        raise Undefined(f"{key} is not defined under every weighting of these test images")
    return found

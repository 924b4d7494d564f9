"""OOD scores from gradients and intermediate layers, of models that hand out their statistics.

What they read was reduced to a row an input when the model was passed
(`harness.models.obtain.introspection`). Nothing is fitted on anything but training evidence.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int

from harness.errors import Undefined
from harness.scores.feature_scores import Gaussians, gaussians_of, squared_distance
from harness.types import Predictions

ODIN_TEMPERATURE = 1000.0
"""The published one."""
HELD_OUT = 10
"""Every tenth training row sets no bounds: it says how far beyond them ID images usually lie."""
FLOOR = 1e-6
"""Added to a bound before it divides."""


def layers_of(predictions: Predictions, prefix: str) -> list[Float64[np.ndarray, "n d"]]:
    """Return the statistics of every layer under a prefix, in order.

    Parameters
    ----------
    predictions : Predictions
        With statistics ``<prefix>0``, ``<prefix>1``, …
    prefix : {"layer_", "gram_"}
        Which of them.
    """
    names = (name for name in predictions.statistics if name.startswith(prefix))
    order = sorted(names, key=lambda name: int(name.removeprefix(prefix)))
    return [predictions.statistics[name].astype(np.float64) for name in order]


def odin(predictions: Predictions) -> Float64[np.ndarray, " n"]:
    """Return minus the largest probability, at temperature 1000, of the perturbed input.

    Parameters
    ----------
    predictions : Predictions
        With the statistic ``odin``: logits (n, c) of the perturbed inputs.

    References
    ----------
    Liang, Li and Srikant 2018, "Enhancing The Reliability of Out-of-distribution Image Detection
    in Neural Networks", arXiv:1706.02690.
    """
    z = predictions.statistics["odin"].astype(np.float64) / ODIN_TEMPERATURE
    z -= z.max(axis=1, keepdims=True)
    return np.asarray(-1 / np.exp(z).sum(axis=1))


@dataclass(frozen=True)
class LayerGaussians:
    """Class means and tied covariance of every layer, and its mean distance in training."""

    layers: tuple[Gaussians, ...]
    typical: tuple[float, ...]


def fit_layers(train: Predictions, observed: Int[np.ndarray, " n"]) -> LayerGaussians:
    """Return the Gaussians of every intermediate layer.

    Parameters
    ----------
    train : Predictions
        Of the training split, with statistics ``layer_<i>`` (n, d).
    observed : int array of shape (n,)
        Observed label of every row.

    Raises
    ------
    Undefined
        If a layer does not vary within classes.
    """
    parts = layers_of(train, "layer_")
    fitted = tuple(gaussians_of(part, observed) for part in parts)
    pairs = zip(parts, fitted, strict=True)
    typical = (squared_distance(part, g.means, g.factor).mean() for part, g in pairs)
    return LayerGaussians(fitted, tuple(float(mean) for mean in typical))


def layer_mahalanobis(
    predictions: Predictions, fitted: LayerGaussians
) -> Float64[np.ndarray, " n"]:
    """Return the sum over layers of the distance to the nearest class mean.

    Each layer counts in units of its mean distance in training. The paper weights layers by a
    regression on OOD or adversarial images, which no detector here may see, and perturbs inputs.

    Parameters
    ----------
    predictions : Predictions
        With statistics ``layer_<i>`` (n, d).
    fitted : LayerGaussians
        Of the training split.

    References
    ----------
    Lee et al. 2018, "A Simple Unified Framework for Detecting Out-of-Distribution Samples and
    Adversarial Attacks", arXiv:1807.03888.
    """
    columns = zip(layers_of(predictions, "layer_"), fitted.layers, fitted.typical, strict=True)
    found = [squared_distance(part, g.means, g.factor) / typical for part, g, typical in columns]
    return np.asarray(np.sum(found, axis=0))


class Bounds(NamedTuple):
    """Between which values the statistics of one layer lie, for images called each class."""

    low: Float64[np.ndarray, "c d"]
    high: Float64[np.ndarray, "c d"]

    def beyond(
        self, values: Float64[np.ndarray, "n d"], called: Int[np.ndarray, " n"]
    ) -> Float64[np.ndarray, " n"]:
        """Return how far values lie beyond the bounds of their class, in units of the bounds."""
        low, high = self.low[called], self.high[called]
        under = np.maximum(low - values, 0) / np.abs(low + FLOOR)
        over = np.maximum(values - high, 0) / np.abs(high + FLOOR)
        return np.asarray((under + over).sum(axis=1))


@dataclass(frozen=True)
class GramBounds:
    """Bounds of every layer, and how far held-out training rows lie beyond them."""

    layers: tuple[Bounds, ...]
    typical: tuple[float, ...]


def fit_gram(train: Predictions) -> GramBounds:
    """Return the bounds of the Gram statistics of every layer for every predicted class.

    Every tenth row of the training split is held out: its mean distance beyond the bounds is the
    unit of a layer. A class that no other row is predicted as gets the bounds of all rows.

    Parameters
    ----------
    train : Predictions
        Of the training split, with statistics ``gram_<i>`` (n, orders·d).

    Raises
    ------
    Undefined
        If there are fewer than ten rows, or no held-out row lies beyond the bounds of a layer.
    """
    called = train.values.argmax(axis=1)
    held_out = np.arange(len(called)) % HELD_OUT == HELD_OUT - 1
    if not held_out.any():
        raise Undefined(f"bounds of Gram matrices need {HELD_OUT} training rows")
    layers, typical = [], []
    for values in layers_of(train, "gram_"):
        inner, groups = values[~held_out], called[~held_out]
        low = np.tile(inner.min(axis=0), (train.values.shape[1], 1))
        high = np.tile(inner.max(axis=0), (train.values.shape[1], 1))
        for k in np.unique(groups):
            low[k], high[k] = inner[groups == k].min(axis=0), inner[groups == k].max(axis=0)
        bounds = Bounds(low, high)
        unit = float(bounds.beyond(values[held_out], called[held_out]).mean())
        if unit == 0:
            raise Undefined("no held-out training row lies beyond the bounds of a layer")
        layers.append(bounds)
        typical.append(unit)
    return GramBounds(tuple(layers), tuple(typical))


def gram(predictions: Predictions, fitted: GramBounds) -> Float64[np.ndarray, " n"]:
    """Return how far Gram statistics lie beyond what training images called the same class have.

    The sum over layers, each in units of what held-out training rows have.

    Parameters
    ----------
    predictions : Predictions
        With statistics ``gram_<i>`` (n, orders·d).
    fitted : GramBounds
        Of the training split.

    References
    ----------
    Sastry and Oore 2020, "Detecting Out-of-Distribution Examples with Gram Matrices",
    arXiv:1912.12510.
    """
    called = predictions.values.argmax(axis=1)
    columns = zip(layers_of(predictions, "gram_"), fitted.layers, fitted.typical, strict=True)
    found = [bounds.beyond(values, called) / unit for values, bounds, unit in columns]
    return np.asarray(np.sum(found, axis=0))

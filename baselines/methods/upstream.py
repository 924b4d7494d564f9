"""Networks that were pre-trained on wrong labels: an upstream task that is made here.

Which labels are wrong upstream is known exactly, nothing is downloaded, and no image of a suite is
among those that are drawn.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from pydantic import Field

from baselines.method import Parts
from baselines.methods.prior import cross_entropy
from baselines.model import NeuralModel, load_state, neural
from baselines.networks.build import build
from baselines.settings import Below1, Count, Settings
from baselines.stages import stage
from baselines.train import fit
from harness.types.data import ArrayInputs
from harness.types.models import FitContext, TrainingData

AT_ONCE = 128
"""Drawings that are made together: distances of all pixels to all points of a curve are held."""
POINTS = 24
"""Of a curve, at which its distance from a pixel is measured."""


class Upstream(Settings):
    """Settings of pre-training on curves."""

    upstream_noise: Below1 = 0.0
    """Share of the upstream images whose label is another class's."""
    upstream_classes: Annotated[int, Field(ge=2)] = 20
    """Upstream classes, each a curve."""
    upstream_images: Count = 100
    """Drawings of each curve."""


@neural(Upstream)
def fit_upstream(train: TrainingData, ctx: FitContext, settings: Upstream) -> NeuralModel:
    """Train a network on drawn curves of which a share carries a wrong label, and keep its body.

    Images and labels of the split are not looked at, save for the images' shape. The model has
    features and no opinion about classes: its logits are zeros. Heads on its features are what is
    compared. The paper's upstream sets are ImageNet-1K and YFCC15M; curves are ours.

    References
    ----------
    Chen et al. 2023, "Understanding and Mitigating the Label Noise in Pre-training on Downstream
    Tasks", section 2: flips at random, at 0 to 30 %.
    """
    shape = train.inputs.take(np.array([0])).shape[1:]
    rng = np.random.default_rng(ctx.seed)
    labels = np.repeat(np.arange(settings.upstream_classes), settings.upstream_images)
    images = curves(labels, settings.upstream_classes, (shape[0], shape[1], shape[2]), rng)
    observed = flipped(labels, settings.upstream_classes, settings.upstream_noise, rng)
    upstream = TrainingData(ArrayInputs(images), observed, settings.upstream_classes)
    trained = fit(upstream, stage(ctx, "upstream", quiet=True), settings, Parts(cross_entropy))
    return without_opinion(trained, train.num_classes)


def without_opinion(trained: NeuralModel, num_classes: int) -> NeuralModel:
    """Return the same body under a linear head of zeros for `num_classes` classes."""
    spec = replace(trained.spec, num_classes=num_classes)
    with torch.random.fork_rng(devices=[]):  # drawn weights are replaced
        network = build(spec)
    d = network.body.d
    head = {
        "head.weight": np.zeros((num_classes, d), np.float32),
        "head.bias": np.zeros(num_classes, np.float32),
    }
    body = {key: a for key, a in trained.state().items() if not key.startswith("head.")}
    load_state(network, {**body, **head})
    return NeuralModel(spec, network, trained.preprocessing)


def flipped(
    labels: Int[np.ndarray, " n"], classes: int, share: float, rng: np.random.Generator
) -> Int[np.ndarray, " n"]:
    """Return labels of which a share, rounded down to whole rows, is any other class's."""
    rows = rng.permutation(len(labels))[: int(share * len(labels))]
    noisy = labels.copy()
    noisy[rows] = (labels[rows] + rng.integers(1, classes, len(rows))) % classes
    return noisy


def curves(
    labels: Int[np.ndarray, " n"],
    classes: int,
    shape: tuple[int, int, int],
    rng: np.random.Generator,
) -> UInt8[np.ndarray, "n h w c"]:
    """Return drawings of one curve a class, each turned, moved, scaled and bent a little.

    Parameters
    ----------
    labels : int array of shape (n,)
        Which curve each image shows.
    classes : int
        How many curves there are.
    shape : tuple of int
        (height, width, channels) of an image; its channels are equal.
    rng : numpy Generator
        Of curves and of drawings.
    """
    height, width, channels = shape
    given = rng.uniform(-0.8, 0.8, (classes, 4, 2))  # four points that bend a curve
    parts = [
        ink(path, rng.uniform(0.12, 0.22, len(path)), height, width)
        for path in _drawn(given, labels, rng)
    ]
    grey = np.concatenate(parts)[..., None]
    noisy = 255 * grey + rng.normal(0, 8, grey.shape)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8).repeat(channels, axis=3)


def ink(
    path: Float[np.ndarray, "b p 2"], thickness: Float[np.ndarray, " b"], height: int, width: int
) -> Float[np.ndarray, "b h w"]:
    """Return how dark each pixel is: exp(−(distance to the nearest point / thickness)²)."""
    y, x = (2 * (np.arange(side) + 0.5) / side - 1 for side in (height, width))
    squares = (y[:, None, None] - path[:, None, None, :, 0]) ** 2
    squares = squares + (x[:, None] - path[:, None, None, :, 1]) ** 2
    return np.exp(-squares.min(axis=3) / thickness[:, None, None] ** 2)


def _drawn(
    given: Float[np.ndarray, "k 4 2"], labels: Int[np.ndarray, " n"], rng: np.random.Generator
) -> Iterator[Float[np.ndarray, "b p 2"]]:
    """Yield the points of each image's curve: cubic Bézier curves in a square from −1 to 1."""
    t = np.linspace(0, 1, POINTS)
    weights = np.stack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3], axis=1)
    for part in np.array_split(labels, -(-len(labels) // AT_ONCE)):
        bent = given[part] + rng.normal(0, 0.1, (len(part), 4, 2))
        angle = rng.uniform(-0.3, 0.3, len(part))
        turn = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], axis=1)
        placed = np.einsum("bij,bpj->bpi", turn.reshape(-1, 2, 2), bent)
        placed = placed * rng.uniform(0.85, 1.1, (len(part), 1, 1))
        placed = placed + rng.uniform(-0.15, 0.15, (len(part), 1, 2))
        yield np.einsum("tp,bpi->bti", weights, placed)

"""Predicting by expected distance instead of largest probability: Loki."""

import numpy as np
import torch
from jaxtyping import Float
from torch import nn
from torch.nn import functional as F

from baselines.methods.prototype_heads import class_means
from baselines.probes.heads import HeadSettings, standardised, train_head
from baselines.probes.probe import Probe, probing, squared_distances
from harness.types.models import FitContext, TrainingData


class Loki(HeadSettings):
    """Settings of Loki's head; the distance has none."""


@probing(Loki)
def fit_loki(train: TrainingData, ctx: FitContext, settings: Loki) -> Probe:
    """Train a linear head by cross-entropy; predict the class of least expected squared distance.

    Distances are those between class means of the training rows, over their mean: classes that
    look alike lend each other weight, so a row between two of them is given to neither's opposite.
    Logits are minus the expected distances.

    References
    ----------
    Roberts et al. 2023, "Geometry-Aware Adaptation for Pretrained Models": the Fréchet mean of the
    softmax over a metric space of labels.
    """
    data = standardised(train)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(ctx.seed)
        head = nn.Linear(data.rows.shape[1], len(data.classes))
        nn.init.zeros_(head.weight)
        nn.init.zeros_(head.bias)
        train_head(head, data, settings, ctx, lambda b: F.cross_entropy(head(b.rows), b.labels))
    means = class_means(data.given.values, train.observed, data.classes)
    arrays = data.folded(head.weight, head.bias)
    return data.given.probe("expected-distance", {**arrays, "squares": label_distances(means)})


def label_distances(means: Float[np.ndarray, "k d"]) -> Float[np.ndarray, "k k"]:
    """Return squared distances between class means, over the mean of those between two classes."""
    squares = np.maximum(squared_distances(means, means), 0)
    np.fill_diagonal(squares, 0)
    k = len(means)
    return (squares / max(squares.sum() / (k * (k - 1)), 1e-12)).astype(np.float32)

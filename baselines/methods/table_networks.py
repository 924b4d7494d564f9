"""Networks for tables: a perceptron, TabR-S, ExcelFormer and Hopular, small enough for one core.

All are trained by `heads.train_head` on standardised columns for a fixed number of epochs: nothing
is held out to stop earlier. The papers' networks are wider and trained until a validation score
falls; ours are called ``…-lite``.
"""

import math
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from pydantic import model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.networks.excelformer import ExcelFormer
from baselines.networks.hopular import Hopular
from baselines.networks.perceptron import Perceptron
from baselines.networks.tabr import TabR
from baselines.probes.heads import Batch, HeadSettings, Objective, Standardised, standardised
from baselines.probes.row_network import RowNetwork, fitted, on_rows
from baselines.settings import Below1, Count, Inside, NonNegative, Positive, UpTo1
from harness.types.models import FitContext, TrainingData


class RowSettings(HeadSettings):
    """How a network on rows is trained."""

    epochs: Count = 20
    """Passes over the rows."""
    batch_size: Count = 128
    """Largest batch; an epoch is cut into batches of nearly equal size."""
    lr: Positive = 3e-3
    """Peak learning rate of AdamW; a cosine brings it to 0."""
    weight_decay: NonNegative = 1e-4
    """Decoupled decay of AdamW, times the learning rate a step."""


class PerceptronSettings(RowSettings):
    """Settings of the perceptron."""

    epochs: Count = 40
    """Passes over the rows."""
    width: Count = 128
    """Units of a hidden layer."""
    depth: Count = 2
    """Hidden layers."""
    dropout: Below1 = 0.1
    """After every hidden layer."""


@on_rows(PerceptronSettings, Perceptron)
def fit_perceptron(
    train: TrainingData, ctx: FitContext, settings: PerceptronSettings
) -> RowNetwork:
    """Train a plain perceptron by cross-entropy."""
    data = standardised(train)
    sizes = {**_shape(data), **_sizes(settings)}
    return fitted(Perceptron, sizes, data, settings, ctx, cross_entropy)


class TabRSettings(RowSettings):
    """Settings of TabR-S; the authors' default is 265 wide, dropout .389 and 0, context 96."""

    width: Count = 32
    """Numbers in a representation."""
    context: Count = 32
    """Training rows that are looked up."""
    dropout: Below1 = 0.2
    """After the first layers of the look-up's map and of the block."""
    context_dropout: Below1 = 0.2
    """On the weights of rows that were looked up."""


@on_rows(TabRSettings, TabR)
def fit_tabr(train: TrainingData, ctx: FitContext, settings: TabRSettings) -> RowNetwork:
    """Train TabR-S: a linear encoder, a look-up among all training rows, one block.

    Narrower than the authors', and columns are standardised where theirs are made normal by
    quantiles.

    References
    ----------
    Gorishniy et al. 2023, "TabR: Tabular Deep Learning Meets Nearest Neighbors".
    """
    data = standardised(train)
    sizes = {**_shape(data), **_sizes(settings), "rows": len(data.rows)}

    def objective(network: TabR) -> Objective:
        network.known.copy_(data.rows)
        network.labels.copy_(data.labels)
        return cross_entropy(network)

    return fitted(TabR, sizes, data, settings, ctx, objective)


class ExcelFormerSettings(RowSettings):
    """Settings of ExcelFormer; the authors' default is 256 wide with 32 heads for 500 epochs."""

    width: Count = 32
    """Numbers in a token; a multiple of `heads`."""
    depth: Count = 3
    """Blocks."""
    heads: Count = 4
    """Attention heads."""
    dropout: Below1 = 0.3
    """On attention."""
    start: UpTo1 = 0.01
    """Factor of a block's first weights."""
    masked: bool = True
    """Whether a column reads only columns at least as informative; false: every column."""

    _whole = model_validator(mode="after")(lambda self: _split_evenly(self, "width"))


@on_rows(ExcelFormerSettings, ExcelFormer)
def fit_excelformer(
    train: TrainingData, ctx: FitContext, settings: ExcelFormerSettings
) -> RowNetwork:
    """Train ExcelFormer without its mixing of rows, which the authors' default has off as well.

    Narrower than the authors'. Columns are ordered by their mutual information with the class, from
    ten equally full bins of each; categories are one column each where theirs become numbers.

    References
    ----------
    Chen et al. 2023, "ExcelFormer: A Neural Network Surpassing GBDTs on Tabular Data".
    """
    data = standardised(train)
    sizes = {**_shape(data), **_sizes(settings)}
    told = information(data.rows.numpy(), data.labels.numpy())

    def objective(network: ExcelFormer) -> Objective:
        network.order.copy_(torch.from_numpy(np.argsort(-told, kind="stable")))
        return cross_entropy(network)

    return fitted(ExcelFormer, sizes, data, settings, ctx, objective)


class HopularSettings(RowSettings):
    """Settings of Hopular; the authors have 8 blocks, 8 heads and 5,000 epochs of all rows."""

    width: Count = 8
    """Numbers in a token."""
    inner: Count = 32
    """Numbers in keys and values over rows; a multiple of `heads`."""
    depth: Count = 2
    """Blocks."""
    heads: Count = 4
    """Hopfield networks side by side; `width` is a multiple of it too."""
    dropout: Below1 = 0.1
    """On retrieval weights."""
    stored: Count = 512
    """Training rows that blocks can retrieve; of more rows, rarer classes keep theirs first."""
    hidden: Inside = 0.15
    """Share of columns whose value is not shown and has to be guessed."""

    _whole = model_validator(mode="after")(lambda self: _split_evenly(self, "inner", "width"))


@on_rows(HopularSettings, Hopular)
def fit_hopular(train: TrainingData, ctx: FitContext, settings: HopularSettings) -> RowNetwork:
    """Train Hopular: cross-entropy, and the squared error of hidden columns, whose weight falls.

    Fewer blocks, at most `stored` rows instead of all, AdamW instead of LAMB with look-ahead.

    References
    ----------
    Schäfl et al. 2022, "Hopular: Modern Hopfield Networks for Tabular Data".
    """
    data = standardised(train)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(ctx.seed)
        kept = kept_rows(data.labels, settings.stored)
    sizes = {**_shape(data), **_sizes(settings), "stored": len(kept)}
    del sizes["hidden"]
    place = torch.full((len(data.rows),), -1)
    place[kept] = torch.arange(len(kept))

    def objective(network: Hopular) -> Objective:
        network.known.copy_(data.rows[kept])
        network.labels.copy_(data.labels[kept])

        def loss(batch: Batch) -> Tensor:
            masked = torch.rand(batch.rows.shape) < settings.hidden
            tokens = network.state(batch.rows, place[batch.index], masked)
            wrong = F.cross_entropy(network.answer(tokens[:, -1]), batch.labels)
            off = (network.guessed(tokens) - batch.rows)[masked].square().sum()
            weight = (1 + math.cos(math.pi * batch.progress)) / 2
            return wrong + weight * off / masked.sum().clamp_min(1)

        return loss

    return fitted(Hopular, sizes, data, settings, ctx, objective)


def cross_entropy(network: nn.Module) -> Objective:
    """Return cross-entropy of a network that is told which training row each row is."""
    return lambda batch: F.cross_entropy(network(batch.rows, batch.index), batch.labels)


def information(
    rows: Float[np.ndarray, "n d"], labels: Int[np.ndarray, " n"], bins: int = 10
) -> Float[np.ndarray, " d"]:
    """Return each column's mutual information with the class in nats, ≥ 0.

    Parameters
    ----------
    rows : float array of shape (n, d)
        Training rows.
    labels : int array of shape (n,)
        Classes, 0 to k − 1.
    bins : int, default=10
        Bins of a column, as equally full as its repeated values allow.
    """
    found = []
    for column in rows.T:
        edges = np.unique(np.quantile(column, np.arange(1, bins) / bins))
        at = np.searchsorted(edges, column, side="right")
        joint = np.zeros((len(edges) + 1, int(labels.max()) + 1))
        np.add.at(joint, (at, labels), 1 / len(labels))
        apart = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
        there = joint > 0
        found.append(float((joint[there] * np.log(joint[there] / apart[there])).sum()))
    return np.maximum(np.array(found), 0.0)


def kept_rows(labels: Int[Tensor, " n"], most: int) -> Int[Tensor, " m"]:
    """Return at most `most` row numbers, drawn; every class keeps an even share or all it has."""
    if len(labels) <= most:
        return torch.arange(len(labels))
    order = torch.randperm(len(labels))
    same = labels[order][:, None] == torch.arange(int(labels.max()) + 1)
    nth = (same.cumsum(0) * same).sum(1)  # which row of its class each is, from 1
    return order[nth.argsort(stable=True)[:most]].sort().values


def _shape(data: Standardised) -> dict[str, Any]:
    return {"columns": data.rows.shape[1], "classes": len(data.classes)}


def _sizes(settings: RowSettings) -> dict[str, Any]:
    """Return what a method's settings say beyond those of training."""
    return settings.model_dump(exclude=set(RowSettings.model_fields))


def _split_evenly(settings: Any, *names: str) -> Any:
    for name in names:
        value = getattr(settings, name)
        if value % settings.heads:
            raise ValueError(
                f"Setting {name!r} must be a multiple of heads ({settings.heads}); got {value}. "
                "Change one of them in recipe or card."
            )
    return settings

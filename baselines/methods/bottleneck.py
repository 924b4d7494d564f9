"""The discrete key-value bottleneck: frozen keys found without labels, and values that learn."""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.probes.head_rules import nearest_keys
from baselines.probes.heads import Batch, HeadSettings, Standardised, standardised, train_head
from baselines.probes.probe import Probe, probing
from baselines.settings import Count, NonNegative, Positive
from harness.types.models import FitContext, TrainingData


class KeyValue(HeadSettings):
    """Settings of a key-value bottleneck."""

    codebooks: Count = 32
    """C: codebooks, each over a random projection of its own."""
    keys: Count = 256
    """K: keys of a codebook; at most the training rows."""
    width: Count = 10
    """Features of a projection."""
    moves: Count = 3
    """Rounds of k-means that place the keys, without labels; then they are frozen."""
    sample: Count = 8192
    """Training rows, drawn at random, that place the keys."""
    lr: Positive = 0.03
    """Peak learning rate of AdamW; a cosine brings it to 0. Only values learn."""
    weight_decay: NonNegative = 0.0
    """A key that no row meets keeps its values."""


@probing(KeyValue)
def fit_key_value(train: TrainingData, ctx: FitContext, settings: KeyValue) -> Probe:
    """Train the values of nearest keys by cross-entropy; logits are their mean over codebooks.

    Values are class logits and start at 0. A step changes only values whose keys its rows meet:
    what was learnt elsewhere stays.

    References
    ----------
    Träuble et al. 2022, "Discrete Key-Value Bottleneck": random projections, keys placed without
    labels and frozen, values trained, mean and softmax.
    """
    data = standardised(train)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(ctx.seed)
        projections, keys = _placed(data, settings)
        met = torch.from_numpy(met_keys(data.rows.numpy(), projections, keys))
        shape = len(keys), keys.shape[1], len(data.classes)
        values = nn.Parameter(torch.zeros(shape))
        holder = nn.ParameterList([values])
        books = torch.arange(len(keys))

        def objective(batch: Batch) -> Tensor:
            logits = values[books, met[batch.index]].mean(1)
            return F.cross_entropy(logits, batch.labels)

        train_head(holder, data, settings, ctx, objective)
    arrays = {"projections": projections, "keys": keys, "values": values.detach().numpy()}
    return data.given.probe("key-value", {**data.scaling(), **arrays})


def met_keys(
    rows: Float[np.ndarray, "n d"],
    projections: Float[np.ndarray, "c d q"],
    keys: Float[np.ndarray, "c m q"],
) -> Int[np.ndarray, "n c"]:
    """Return which key of each codebook is nearest to each standardised row."""
    found = [nearest_keys(rows @ p, k) for p, k in zip(projections, keys, strict=True)]
    return np.stack(found, axis=1)


def _placed(
    data: Standardised, settings: KeyValue
) -> tuple[Float[np.ndarray, "c d q"], Float[np.ndarray, "c m q"]]:
    """Return random projections, and keys at k-means centres of projected rows."""
    n, d = data.rows.shape
    some = data.rows[torch.randperm(n)[: settings.sample]].numpy()
    count = min(settings.keys, len(some))
    drawn = torch.randn(settings.codebooks, d, settings.width).numpy() / np.sqrt(d)
    placed = []
    for projection in drawn:
        points = some @ projection
        keys = points[:count].copy()
        for _ in range(settings.moves):
            keys = _moved(points, keys)
        placed.append(keys)
    return drawn.astype(np.float32), np.stack(placed).astype(np.float32)


def _moved(points: Float[np.ndarray, "n q"], keys: Float[np.ndarray, "m q"]) -> np.ndarray:
    """Return each key at the mean of the points nearest to it; without one it stays."""
    near = nearest_keys(points, keys)
    counts = np.bincount(near, minlength=len(keys))
    sums = np.zeros_like(keys)
    np.add.at(sums, near, points)
    return np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], keys)

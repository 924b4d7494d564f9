"""LOOK on frozen features: a class may lie in several places as long as neighbours agree."""

import torch
from torch import Tensor

from baselines.networks.look import LEAST, Look
from baselines.probes.heads import Batch, HeadSettings, Objective, standardised
from baselines.probes.row_network import RowNetwork, fitted, on_rows
from baselines.settings import Count, NonNegative, Positive
from harness.types.models import FitContext, TrainingData


class LookSettings(HeadSettings):
    """Settings of LOOK."""

    epochs: Count = 10
    """Passes over the rows."""
    width: Count = 64
    """Numbers in a projection."""
    neighbours: Count = 50
    """K nearest training rows that are asked."""
    temperature: Positive = 0.1
    """τ, which divides cosines."""
    lr: Positive = 1e-3
    """Peak learning rate of AdamW; a cosine brings it to 0."""
    weight_decay: NonNegative = 1e-4
    """Decoupled decay of AdamW, times the learning rate a step."""


@on_rows(LookSettings, Look)
def fit_look(train: TrainingData, ctx: FitContext, settings: LookSettings) -> RowNetwork:
    """Train a projection so that a row's nearest neighbours, itself left out, carry its class.

    The loss is −log of the class's share of the softmax over the K nearest. Neighbours are looked
    up among the projections that all rows had when they were last met. The paper trains a whole
    network so for transfer; here the features stay as they are and only a projection learns.

    References
    ----------
    Feng et al. 2021, "Rethinking Supervised Pre-training for Better Downstream Transferring".
    """
    data = standardised(train)
    sizes = {
        "rows": len(data.rows),
        "columns": data.rows.shape[1],
        "classes": len(data.classes),
        "width": settings.width,
        "neighbours": settings.neighbours,
        "temperature": settings.temperature,
    }

    def objective(network: Look) -> Objective:
        network.labels.copy_(data.labels)
        _remember(network, data.rows)

        def loss(batch: Batch) -> Tensor:
            projected = network.projected(batch.rows)
            shares = network.shares(projected, batch.index)
            # After the look-up: what was compared must not change before the gradient is taken.
            network.known = network.known.index_copy(0, batch.index, projected.detach())
            return -shares.gather(1, batch.labels[:, None]).clamp_min(LEAST).log().mean()

        return loss

    model = fitted(Look, sizes, data, settings, ctx, objective)
    assert isinstance(model.network, Look)
    _remember(model.network, data.rows)  # under the last weights
    return model


@torch.no_grad()  # type: ignore[untyped-decorator]
def _remember(network: Look, rows: Tensor) -> None:
    network.known.copy_(network.projected(rows))

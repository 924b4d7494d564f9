"""Trainings of several stages: each has its own checkpoint, and the curves go on."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from baselines.losses import LogitLoss
from baselines.method import Batch
from baselines.model import NeuralModel, load_state
from baselines.networks.classifier import Classifier
from baselines.state import NOBODY, listens
from harness.types.models import FitContext


def stage(
    ctx: FitContext, name: str, *, before: int = 0, quiet: bool = False, told: bool = True
) -> FitContext:
    """Return the context of one stage.

    Parameters
    ----------
    ctx : FitContext
        Of the whole training.
    name : str
        Names the folder of this stage's checkpoint.
    before : int, default=0
        Epochs of the stages before: added to what is reported.
    quiet : bool, default=False
        Hand out no snapshots: this stage's outputs are not the method's.
    told : bool, default=True
        Report its losses; False: its epochs are not among the recipe's.
    """

    def report(epoch: int, losses: Any) -> None:
        if told:
            ctx.report(epoch + before, losses)

    def snapshot(epoch: int, *outputs: Any) -> None:
        ctx.snapshot(epoch + before, *outputs)

    own = replace(ctx, report=report, scratch=ctx.scratch and ctx.scratch / name)
    if quiet:
        return replace(own, snapshot=NOBODY)
    return replace(own, snapshot=snapshot) if listens(ctx) else own


def start_from(model: NeuralModel) -> Callable[[Any], None]:
    """Return an initialiser that copies a trained model's weights."""
    state = model.state()
    return lambda network: load_state(network, state)


def train_head_only(network: torch.nn.Module) -> None:
    """Freeze everything but the head."""
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name.startswith("head."))


class HeadOnly(nn.Module):
    """The mean of a loss, with the body's weights held still.

    Parameters
    ----------
    loss : callable
        (logits (b, c), labels (b,)) → losses (b,).
    still : bool, default=True
        Hold the running statistics too; False: the body normalises by each batch.
    """

    def __init__(self, loss: LogitLoss, *, still: bool = True) -> None:
        super().__init__()
        self.loss, self.still = loss, still

    def forward(self, network: Classifier, batch: Batch) -> Float[Tensor, ""]:
        """Return the mean loss of a batch."""
        network.body.train(not self.still)
        with torch.no_grad():
            features = network.body(batch.images)
        return self.loss(network.head(features), batch.labels).mean()

"""What the loop and a method hand each other: batches, the run in progress, a method's parts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from baselines.images import Images
from baselines.networks.classifier import Classifier, Experts
from baselines.settings import Settings

Network = Classifier | Experts


@dataclass(frozen=True)
class Batch:
    """What an objective sees of one step."""

    images: Float[Tensor, "b c h w"]
    """Augmented and normalised."""
    labels: Int[Tensor, " b"]
    """Observed labels."""
    rows: Int[Tensor, " b"]
    """Row numbers in the training data: the key of whatever is remembered about an image."""
    epoch: int
    """From 0."""
    data: Images
    """All of the training data."""
    augment: tuple[str, ...] = ()
    """The recipe's augmentations."""
    when: float = 0.0
    """Epochs passed, with fraction: ramps follow it."""
    part: int = 0
    """Which part of the epoch this is, where a method's rows have several."""

    def view(self) -> Float[Tensor, "b c h w"]:
        """Return these rows augmented once more, with new random numbers."""
        return self.data.take(self.rows, self.augment)


Objective = Callable[[Any, Batch], Tensor]
"""(network, batch) → scalar loss. A module's parameters are trained and its buffers kept."""


@dataclass
class Run:
    """One training in progress."""

    settings: Settings
    """The whole recipe."""
    network: Network
    """Being trained, on the device."""
    data: Images
    """Training images and observed labels."""
    given: Images
    """All rows that were handed to the trainer, in their order."""
    val: Images | None
    """Validation images and observed labels."""
    epoch: int = 0
    """Epochs finished."""
    step: int = 0
    """Steps finished."""


@dataclass(frozen=True)
class Parts:
    """What a method brings to the loop."""

    objective: Objective
    """What to minimise."""
    rows: Callable[[Run], Int[Tensor, " r"] | list[Int[Tensor, " r"]]] | None = None
    """Rows of an epoch, in order; a list: parts that share no batch; None: all once, shuffled."""
    prepare: Callable[[Run], None] | None = None
    """Called before every epoch."""
    network: Mapping[str, Any] = field(default_factory=dict)
    """Fields of `networks.build.NetworkSpec` that the method decides: head, experts."""
    initialise: Callable[[Any], None] | None = None
    """Called once on the new network, e.g. to load a parent's weights and freeze its body."""
    own_rate: float = 1.0
    """Multiplies the learning rate of the objective's own parameters."""


@torch.no_grad()  # type: ignore[untyped-decorator]
def features(network: Network, data: Images, *, batch_size: int = 512) -> Float[Tensor, "n d"]:
    """Return the network's features of all images, without augmentation."""
    network.eval()
    rows = torch.arange(len(data), device=data.pixels.device).split(batch_size)
    return torch.cat([network.outputs(data.take(r))[1].float() for r in rows])


@torch.no_grad()  # type: ignore[untyped-decorator]
def predict(network: nn.Module, data: Images, *, batch_size: int = 512) -> Float[Tensor, "n c"]:
    """Return the network's logits of all images, without augmentation."""
    was_training = network.training
    network.eval()
    rows = torch.arange(len(data), device=data.pixels.device).split(batch_size)
    logits = torch.cat([network(data.take(r)).float() for r in rows])
    network.train(was_training)
    return logits

"""From a network's description, which is plain JSON, to the network."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from baselines.networks.heads import Classifier, CosineHead, ScaledHead
from baselines.networks.small import SmallBody
from harness.errors import SpecError
from harness.lookup import lookup


@dataclass(frozen=True)
class NetworkSpec:
    """All that decides a network's shape: enough to build it again."""

    name: str
    """A name in NETWORKS, or ``timm/<architecture>``."""
    shape: tuple[int, int, int]
    """(channels, height, width) of what it receives."""
    num_classes: int
    """C ≥ 1."""
    width: float = 1.0
    """Multiplies the channels of the small CNN."""
    head: str = "linear"
    """A name in HEADS."""
    scale: float = 30.0
    """Of the cosine head."""


def small_cnn(spec: NetworkSpec) -> nn.Module:
    """Return the body of the small CNN (16·width channels first, 64·width features)."""
    channels, height, width = spec.shape
    if min(height, width) < 4 or height != width:
        raise SpecError(
            f"small-cnn takes square images of at least 4 pixels; got {height}x{width}. "
            "Name another network in the recipe."
        )
    first = max(1, round(16 * spec.width))
    return SmallBody(channels, height, width=first, hidden=4 * first)


NETWORKS: dict[str, Callable[[NetworkSpec], nn.Module]] = {"small-cnn": small_cnn}
"""Name → builder of a body with the number of its features in ``d``."""

HEADS: dict[str, Callable[[int, NetworkSpec], nn.Module]] = {
    "linear": lambda d, spec: nn.Linear(d, spec.num_classes),
    "cosine": lambda d, spec: CosineHead(d, spec.num_classes, spec.scale),
    "scaled": lambda d, spec: ScaledHead(d, spec.num_classes),
}
"""Name → builder of a head over d features."""


def build(spec: NetworkSpec) -> Classifier:
    """Return the network, its weights drawn from torch's current random state.

    Raises
    ------
    UnknownNameError
        If network or head is in no table.
    SpecError
        If the network cannot take images of this shape.
    """
    body = lookup("network", spec.name, NETWORKS)(spec)
    return Classifier(body, lookup("head", spec.head, HEADS)(int(body.d), spec))

"""From a network's description, which is plain JSON, to the network."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from baselines.networks.classifier import Body, Classifier, Experts
from baselines.networks.heads import CosineHead, DistanceHead, OutlierClassHead, ScaledHead
from baselines.networks.pretrained import timm_body
from baselines.networks.residual import cifar_resnet, preact_resnet18, resnet34, wide_resnet
from baselines.networks.routed import Routed
from baselines.networks.small import small_body
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
    experts: int = 1
    """Number of branches; 1: one body and one head."""
    shared: bool = True
    """Whether experts share the body's stem; False: a committee of whole networks."""
    branch_width: float = 1.0
    """Multiplies the channels after the stem, of CIFAR's residual networks."""
    routed: bool = False
    """Whether a routing module decides how many experts an image is shown to."""
    channels_last: bool = False
    """Whether it computes with the channels last in memory; the last bits depend on it."""


def small_cnn(spec: NetworkSpec) -> Body:
    """Return the body of the small CNN (16·width channels first, 64·width features)."""
    channels, height, width = spec.shape
    if spec.branch_width != 1:
        raise SpecError(
            f"branch_width is of resnet32 and resnet44; got {spec.branch_width} for {spec.name}. "
            "Leave it out of the recipe."
        )
    if height < 4 or height != width:
        raise SpecError(
            f"small-cnn takes square images of at least 4 pixels; got {height}x{width}. "
            "Name another network in the recipe."
        )
    return small_body(channels, height, max(1, round(16 * spec.width)))


NETWORKS: dict[str, Callable[[NetworkSpec], Body]] = {
    "small-cnn": small_cnn,
    "resnet32": lambda spec: cifar_resnet(spec.shape[0], 32, spec.branch_width),
    "resnet44": lambda spec: cifar_resnet(spec.shape[0], 44, spec.branch_width),
    "resnet34": lambda spec: resnet34(spec.shape[0]),
    "preact-resnet18": lambda spec: preact_resnet18(spec.shape[0]),
    "wrn-28-10": lambda spec: wide_resnet(spec.shape[0], 28, 10),
}
"""Name → builder of a body. ResNet-32 and -44 are CIFAR's, the others as their papers name them."""

HEADS: dict[str, Callable[[int, NetworkSpec], nn.Module]] = {
    "linear": lambda d, spec: nn.Linear(d, spec.num_classes),
    "cosine": lambda d, spec: CosineHead(d, spec.num_classes, spec.scale),
    "scaled": lambda d, spec: ScaledHead(d, spec.num_classes),
    "distance": lambda d, spec: DistanceHead(d, spec.num_classes),
    "normalised-distance": lambda d, spec: DistanceHead(d, spec.num_classes, normalised=True),
    "outlier-class": lambda d, spec: OutlierClassHead(d, spec.num_classes),
}
"""Name → builder of a head over d features."""


def build(spec: NetworkSpec) -> Classifier | Experts:
    """Return the network, its weights drawn from torch's current random state.

    Raises
    ------
    UnknownNameError
        If network or head is in no table.
    SpecError
        If the network cannot take images of this shape.
    """
    make_head = lookup("head", spec.head, HEADS)
    bodies = [build_body(spec) for _ in range(spec.experts)]
    if spec.experts == 1:
        return Classifier(bodies[0], make_head(bodies[0].d, spec))
    heads = [make_head(body.d, spec) for body in bodies]
    if spec.routed:
        branches = [body.rest for body in bodies]
        return Routed(bodies[0].stem, branches, heads, bodies[0].d, spec.num_classes)
    if spec.shared:
        return Experts(bodies[0].stem, [body.rest for body in bodies], heads)
    return Experts(nn.Identity(), bodies, heads)


def build_body(spec: NetworkSpec) -> Body:
    """Return the network without a head."""
    family, _, architecture = spec.name.partition("/")
    if family == "timm" and architecture:
        return timm_body(architecture)
    return lookup("network", spec.name, NETWORKS)(spec)

"""A pre-trained network in two parts: what stays frozen, and the last stages."""

from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from harness.errors import SpecError


def front_and_tail(network: Any, stages: int) -> tuple[nn.Sequential, nn.Sequential]:
    """Return a timm network's parts before and after a place; they share its weights.

    Parameters
    ----------
    network : module
        Of timm, without its last layer.
    stages : int
        How many stages (timm's ``blocks`` or ``layer1`` to ``layer4``) the second part has, with
        all that follows them; at least 1, and less than all.

    Returns
    -------
    front : nn.Sequential
        Images (b, c, h, w) → maps.
    tail : nn.Sequential
        Maps → features (b, d).

    Raises
    ------
    SpecError
        If the network is neither an EfficientNet nor a ResNet in timm's words, or has not so many
        stages.
    """
    before, parts, after = _parts(network)
    if not 1 <= stages < len(parts):
        raise SpecError(
            f"stages must lie between 1 and {len(parts) - 1} for {type(network).__name__}; got "
            f"{stages}. Change it on the card."
        )
    front = nn.Sequential(*before, *parts[:-stages])
    return front, nn.Sequential(*parts[-stages:], *after)


def _parts(network: Any) -> tuple[list[nn.Module], list[nn.Module], list[nn.Module]]:
    if all(hasattr(network, name) for name in ("conv_stem", "bn1", "blocks", "conv_head", "bn2")):
        after = [network.conv_head, network.bn2, network.global_pool]
        return [network.conv_stem, network.bn1], list(network.blocks), after
    if all(hasattr(network, name) for name in ("conv1", "bn1", "act1", "maxpool", "layer4")):
        layers = [network.layer1, network.layer2, network.layer3, network.layer4]
        return (
            [network.conv1, network.bn1, network.act1, network.maxpool],
            layers,
            [network.global_pool],
        )
    raise SpecError(
        f"Stages are known of timm's EfficientNets and ResNets; got {type(network).__name__}. "
        "Leave stages out, or name another network."
    )


def as_maps(rows: Float[Tensor, "b n"], channels: int) -> Float[Tensor, "b c side side"]:
    """Return flattened square maps as maps again.

    Parameters
    ----------
    rows : tensor of shape (b, n)
        n is channels · side².
    channels : int
        c.

    Raises
    ------
    SpecError
        If n is no such number.
    """
    side = round((rows.shape[1] / channels) ** 0.5)
    if channels * side * side != rows.shape[1]:
        raise SpecError(
            f"Expected flattened maps of {channels} channels; got rows of {rows.shape[1]} numbers."
            " features_from names a backbone of the same network and number of stages."
        )
    return rows.unflatten(1, (channels, side, side))


def channels_into(tail: nn.Module) -> int:
    """Return how many channels the maps have that a tail receives; 0 without a convolution."""
    layers = (m.in_channels for m in tail.modules() if isinstance(m, nn.Conv2d))
    return next(layers, 0)

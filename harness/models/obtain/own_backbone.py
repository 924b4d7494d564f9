"""A user's own weights of a timm architecture as a backbone: checked, and never fetched."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from harness.errors import CardError
from harness.lookup import lookup
from harness.models.obtain.vision import timm
from harness.models.safe.tensor_names import check_shapes
from harness.models.safe.weights import check_numbers, read_header

FAMILY = "timm"
"""First part of a network's name: ``timm/resnet18``."""
_INTERPOLATIONS = ("bilinear", "bicubic", "nearest")


@dataclass(frozen=True)
class Fed:
    """What timm says that an architecture's published weights were trained with."""

    mean: tuple[float, ...]
    """Per channel, of values in [0, 1]."""
    std: tuple[float, ...]
    """Per channel, of values in [0, 1]."""
    interpolation: str
    """``bilinear``, ``bicubic`` or ``nearest``."""


def arch_named(network: str) -> str:
    """Return timm's name that a network's name means: ``timm/resnet18`` → ``resnet18``.

    A tag may follow, as timm writes it: ``timm/resnet18.a1_in1k``.

    Raises
    ------
    CardError
        If the name is not of the family ``timm``, or timm knows no such tag.
    UnknownNameError
        If timm has no such architecture.
    """
    family, _, arch = network.partition("/")
    if family != FAMILY or not arch:
        raise CardError(
            f"The network of own weights is written {FAMILY}/<architecture>, such as "
            f"{FAMILY}/resnet18; got {network[:80]!r}. Change network in recipe or card."
        )
    plain, _, tag = arch.partition(".")
    lookup("timm architecture", plain, dict.fromkeys(timm().list_models()))
    known = {name.partition(".")[2] for name in timm().list_pretrained(f"{plain}.*")}
    if tag and tag not in known:
        raise CardError(
            f"timm has no weights {tag[:80]!r} of {plain}; known: {', '.join(sorted(known))}. "
            "Write one of them, or leave the tag out."
        )
    return arch


@lru_cache
def fed_as(network: str) -> Fed | None:
    """Return what timm says of an architecture's published weights; None where it says nothing.

    Parameters
    ----------
    network : str
        Such as ``timm/resnet18``.

    Raises
    ------
    CardError, UnknownNameError
        As `arch_named`.
    """
    arch = arch_named(network)
    found = timm().models.get_pretrained_cfg(arch)
    if found is None:
        return None
    how = found.interpolation if found.interpolation in _INTERPOLATIONS else "bilinear"
    return Fed(tuple(map(float, found.mean)), tuple(map(float, found.std)), how)


def no_weights(network: str) -> CardError:
    """Return the sentence for a network whose card brings no weights."""
    return CardError(
        f"{network} needs weights of your own, and the card names none; none are fetched. Write "
        'below [method]: weights = { path = "weights.safetensors", sha256 = "…" }'
    )


def empty_network(arch: str) -> Any:
    """Return a timm architecture without its last layer; torch's random state is left alone.

    Parameters
    ----------
    arch : str
        In timm's words, perhaps with a tag.
    """
    import torch

    with torch.random.fork_rng(devices=[]):  # building draws weights, which are then replaced
        return timm().create_model(arch, pretrained=False, num_classes=0)


def check_own(path: Path, network: str) -> Any:
    """Return the architecture without weights after checking that a file has its tensors.

    The file may hold the last layer as well, of any number of classes: features need none.

    Parameters
    ----------
    path : Path
        Safetensors.
    network : str
        Such as ``timm/resnet18``.

    Raises
    ------
    CardError
        If the file is no safetensors file, lacks or adds a tensor, or one has another shape or
        numbers that are not finite.
    """
    arch = arch_named(network)
    body = empty_network(arch)
    header = read_header(path)
    state = body.state_dict()
    kept = {name: facts for name, facts in header.items() if not _is_last(name, body)}
    check_shapes(
        kept,
        {name: tuple(tensor.shape) for name, tensor in state.items()},
        what=path.name,
        check=f"They are compared with {arch} of timm {timm().__version__}: change network on the "
        "card, or save the network's state_dict().",
    )
    floating = {name for name, tensor in state.items() if tensor.is_floating_point()}
    check_numbers(path, header, floating)
    return body


def _is_last(name: str, body: Any) -> bool:
    """Return whether a tensor is of the last layer (timm: one, or one per distilled head)."""
    last = getattr(body, "pretrained_cfg", {}).get("classifier") or ()
    layers = (last,) if isinstance(last, str) else last
    return any(name in (f"{layer}.weight", f"{layer}.bias") for layer in layers)


def own_network(network: str, path: Path) -> Any:
    """Return a backbone with a user's weights, without its last layer, in evaluation mode.

    Parameters
    ----------
    network : str
        Such as ``timm/resnet18``.
    path : Path
        Safetensors, its sha256 already compared.

    Returns
    -------
    torch.nn.Module
        From images float32 (b, 3, h, w) to features (b, d).

    Raises
    ------
    CardError
        As `check_own`.
    """
    from safetensors.torch import load_file

    body = check_own(path, network)
    given = {name: t for name, t in load_file(path).items() if not _is_last(name, body)}
    body.load_state_dict(given, strict=True)
    return body.eval()

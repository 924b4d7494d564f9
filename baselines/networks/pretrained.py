"""timm's architectures as bodies, fed with what they were designed for; never with weights."""

from functools import lru_cache
from typing import Any

from torch import nn

from baselines.networks.classifier import Body
from harness.errors import SpecError
from harness.lookup import lookup
from harness.models.obtain.vision import timm
from harness.types.models import Preprocessing


def timm_body(name: str) -> Body:
    """Return a timm architecture without its head, with new random weights.

    Raises
    ------
    UnknownNameError
        If timm has no such architecture.
    """
    lookup("timm architecture", name, dict.fromkeys(timm().list_models()))
    network = timm().create_model(name, pretrained=False, num_classes=0)
    return Body(nn.Identity(), network, int(network.num_features))


@lru_cache
def timm_preprocessing(name: str) -> Preprocessing:
    """Return what timm says this architecture is fed with.

    Raises
    ------
    SpecError
        If it takes neither grey nor colour images.
    """
    lookup("timm architecture", name, dict.fromkeys(timm().list_models()))
    from timm.data import resolve_model_data_config

    facts: dict[str, Any] = resolve_model_data_config(timm().create_model(name, num_classes=0))
    channels, height, width = facts["input_size"]
    if channels not in (1, 3):
        raise SpecError(f"{name} takes {channels} channels; images have 1 or 3. Use another.")
    known = facts["interpolation"] in ("bilinear", "bicubic", "nearest")
    return Preprocessing(
        size=(height, width),
        channels=channels,
        mean=tuple(facts["mean"]),
        std=tuple(facts["std"]),
        interpolation=facts["interpolation"] if known else "bilinear",
        crop_pct=facts["crop_pct"],
    )

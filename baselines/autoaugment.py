"""AutoAugment and RandAugment on whole batches: images that drew the same operation go together.

Policies and magnitudes are torchvision's; here only who gets what is drawn, one draw per image.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from typing import Any

import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from harness.lookup import lookup
from harness.models.obtain.vision import torchvision

Batch = UInt8[Tensor, "b c h w"]
Operation = Callable[[Any, Tensor, float], Tensor]

OPERATIONS: dict[str, Operation] = {
    "Identity": lambda F, x, m: x,
    "ShearX": lambda F, x, m: F.affine(x, 0.0, [0, 0], 1.0, [_degrees(m), 0.0], center=[0, 0]),
    "ShearY": lambda F, x, m: F.affine(x, 0.0, [0, 0], 1.0, [0.0, _degrees(m)], center=[0, 0]),
    "TranslateX": lambda F, x, m: F.affine(x, 0.0, [int(m), 0], 1.0, [0.0, 0.0]),
    "TranslateY": lambda F, x, m: F.affine(x, 0.0, [0, int(m)], 1.0, [0.0, 0.0]),
    "Rotate": lambda F, x, m: F.rotate(x, m),
    "Brightness": lambda F, x, m: F.adjust_brightness(x, 1 + m),
    "Color": lambda F, x, m: F.adjust_saturation(x, 1 + m) if x.shape[1] == 3 else x,
    "Contrast": lambda F, x, m: F.adjust_contrast(x, 1 + m),
    "Sharpness": lambda F, x, m: F.adjust_sharpness(x, 1 + m),
    "Posterize": lambda F, x, m: F.posterize(x, int(m)),
    "Solarize": lambda F, x, m: F.solarize(x, m),
    "AutoContrast": lambda F, x, m: F.autocontrast(x),
    "Equalize": lambda F, x, m: F.equalize(x),
    "Invert": lambda F, x, m: F.invert(x),
}
"""Name in torchvision's policies → function of (functional, images, magnitude)."""

RANDAUGMENT = tuple(name for name in OPERATIONS if name != "Invert")
"""The fourteen operations of Cubuk et al. 2020, section 3."""
SIGNED = {"ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate"} | {
    "Brightness", "Color", "Contrast", "Sharpness"
}  # fmt: skip
"""Operations whose magnitude gets a random sign."""


def autoaugment(images: Batch) -> Batch:
    """Apply to each image one of the 25 sub-policies found on CIFAR-10.

    References
    ----------
    Cubuk et al. 2019, "AutoAugment", table 7.
    """
    policies = _policies()
    chosen = _draw(len(policies), len(images))
    for position in range(2):
        steps = [policy[position] for policy in policies]
        coins, signs = torch.rand(len(images)), _draw(2, len(images))
        applied = coins < torch.tensor([step[1] for step in steps])[chosen]
        for k in torch.unique(chosen).tolist():
            name, _, level = steps[k]
            rows = applied & (chosen == k)
            images = _applied(images, rows, name, level or 0, 10, signs)
    return images


def randaugment(images: Batch, *, number: int = 2, level: int = 9) -> Batch:
    """Apply to each image `number` operations drawn from fourteen, all at one level of 30.

    References
    ----------
    Cubuk et al. 2020, "RandAugment", N = 2 and M = 9 as in torchvision's default.
    """
    for _ in range(number):
        chosen, signs = _draw(len(RANDAUGMENT), len(images)), _draw(2, len(images))
        for k in torch.unique(chosen).tolist():
            images = _applied(images, chosen == k, RANDAUGMENT[k], level, 31, signs)
    return images


def magnitude(name: str, level: int, bins: int, size: int) -> float:
    """Return an operation's strength at a level of `bins`, in its own unit.

    Parameters
    ----------
    name : str
        A name in OPERATIONS.
    level : int
        0 … bins − 1.
    bins : int
        10 in AutoAugment, 31 in RandAugment.
    size : int
        Side of the images in pixels.
    """
    share = level / (bins - 1)
    if name.startswith("Shear"):
        return 0.3 * share
    if name.startswith("Translate"):
        return 150 / 331 * size * share
    if name == "Rotate":
        return 30.0 * share
    if name == "Posterize":
        return 8.0 - round(level / ((bins - 1) / 4))
    if name == "Solarize":
        return 255.0 * (1 - share)
    return 0.9 * share


def _applied(
    images: Batch,
    rows: Tensor,
    name: str,
    level: int,
    bins: int,
    signs: Int[Tensor, " b"],
) -> Batch:
    """Return the images with the operation applied to `rows`, both signs one after the other."""
    functional = _functional()
    operation = lookup("operation", name, OPERATIONS)
    strength = magnitude(name, level, bins, images.shape[-1])
    images = images.clone()
    for sign in (1, -1) if name in SIGNED else (0,):
        group = rows if sign == 0 else rows & (signs == (sign > 0))
        if group.any():
            where = group.to(images.device)
            images[where] = operation(functional, images[where], (sign or 1) * strength)
    return images


@lru_cache
def _functional() -> Any:
    torchvision()  # repaired first, then imported by its full name
    return import_module("torchvision.transforms.v2.functional")


@lru_cache
def _policies() -> Any:
    transforms = torchvision().transforms
    return transforms.AutoAugment(transforms.AutoAugmentPolicy.CIFAR10).policies


def _draw(high: int, n: int) -> Int[Tensor, " n"]:
    return torch.randint(high, (n,))


def _degrees(slope: float) -> float:
    return math.degrees(math.atan(slope))

"""Augmentation of whole batches where they lie, each image with its own random draw."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.nn import functional as F

from baselines.autoaugment import autoaugment, randaugment
from harness.lookup import lookup

Batch = UInt8[Tensor, "b c h w"]
Augmentation = Callable[[Tensor], Tensor]


def crop(images: Batch) -> Batch:
    """Return a random crop of each image after padding an eighth of its side with black.

    4 pixels for 32×32, as in the published CIFAR protocols (He et al. 2016, section 4.2).
    """
    b, _, h, w = images.shape
    pad = max(1, h // 8)
    padded = F.pad(images, (pad, pad, pad, pad))
    top = _integers(2 * pad + 1, (b, 1, 1), images)
    left = _integers(2 * pad + 1, (b, 1, 1), images)
    rows = top + torch.arange(h, device=images.device).view(1, h, 1)
    columns = left + torch.arange(w, device=images.device).view(1, 1, w)
    image = torch.arange(b, device=images.device).view(b, 1, 1)
    return padded.permute(0, 2, 3, 1)[image, rows, columns].permute(0, 3, 1, 2)


def flip(images: Batch) -> Batch:
    """Return each image mirrored left to right with probability one half."""
    coin = _integers(2, (len(images), 1, 1, 1), images).bool()
    return torch.where(coin, images.flip(3), images)


def cutout(images: Batch) -> Batch:
    """Return each image with a black square of half its side around a random centre.

    16 pixels for 32×32; the square may stick out (DeVries and Taylor 2017, section 3.2).
    """
    b, _, h, w = images.shape
    half = h // 4
    y = _integers(h, (b, 1, 1, 1), images)
    x = _integers(w, (b, 1, 1, 1), images)
    rows = torch.arange(h, device=images.device).view(1, 1, h, 1)
    columns = torch.arange(w, device=images.device).view(1, 1, 1, w)
    inside = (rows >= y - half) & (rows < y + half) & (columns >= x - half) & (columns < x + half)
    return images.masked_fill(inside, 0)


AUGMENTATIONS: dict[str, Augmentation] = {
    "crop": crop,
    "flip": flip,
    "cutout": cutout,
    "autoaugment": autoaugment,
    "randaugment": randaugment,
}
"""Name in recipes → function of a batch."""


def augment(images: Batch, names: Sequence[str]) -> Batch:
    """Return `images` after each named augmentation in order.

    Random numbers are the running job's: torch's own state, seeded by the loop.
    """
    for name in names:
        images = lookup("augmentation", name, AUGMENTATIONS)(images)
    return images


def _integers(high: int, shape: tuple[int, ...], images: Tensor) -> Tensor:
    return torch.randint(high, shape, device=images.device)

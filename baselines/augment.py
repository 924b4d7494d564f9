"""Augmentation of whole batches where they lie, each image with its own random draw."""

import math
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
    top = _integers(2 * pad + 1, (b,), images)
    left = _integers(2 * pad + 1, (b,), images)
    # Every crop is a view of the padded images: only what is chosen is copied.
    crops = F.pad(images, (pad, pad, pad, pad)).unfold(2, h, 1).unfold(3, w, 1)
    chosen = crops[torch.arange(b, device=images.device), :, top, left]  # (b, c, h, w)
    return chosen.contiguous(memory_format=torch.channels_last)


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


def rotate(images: Batch) -> Batch:
    """Return each image turned by up to 15 degrees either way, nearest pixel, black outside."""
    angles = (torch.rand(len(images), device=images.device) * 2 - 1) * math.pi / 12
    cos, sin, zero = angles.cos(), angles.sin(), torch.zeros_like(angles)
    turn = torch.stack([cos, -sin, zero, sin, cos, zero], 1).view(-1, 2, 3)
    grid = F.affine_grid(turn, list(images.shape), align_corners=False)
    turned = F.grid_sample(images.float(), grid, mode="nearest", align_corners=False)
    return turned.to(images.dtype)


def jitter(images: Batch) -> Batch:
    """Return images with other brightness, contrast, saturation and hue, with probability 0.8.

    Factors are drawn from 1 ± 0.4, hue from ±0.1 of the circle (Chen et al. 2020, appendix A, at
    the strength of MoCo), one after the other; grey images have neither saturation nor hue.
    """
    x, colour = images.float(), images.shape[1] == 3
    factor = [_uniform(0.6, 1.4, images) for _ in range(3)]
    x = (x * factor[0]).clamp(0, 255)
    x = (_grey(x).mean((2, 3), keepdim=True) * (1 - factor[1]) + x * factor[1]).clamp(0, 255)
    if colour:
        x = (_grey(x) * (1 - factor[2]) + x * factor[2]).clamp(0, 255)
        x = shifted_hue(x, _uniform(-0.1, 0.1, images))
    return torch.where(_chance(0.8, images), x.round().to(images.dtype), images)


def grey(images: Batch) -> Batch:
    """Return each image without its colour with probability 0.2."""
    plain = _grey(images.float()).round().to(images.dtype).expand_as(images)
    return torch.where(_chance(0.2, images), plain, images)


def blur(images: Batch) -> Batch:
    """Return each image blurred by a Gaussian of 0.1 to 2 pixels with probability 0.2."""
    b, c, h, w = images.shape
    reach = min(4, h - 1, w - 1)
    offsets = torch.arange(-reach, reach + 1, device=images.device)
    kernel = torch.exp(-0.5 * (offsets / _uniform(0.1, 2.0, images).view(b, 1)) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(c, 0)  # (b·c, taps)
    x = F.pad(images.float().view(1, b * c, h, w), (reach,) * 4, mode="reflect")
    x = F.conv2d(x, kernel.view(b * c, 1, -1, 1), groups=b * c)
    x = F.conv2d(x, kernel.view(b * c, 1, 1, -1), groups=b * c).view(b, c, h, w)
    return torch.where(_chance(0.2, images), x.round().to(images.dtype), images)


AUGMENTATIONS: dict[str, Augmentation] = {
    "crop": crop,
    "flip": flip,
    "cutout": cutout,
    "rotate": rotate,
    "jitter": jitter,
    "grey": grey,
    "blur": blur,
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


def shifted_hue(images: Tensor, turns: Tensor) -> Tensor:
    """Return colour images (b, 3, h, w) in 0 … 255 with their hue turned, by way of HSV."""
    red, green, blue = images.unbind(1)
    value, least = images.amax(1), images.amin(1)
    chroma = value - least
    safe = chroma.clamp_min(1e-6)
    sixth = torch.where(
        value == red,
        (green - blue) / safe,
        torch.where(value == green, (blue - red) / safe + 2, (red - green) / safe + 4),
    )
    turned = sixth + 6 * turns.view(-1, 1, 1)

    def channel(start: int) -> Tensor:
        place = (start + turned) % 6
        return value - chroma * torch.minimum(place, 4 - place).clamp(0, 1)

    return torch.stack([channel(5), channel(3), channel(1)], 1)


def _grey(images: Tensor) -> Tensor:
    if images.shape[1] == 1:
        return images
    weights = images.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    return (images * weights).sum(1, keepdim=True)


def _uniform(low: float, high: float, images: Tensor) -> Tensor:
    return low + (high - low) * torch.rand(len(images), 1, 1, 1, device=images.device)


def _chance(share: float, images: Tensor) -> Tensor:
    return torch.rand(len(images), 1, 1, 1, device=images.device) < share

"""A model's own preprocessing, applied by the harness: channels, size, crop, mean, std."""

import numpy as np
from jaxtyping import Float32, UInt8

from harness.errors import PredictionsError
from harness.types.models import Preprocessing

LUMA = (19595, 38470, 7471)
"""ITU-R 601 weights of red, green, blue in 1/65536, as Pillow's mode "L" uses them."""


def prepare(
    images: UInt8[np.ndarray, "b h w c"], how: Preprocessing
) -> Float32[np.ndarray, "b k y x"]:
    """Return uint8 images as what a model was trained with.

    In this order: channels, size, centre crop, scale to [0, 1], minus mean, over std.

    Parameters
    ----------
    images : uint8 array of shape (b, h, w, c)
        c is 1 or 3.
    how : Preprocessing
        The model's; its channels are k and its size (y, x).

    Returns
    -------
    float32 array of shape (b, k, y, x)

    Raises
    ------
    PredictionsError
        If the images have neither 1 nor 3 channels.
    """
    pixels = _cropped(_resized(_channels(images, how.channels), how), how)
    mean = np.asarray(how.mean, dtype=np.float32)
    std = np.asarray(how.std, dtype=np.float32)
    scaled = pixels.astype(np.float32) / np.float32(255)
    return np.ascontiguousarray(((scaled - mean) / std).transpose(0, 3, 1, 2))  # (b, k, y, x)


def _channels(images: np.ndarray, wanted: int) -> np.ndarray:
    given = images.shape[-1]
    if given == wanted:
        return images
    if given == 1:
        return np.repeat(images, wanted, axis=-1)
    if given != 3:
        raise PredictionsError(
            f"Images must have 1 or 3 channels to be prepared for a model; got {given}."
        )
    weighted = images.astype(np.uint32) @ np.asarray(LUMA, dtype=np.uint32)  # (b, h, w)
    return ((weighted + 0x8000) >> 16).astype(np.uint8)[..., None]  # (b, h, w, 1)


def _resized(images: np.ndarray, how: Preprocessing) -> np.ndarray:
    """Resize so that the crop's frame is just covered, keeping proportions."""
    frame = [int(side / how.crop_pct) for side in how.size]
    height, width = images.shape[1:3]
    ratio = max(frame[0] / height, frame[1] / width)
    goal = round(height * ratio), round(width * ratio)
    return images if goal == (height, width) else _interpolated(images, goal, how.interpolation)


def _interpolated(images: np.ndarray, goal: tuple[int, int], mode: str) -> np.ndarray:
    """Interpolate with antialiasing and round back to uint8, as Pillow does."""
    import torch
    from torch.nn.functional import interpolate

    planes = torch.from_numpy(images.transpose(0, 3, 1, 2).astype(np.float32))
    if mode == "nearest":
        changed = interpolate(planes, goal, mode="nearest-exact")
    else:
        changed = interpolate(planes, goal, mode=mode, antialias=True, align_corners=False)
    rounded = changed.round().clamp(0, 255).to(torch.uint8)
    return np.asarray(rounded.permute(0, 2, 3, 1).numpy())


def _cropped(images: np.ndarray, how: Preprocessing) -> np.ndarray:
    height, width = images.shape[1:3]
    top, left = round((height - how.size[0]) / 2), round((width - how.size[1]) / 2)
    return images[:, top : top + how.size[0], left : left + how.size[1]]

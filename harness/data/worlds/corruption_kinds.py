"""What the common corruptions do to pixels.

Every function takes images as float64 (b, h, w, c) in 0 … 255, a strength, and `draw`, the
randomness of each image by itself; it returns float64 images of the same shape, which the caller
rounds and clips. Lengths are in pixels of a 32-pixel image and grow with the side.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int
from scipy import ndimage
from scipy.special import ndtri, pdtr

from harness.data.worlds.resampling import Images, displaced, moved, read, reading
from harness.streams import Stream

_STARTS = 256
"""Places of a Poisson distribution that a search starts from."""
Field = Float[np.ndarray, "b h w"]


class ImageDraw:
    """Random numbers of a batch of images, each from the stream of its own row.

    Parameters
    ----------
    streams : sequence of Stream
        One an image: an image's corruption does not depend on its batch.
    """

    def __init__(self, streams: Sequence[Stream]) -> None:
        self._streams = streams

    def uniform(self, *shape: int) -> Float[np.ndarray, "b *shape"]:
        """Return numbers in [0, 1), `shape` for each image."""
        n = int(np.prod(shape))
        drawn = np.stack([stream.uniform(n) for stream in self._streams])
        return drawn.reshape(-1, *shape)

    def normal(self, *shape: int) -> Float[np.ndarray, "b *shape"]:
        """Return standard normal numbers by inverting their distribution function."""
        return ndtri(self.uniform(*shape) * (1 - 2.0**-52) + 2.0**-53)


def _side(images: Images) -> float:
    """Return how many times larger than 32 pixels the shorter side is."""
    return min(images.shape[1:3]) / 32


def gaussian_noise(images: Images, strength: float, draw: ImageDraw) -> Images:
    """Add independent normal noise; strength is its standard deviation as a share of 255."""
    return images + 255 * strength * draw.normal(*images.shape[1:])


def shot_noise(images: Images, strength: float, draw: ImageDraw) -> Images:
    """Count photons: Poisson with `strength` photons at white."""
    ladder, starts, most = _poisson(strength)
    value = np.rint(images)
    wanted = value + draw.uniform(*images.shape[1:])
    row = np.maximum(value.astype(np.int64) - 1, 0)
    at = starts[row, ((wanted - value) * _STARTS).astype(np.int64)]
    left = np.flatnonzero(ladder[at] < wanted)
    flat, aim = at.ravel(), wanted.ravel()
    while len(left):  # a few steps from where the chance of the nearest 1/256 lies
        flat[left] += 1
        left = left[ladder[flat[left]] < aim[left]]
    return np.where(value > 0, flat.reshape(at.shape) - row * most, 0.0) / strength * 255


@lru_cache(maxsize=8)
def _poisson(
    strength: float,
) -> tuple[Float[np.ndarray, " m"], Int[np.ndarray, "255 s"], int]:
    """Return one rising line of the chances of each count at each value, and where to start on it.

    Returns
    -------
    tuple
        Value plus chance of at most a count, 255 values after each other; the first place on it
        that is not below value + i/256; counts a value.
    """
    most = int(strength + 12 * np.sqrt(strength) + 12)
    values = np.arange(1, 256)[:, None]
    chances = pdtr(np.arange(most), values / 255 * strength)
    ladder = (np.minimum(chances, 1 - 2.0**-30) + values).ravel()
    starts = np.searchsorted(ladder, values + np.arange(_STARTS + 1) / _STARTS)
    return np.append(ladder, np.inf), starts, most


def impulse_noise(images: Images, strength: float, draw: ImageDraw) -> Images:
    """Set a share of all values to black or white, one as often as the other."""
    u = draw.uniform(*images.shape[1:])
    return np.where(u < strength / 2, 0.0, np.where(u < strength, 255.0, images))


def speckle_noise(images: Images, strength: float, draw: ImageDraw) -> Images:
    """Multiply by 1 plus normal noise; strength is its standard deviation."""
    return images * (1 + strength * draw.normal(*images.shape[1:]))


def gaussian_blur(images: Images, strength: float, draw: ImageDraw) -> Images:
    """Blur with a normal kernel; strength is its standard deviation in pixels."""
    sigma = strength * _side(images)
    return ndimage.gaussian_filter(images, (0, sigma, sigma, 0), mode="nearest")


def defocus_blur(images: Images, strength: float, draw: ImageDraw) -> Images:
    """Blur with a disk whose edge is soft by a pixel; strength is its radius in pixels."""
    radius = strength * _side(images)
    reach = int(np.ceil(radius + 1))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    kernel = np.clip(radius + 1 - np.hypot(x, y), 0, 1)
    kernel = kernel / kernel.sum()
    return ndimage.convolve(images, kernel[None, :, :, None], mode="nearest")


def glass_blur(images: Images, strength: float, draw: ImageDraw) -> Images:
    """Take a share of pixels from a random neighbour, then blur by 0.4 pixels."""
    b, h, w, _ = images.shape
    reach = _side(images)
    u = draw.uniform(3, h, w)
    moves = u[:, 0] < strength
    dy = np.where(moves, np.rint((2 * u[:, 1] - 1) * reach), 0.0)
    dx = np.where(moves, np.rint((2 * u[:, 2] - 1) * reach), 0.0)
    return gaussian_blur(displaced(images, dy, dx), 0.4, draw)


def motion_blur(images: Images, strength: float, draw: ImageDraw) -> Images:
    """Average along a line of random direction; strength is its length in pixels."""
    angle = np.pi * draw.uniform(1)[:, 0]
    length = strength * _side(images)
    steps = np.linspace(-0.5, 0.5, int(np.ceil(length)) + 2) * length
    total = np.zeros_like(images)
    for step in steps:
        total += moved(images, step * np.sin(angle), step * np.cos(angle))
    return total / len(steps)


def zoom_blur(images: Images, strength: float, draw: ImageDraw) -> Images:
    """Average over zooming in from 1 to 1 + strength in ten steps."""
    h, w = images.shape[1:3]
    total = np.zeros_like(images)
    for factor in np.linspace(1, 1 + strength, 10):
        y, x = ((np.arange(n) - (n - 1) / 2) / factor + (n - 1) / 2 for n in (h, w))
        total += read(images, reading(y, h), reading(x, w))
    return total / 10


def elastic_transform(images: Images, strength: float, draw: ImageDraw) -> Images:
    """Move pixels along a smooth random field; strength is its standard deviation in pixels."""
    h, w = images.shape[1:3]
    u = draw.normal(2, h, w)
    smooth = ndimage.gaussian_filter(u, (0, 0, h / 10, w / 10), mode="nearest")
    smooth = smooth / smooth.std(axis=(2, 3), keepdims=True)
    return displaced(images, *(strength * _side(images) * smooth[:, i] for i in (0, 1)))


def fog(images: Images, strength: float, draw: ImageDraw) -> Images:
    """Lay clouds over the image; strength is their brightness as a share of 255."""
    clouds = _clouds(images, draw)[..., None]
    return (images + 255 * strength * clouds) / (1 + strength)


def frost(images: Images, strength: float, draw: ImageDraw) -> Images:
    """Lay ice over the image; strength is its opacity where it is thickest.

    The ice is drawn from seeded noise: crystals are the ridges of clouds, thicker towards the
    edges. Hendrycks and Dietterich blend photographs of ice, so numbers are not comparable.
    """
    h, w = images.shape[1:3]
    crystals = (1 - np.abs(2 * _clouds(images, draw, rough=True) - 1)) ** 4
    y, x = (np.abs(np.linspace(-1, 1, n)) for n in (h, w))
    growth = 0.4 + 0.6 * np.maximum(y[:, None], x)
    ice = (growth * (0.3 * _clouds(images, draw) + 0.7 * crystals))[..., None]
    return images + strength * ice * (235 - images)


def snow(images: Images, strength: float, draw: ImageDraw) -> Images:
    """Whiten the image and let a share of its pixels be falling flakes."""
    h, w = images.shape[1:3]
    flakes = np.where(draw.uniform(h, w, 1) < strength, 255.0, 0.0)
    falling = motion_blur(flakes, 3.0, draw)
    white = np.maximum(images, 0.5 * images.mean(axis=3, keepdims=True) + 127)
    return (1 - strength) * images + strength * white + falling


def spatter(images: Images, strength: float, draw: ImageDraw) -> Images:
    """Cover a share of the image with drops of light liquid."""
    h, w = images.shape[1:3]
    drops = ndimage.gaussian_filter(draw.normal(h, w), (0, _side(images), _side(images)))
    cut = np.quantile(drops.reshape(len(images), -1), 1 - strength, axis=1)
    covered = (drops > cut[:, None, None])[..., None]
    return np.where(covered, 0.3 * images + 0.7 * 200, images)


def brightness(images: Images, strength: float, draw: ImageDraw) -> Images:
    """Add a share of 255."""
    return images + 255 * strength


def contrast(images: Images, strength: float, draw: ImageDraw) -> Images:
    """Keep a share of the distance to each channel's mean."""
    mean = images.mean(axis=(1, 2), keepdims=True)
    return mean + strength * (images - mean)


def saturate(images: Images, strength: float, draw: ImageDraw) -> Images:
    """Multiply the distance of colours from grey by a factor."""
    grey = images @ np.array([0.299, 0.587, 0.114])
    return grey[..., None] + strength * (images - grey[..., None])


def pixelate(images: Images, strength: float, draw: ImageDraw) -> Images:
    """Show the image at a share of its size, each pixel as a block."""
    h, w = images.shape[1:3]
    small_h, small_w = max(int(h * strength), 1), max(int(w * strength), 1)
    rows, columns = _blocks(h, small_h), _blocks(w, small_w)
    summed = np.add.reduceat(np.add.reduceat(images, rows, axis=1), columns, axis=2)
    sizes = np.outer(np.diff([*rows, h]), np.diff([*columns, w]))[None, :, :, None]
    to_row = np.searchsorted(rows, np.arange(h), side="right") - 1
    to_column = np.searchsorted(columns, np.arange(w), side="right") - 1
    return (summed / sizes)[:, to_row][:, :, to_column]


def jpeg_compression(images: Images, strength: float, draw: ImageDraw) -> Images:
    """Write and read as JPEG; strength is Pillow's quality. Depends on Pillow's libjpeg."""
    from io import BytesIO

    from PIL import Image

    packed = []
    for image in np.rint(images).astype(np.uint8):
        buffer = BytesIO()
        Image.fromarray(image.squeeze()).save(buffer, "jpeg", quality=int(strength))
        packed.append(np.asarray(Image.open(buffer), dtype=np.float64).reshape(image.shape))
    return np.stack(packed)


def _blocks(length: int, parts: int) -> Int[np.ndarray, " parts"]:
    """Return where each of `parts` nearly equal blocks begins."""
    return np.arange(parts) * length // parts


def _clouds(images: Images, draw: ImageDraw, *, rough: bool = False) -> Field:
    """Return noise in [0, 1], its octaves as strong as their cells are long; rough: as the root."""
    b, h, w, _ = images.shape
    total, fade = np.zeros((b, h, w)), np.sqrt if rough else float
    cells = 2
    while cells <= min(h, w):
        y, x = (np.arange(n) * cells / n for n in (h, w))
        grid = draw.uniform(cells + 1, cells + 1)[..., None]
        total += read(grid, reading(y, cells + 1), reading(x, cells + 1))[..., 0] / fade(cells)
        cells *= 2
    low, high = (f(axis=(1, 2), keepdims=True) for f in (total.min, total.max))
    return (total - low) / (high - low)

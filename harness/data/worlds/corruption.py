"""Test-time corruptions: the common ones at five severities, seeded image by image.

The kinds are those of Hendrycks and Dietterich 2019, "Benchmarking Neural Network Robustness to
Common Corruptions and Perturbations", written for numpy, scipy and Pillow: numbers are *not*
those of the published CIFAR-10-C files. `frost` is drawn, where theirs lays photographs of ice over
the image: its numbers in particular compare with nothing published.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int, UInt8

from harness.data.worlds import corruption_kinds as kinds
from harness.data.worlds.corruption_kinds import ImageDraw
from harness.errors import SpecError
from harness.keys import sha256_of
from harness.lookup import lookup
from harness.streams import stream
from harness.types import ArrayInputs, Inputs, Pool

VERSION = 1
"""Raised by hand when any corruption gives other pixels."""

SEVERITIES = (1, 2, 3, 4, 5)
"""From barely seen to hard."""

_BLOCK = 64
"""Images corrupted together: enough for vectors, few enough for the cache."""

Apply = Callable[[Float[np.ndarray, "b h w c"], float, ImageDraw], Float[np.ndarray, "b h w c"]]


@dataclass(frozen=True)
class Corruption:
    """One kind of corruption."""

    apply: Apply
    """What it does to pixels."""
    strengths: tuple[float, float, float, float, float]
    """Its strength at severities 1 … 5, in the unit that `apply` states."""
    coloured: bool = False
    """Whether it means nothing for grey images."""


CORRUPTIONS: dict[str, Corruption] = {
    "gaussian_noise": Corruption(kinds.gaussian_noise, (0.04, 0.06, 0.08, 0.10, 0.14)),
    "shot_noise": Corruption(kinds.shot_noise, (500.0, 250.0, 100.0, 60.0, 30.0)),
    "impulse_noise": Corruption(kinds.impulse_noise, (0.01, 0.03, 0.05, 0.08, 0.14)),
    "speckle_noise": Corruption(kinds.speckle_noise, (0.06, 0.10, 0.15, 0.20, 0.30)),
    "gaussian_blur": Corruption(kinds.gaussian_blur, (0.4, 0.6, 0.8, 1.0, 1.4)),
    "defocus_blur": Corruption(kinds.defocus_blur, (0.2, 0.5, 0.8, 1.2, 1.8)),
    "glass_blur": Corruption(kinds.glass_blur, (0.1, 0.25, 0.4, 0.6, 0.9)),
    "motion_blur": Corruption(kinds.motion_blur, (1.5, 2.5, 3.5, 5.0, 7.0)),
    "zoom_blur": Corruption(kinds.zoom_blur, (0.06, 0.11, 0.16, 0.22, 0.32)),
    "snow": Corruption(kinds.snow, (0.02, 0.04, 0.06, 0.09, 0.13)),
    "frost": Corruption(kinds.frost, (0.25, 0.4, 0.55, 0.7, 0.85)),
    "fog": Corruption(kinds.fog, (0.2, 0.5, 0.8, 1.2, 1.8)),
    "spatter": Corruption(kinds.spatter, (0.05, 0.10, 0.15, 0.22, 0.30)),
    "brightness": Corruption(kinds.brightness, (0.05, 0.10, 0.15, 0.20, 0.30)),
    "contrast": Corruption(kinds.contrast, (0.75, 0.50, 0.40, 0.30, 0.15)),
    "saturate": Corruption(kinds.saturate, (1.5, 2.0, 3.0, 4.0, 6.0), coloured=True),
    "elastic_transform": Corruption(kinds.elastic_transform, (0.5, 0.8, 1.1, 1.5, 2.0)),
    "pixelate": Corruption(kinds.pixelate, (0.9, 0.8, 0.65, 0.5, 0.35)),
    "jpeg_compression": Corruption(kinds.jpeg_compression, (80.0, 60.0, 40.0, 25.0, 12.0)),
}
"""Every corruption by its name in pool names such as ``test@fog-3``."""


def corrupt(
    images: UInt8[np.ndarray, "b h w c"],
    kind: str,
    severity: int,
    *,
    rows: Int[np.ndarray, " b"],
    key: str,
) -> UInt8[np.ndarray, "b h w c"]:
    """Return corrupted images, each in its own way, the same in every batch and process.

    Severities share their random numbers: a harder one does the same thing more strongly.

    Parameters
    ----------
    images : uint8 array of shape (b, h, w, c)
        Some images of a pool.
    kind : str
        Key of CORRUPTIONS.
    severity : int
        1 … 5.
    rows : int array of shape (b,)
        Their rows in the pool.
    key : str
        Fingerprint of the pool.

    Returns
    -------
    uint8 array of shape (b, h, w, c)
        Values rounded and clipped to 0 … 255.

    Raises
    ------
    UnknownNameError
        If there is no such kind.
    SpecError
        If the severity is not 1 … 5, or grey images are asked for a corruption of colours.
    """
    found = lookup("corruption", kind, CORRUPTIONS)
    _check(found, kind, severity, images.shape[3])
    strength = found.strengths[severity - 1]
    done = np.empty_like(images)
    for start in range(0, len(images), _BLOCK):
        here = slice(start, start + _BLOCK)
        draw = ImageDraw([stream(f"{key}:{kind}:{row}", 0, "corrupt") for row in rows[here]])
        changed = found.apply(images[here].astype(np.float64), strength, draw)
        done[here] = np.clip(np.rint(changed), 0, 255).astype(np.uint8)
    return done


def parse_corruption(name: str) -> tuple[str, int]:
    """Return kind and severity of a name such as ``fog-3``.

    Parameters
    ----------
    name : str
        As in `Suite.corruptions`.

    Raises
    ------
    UnknownNameError
        If there is no such kind.
    SpecError
        If the severity is not 1 … 5.

    Examples
    --------
    >>> parse_corruption("fog-3")
    ('fog', 3)
    """
    kind, _, severity = name.partition("-")
    lookup("corruption", kind, CORRUPTIONS)
    if severity not in map(str, SEVERITIES):
        raise SpecError(f"A severity is 1, 2, 3, 4 or 5; got {name!r}. Write '{kind}-3'.")
    return kind, int(severity)


def _check(found: Corruption, kind: str, severity: int, channels: int) -> None:
    if severity not in SEVERITIES:
        raise SpecError(f"A severity is 1, 2, 3, 4 or 5; got {severity}. Write '{kind}-3'.")
    if found.coloured and channels != 3:
        raise SpecError(
            f"The corruption {kind!r} changes colours; these images have {channels} channel. "
            "Use 'contrast' or 'brightness'."
        )


@dataclass(frozen=True)
class CorruptedInputs:
    """Inputs that are corrupted as they are taken.

    Parameters
    ----------
    inputs : Inputs
        uint8 images.
    kind : str
        Key of CORRUPTIONS.
    severity : int
        1 … 5.
    key : str
        Fingerprint of the pool that `inputs` belong to.
    """

    inputs: Inputs
    kind: str
    severity: int
    key: str

    def __len__(self) -> int:
        return len(self.inputs)

    def take(self, rows: Int[np.ndarray, " b"]) -> np.ndarray:
        """Return the rows asked for, corrupted."""
        images = self.inputs.take(rows)
        return corrupt(images, self.kind, self.severity, rows=rows, key=self.key)


def corrupted_pool(pool: Pool, kind: str, severity: int, *, prepared: bool = False) -> Pool:
    """Return a pool with the same labels and corrupted inputs, named ``test@fog-3``.

    Parameters
    ----------
    pool : Pool
        Of uint8 images, in memory or in files.
    kind : str
        Key of CORRUPTIONS.
    severity : int
        1 … 5.
    prepared : bool, default=False
        Whether to corrupt all images now and hold them, or each when it is taken.

    Returns
    -------
    Pool
        Its fingerprint is derived from the original's, kind, severity and VERSION, so that it
        does not depend on `prepared`; its `base` is the original.
    """
    _check(lookup("corruption", kind, CORRUPTIONS), kind, severity, _channels(pool))
    inputs: Inputs = CorruptedInputs(pool.inputs, kind, severity, pool.fingerprint)
    if prepared:
        inputs = ArrayInputs(inputs.take(np.arange(len(pool))))
    mark = {"of": pool.fingerprint, "corruption": kind, "severity": severity, "v": VERSION}
    name = f"{pool.name}@{kind}-{severity}"
    return replace(
        pool, name=name, inputs=inputs, fingerprint=sha256_of(mark), base=pool.fingerprint
    )


def _channels(pool: Pool) -> int:
    return int(pool.inputs.take(np.zeros(1, dtype=np.int64)).shape[3])

"""Images in files or in memory as arrays of one form: what the prepared form holds."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Int, UInt8

from harness.data.pools.decoding import (
    BACKGROUNDS,
    GREY,
    WIDE,
    decoded,
    depth_of,
    frames_of,
    open_image,
    orientation_of,
    pixels,
    wide_values,
)
from harness.errors import DataError
from harness.lookup import lookup

MOST_BYTES = 8 << 30
"""Bytes of one part's arrays at most: a prepared part is read into memory whole."""


@dataclass(frozen=True)
class Encoded:
    """Images as somebody encoded them, with labels."""

    labels: Int[np.ndarray, " n"]
    """Class indices."""
    read: Callable[[int], tuple[Path | bytes, str]]
    """From a row to its image file or what stands in one, and what to call it in messages."""

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Form:
    """What the arrays of a set have in common."""

    size: tuple[int, int]
    """(height, width) in pixels."""
    grey: bool
    """Whether there is one channel instead of three."""
    depth: int
    """Bits that grey values of more than 8 bits span."""
    background: str
    """What transparent images are laid over."""


@dataclass
class Look:
    """What the files of some parts are, before they are decoded."""

    images: int = 0
    """How many there are."""
    sizes: set[tuple[int, int]] = field(default_factory=set)
    """(height, width) of the upright images."""
    coloured: bool = False
    """Whether any has more than one channel."""
    largest: int = 0
    """Largest value of a mode with more than 8 bits."""
    kinds: Counter[str] = field(default_factory=Counter)
    """What is done to an image → how many it is done to."""
    example: dict[str, str] = field(default_factory=dict)
    """What is done → name of the first such image."""

    @property
    def depth(self) -> int:
        """Return the bits that the largest grey value of more than 8 bits needs."""
        return depth_of(self.largest)

    def note(self, kind: str, name: str) -> None:
        """Count an image that something is done to; the example tells no folder of the user's."""
        self.kinds[kind] += 1
        self.example.setdefault(kind, "/".join(name.split("/")[-2:]))

    def findings(self, form: Form) -> tuple[str, ...]:
        """Return one sentence for each thing that is done to images, with how many and an example.

        Parameters
        ----------
        form : Form
            What they become.
        """
        done = {
            "wide": f"grey of 16 bits or more; scaled to 8 from the {form.depth} bits that their "
            f"largest value ({self.largest:,}) needs",
            "turned": "turned as the camera noted; the note is applied",
            "clear": f"transparent; laid over {form.background}",
            "frames": "of several frames; the first is taken",
            "CMYK": "of mode CMYK; made RGB without a colour profile",
        }
        return tuple(
            f"{self.kinds[kind]:,} of {self.images:,} images are {words} (such as "
            f"{self.example[kind]})."
            for kind, words in done.items()
            if self.kinds[kind]
        )


def look(parts: Mapping[str, Encoded]) -> Look:
    """Return what the files of some parts are; a damaged one is refused by name.

    Parameters
    ----------
    parts : mapping of str to Encoded
        Part → its images.
    """
    found = Look()
    for part in parts.values():
        for row in range(len(part)):
            source, name = part.read(row)
            found.images += 1
            with open_image(source, name) as image:
                turn = orientation_of(image)
                upright = (image.height, image.width) if turn < 5 else (image.width, image.height)
                found.sizes.add(upright)
                found.coloured |= image.mode not in GREY
                if image.mode in WIDE:
                    found.largest = max(found.largest, int(wide_values(image, name).max()))
                kinds = {
                    "wide": image.mode in WIDE,
                    "turned": turn > 1,
                    "clear": image.has_transparency_data,
                    "frames": frames_of(image) > 1,
                    "CMYK": image.mode == "CMYK",
                }
                for kind in (kind for kind, holds in kinds.items() if holds):
                    found.note(kind, name)
    return found


def form_of(
    found: Look, source: str, *, size: int | None = None, background: str = "white"
) -> Form:
    """Return the form that all images of a set take: grey where every one is, else RGB.

    Parameters
    ----------
    found : Look
        From `look`.
    source : str
        What to call them in messages.
    size : int, optional
        Side in pixels that images are scaled to cover, their centre kept; None: as they are,
        which needs them of one size.
    background : str, default="white"
        Key of BACKGROUNDS.

    Raises
    ------
    DataError
        If they differ in size and none is named.
    """
    lookup("background", background, BACKGROUNDS)
    if size is None and len(found.sizes) > 1:
        small, large = min(found.sizes), max(found.sizes)
        raise DataError(
            f"Expected images of one size in {source}; got {len(found.sizes):,} sizes from "
            f"{small[1]}×{small[0]} to {large[1]}×{large[0]} pixels. Name the side that all are "
            "scaled to, for example: --size 64"
        )
    side = (size, size) if size is not None else next(iter(found.sizes))
    return Form(side, not found.coloured, found.depth, background)


def decode_part(part: Encoded, source: str, form: Form) -> UInt8[np.ndarray, "n h w c"]:
    """Return a part's images as arrays of one form.

    Parameters
    ----------
    part : Encoded
        What to decode.
    source : str
        What to call it in messages.
    form : Form
        From `form_of`.

    Raises
    ------
    DataError
        If one cannot be decoded, or they are too many.
    """
    shape = (len(part), *form.size, 1 if form.grey else 3)
    total = int(np.prod(shape, dtype=np.int64))
    if total > MOST_BYTES:
        raise DataError(
            f"Expected at most {MOST_BYTES >> 30} GiB of images in a part of {source}; "
            f"{len(part):,} of {form.size[1]}×{form.size[0]} are {total / 2**30:.1f}. Name a "
            "smaller side with --size."
        )
    images = np.empty(shape, dtype=np.uint8)
    for row in range(len(part)):
        encoded, name = part.read(row)
        with open_image(encoded, name) as image:
            upright = decoded(
                image, name, grey=form.grey, depth=form.depth, background=form.background
            )
            images[row] = pixels(upright, form.size)
    return images


def encoded_files(root: Path, paths: tuple[str, ...], labels: Int[np.ndarray, " n"]) -> Encoded:
    """Return image files below a folder.

    Parameters
    ----------
    root : Path
        Folder that `paths` are relative to.
    paths : tuple of str
        One file per image.
    labels : int array of shape (n,)
        Class indices.
    """
    return Encoded(labels, lambda row: (root / paths[row], str(root / paths[row])))

"""Images in files or in memory as arrays of one size: what the prepared form holds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Int, UInt8

from harness.data.pools.file_pools import fitted
from harness.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_BYTES = 8 << 30
"""Bytes of one part's arrays at most: a prepared part is read into memory whole."""


@dataclass(frozen=True)
class Encoded:
    """Images as somebody encoded them, with labels."""

    labels: Int[np.ndarray, " n"]
    """Class indices."""
    read: Callable[[int], bytes]
    """From a row to the bytes of its image file."""

    def __len__(self) -> int:
        return len(self.labels)


def decode_parts(
    parts: Mapping[str, Encoded], source: str, *, size: int | None = None
) -> dict[str, UInt8[np.ndarray, "n h w c"]]:
    """Return the images of each part, all of one size: grey where every one is, else RGB.

    Parameters
    ----------
    parts : mapping of str to Encoded
        Part → its images.
    source : str
        What to call them in messages.
    size : int, optional
        Side in pixels that images are scaled to cover, their centre kept; None: as they are,
        which needs them of one size.

    Raises
    ------
    DataError
        If one cannot be decoded, they differ in size and none is named, or are too many.
    """
    sizes, modes = _looked_at(parts, source)
    if size is None and len(sizes) > 1:
        small, large = min(sizes), max(sizes)
        raise DataError(
            f"Expected images of one size in {source}; got {len(sizes):,} sizes from "
            f"{small[1]}×{small[0]} to {large[1]}×{large[0]} pixels. Name the side that all are "
            "scaled to, for example: --size 64"
        )
    height, width = (size, size) if size is not None else sizes.pop()
    grey = modes <= {"1", "L"}
    each = height * width * (1 if grey else 3)
    largest = max(len(part) for part in parts.values())
    if each * largest > MOST_BYTES:
        raise DataError(
            f"Expected at most {MOST_BYTES >> 30} GiB of images in a part of {source}; "
            f"{largest:,} of {width}×{height} are {each * largest / 2**30:.1f}. Name a smaller "
            "side with --size."
        )
    return {
        name: _decoded(part, name, source, (height, width), grey=grey)
        for name, part in parts.items()
    }


def _looked_at(parts: Mapping[str, Encoded], source: str) -> tuple[set[tuple[int, int]], set[str]]:
    """Return the (height, width) and the modes there are; reads heads of files, no pixels."""
    sizes, modes = set(), set()
    for name, part in parts.items():
        for row in range(len(part)):
            image = _opened(part, row, name, source)
            sizes.add((image.height, image.width))
            modes.add(image.mode)
    return sizes, modes


def _decoded(
    part: Encoded, name: str, source: str, size: tuple[int, int], *, grey: bool
) -> UInt8[np.ndarray, "n h w c"]:
    images = np.empty((len(part), *size, 1 if grey else 3), dtype=np.uint8)
    for row in range(len(part)):
        try:
            image = _opened(part, row, name, source).convert("L" if grey else "RGB")
        except (OSError, SyntaxError, ValueError) as error:
            raise _undecodable(row, name, source, error) from error
        images[row] = np.asarray(fitted(image, size)).reshape(images.shape[1:])
    return images


def _opened(part: Encoded, row: int, name: str, source: str) -> "Image":
    """Return an image of which only the head is read."""
    from PIL import UnidentifiedImageError
    from PIL.Image import open as opened

    try:
        return opened(BytesIO(part.read(row)))
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise _undecodable(row, name, source, error) from error


def _undecodable(row: int, name: str, source: str, error: Exception) -> DataError:
    return DataError(
        f"Expected a whole image in row {row:,} of {name} of {source}; it cannot be decoded "
        f"({error}). Fetch it again, or take the row out."
    )


def encoded_files(root: Path, paths: tuple[str, ...], labels: Int[np.ndarray, " n"]) -> Encoded:
    """Return image files below a folder.

    Parameters
    ----------
    root : Path
        Folder that `paths` are relative to.
    paths : tuple of str
        One file an image.
    labels : int array of shape (n,)
        Class indices.
    """
    return Encoded(labels, lambda row: (root / paths[row]).read_bytes())

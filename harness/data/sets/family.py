"""What a data set of a family is made of: its facts, where its files lie, what reads them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int, UInt8

from harness.types import DatasetSpec

Arrays = tuple[UInt8[np.ndarray, "n h w c"], Int[np.ndarray, " n"]]
"""Images and labels 0 … C−1."""
Loader = Callable[[DatasetSpec, str, Path, tuple[str, ...]], Arrays]
"""From facts, part, data root and the folders to look into."""
Download = tuple[str, tuple[dict[str, Any], ...]]
"""A class of torchvision.datasets that downloads a data set, and its arguments by part."""

DIGIT_NAMES = tuple("0123456789")
"""Class names of sets of digits."""
UNSEEN_WORDS = "Never seen whole by us; tested on a made copy of its layout."
"""What is said of a data set that this project never had."""
IMAGENET_TERMS = "ImageNet terms: non-commercial research"
"""Licence of data sets made from ImageNet."""
BOTH_PARTS: tuple[dict[str, Any], ...] = ({"train": True}, {"train": False})
"""Arguments of torchvision's data sets that take ``train``."""
BOTH_SPLITS: tuple[dict[str, Any], ...] = ({"split": "train"}, {"split": "test"})
"""Arguments of torchvision's data sets that take ``split``."""


@dataclass(frozen=True)
class DataSet:
    """A data set that is read into memory."""

    facts: DatasetSpec
    """As its publishers state them."""
    folders: tuple[str, ...]
    """Folders below a data root where its files may lie, torchvision's first."""
    read: Loader
    """What reads one part of it."""
    torchvision: Download | None = None
    """What downloads it; None: the user does."""
    unseen: bool = False
    """Whether this project never had it whole: read in tests from made files of its layout."""


@dataclass(frozen=True)
class FileSet:
    """A data set of image files below a data root."""

    facts: DatasetSpec
    """As its publishers state them."""
    images: str
    """Folder that the lists' paths are relative to."""
    read: Callable[[Path, str], tuple[tuple[str, ...], Int[np.ndarray, " n"]]]
    """From the data root and a part to paths below the images' folder, and labels."""
    size: tuple[int, int]
    """(height, width) that images are decoded to."""
    torchvision: Download | None = None
    """What downloads it; None: the user does."""
    unseen: bool = True
    """Whether this project never had it whole: read in tests from made files of its layout."""


def numbers(c: int) -> tuple[str, ...]:
    """Return class names for data sets whose own names are in their files: the index.

    Examples
    --------
    >>> numbers(3)
    ('0', '1', '2')
    """
    return tuple(map(str, range(c)))

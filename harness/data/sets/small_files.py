"""Smaller sets of image files: Tiny-ImageNet, a fifth of its validation, Describable Textures."""

from pathlib import Path

import numpy as np

from harness.data.sets.family import BOTH_SPLITS, IMAGENET_TERMS, FileSet, numbers
from harness.data.sets.list_files import Listed, there
from harness.errors import DataError
from harness.types import DatasetSpec

_TEXTURES = (
    "banded blotchy braided bubbly bumpy chequered cobwebbed cracked crosshatched "
    "crystalline dotted fibrous flecked freckled frilly gauzy grid grooved honeycombed "
    "interlaced knitted lacelike lined marbled matted meshed paisley perforated pitted "
    "pleated polka-dotted porous potholed scaly smeared spiralled sprinkled stained "
    "stratified striped studded swirly veined waffled woven wrinkled zigzagged "
)
TEXTURES = tuple(_TEXTURES.split())
"""The 47 classes of the Describable Textures Dataset, alphabetically, as torchvision has them."""


TINY = "tiny-imagenet-200"
"""Tiny-ImageNet's folder below the data root, as its archive unpacks."""


def tiny_wnids(root: Path) -> list[str]:
    """Return the WordNet ids of Tiny-ImageNet's 200 classes, in the order of their labels."""
    return sorted(there(root / TINY / "wnids.txt").read_text("utf-8-sig").split())


def tiny_imagenet(root: Path, part: str) -> Listed:
    """Return Tiny-ImageNet's training images, or its validation images for testing."""
    folder = root / TINY
    wnids = tiny_wnids(root)
    number = {wnid: k for k, wnid in enumerate(wnids)}
    if part == "train":
        found = [
            (f"train/{wnid}/images/{path.name}", number[wnid])
            for wnid in wnids
            for path in sorted(there(folder / "train" / wnid / "images").glob("*.JPEG"))
        ]
    else:
        lines = there(folder / "val" / "val_annotations.txt").read_text("utf-8-sig").splitlines()
        pairs = (line.split("\t")[:2] for line in lines if line)
        found = [(f"val/images/{name}", number[wnid]) for name, wnid in pairs]
    return tuple(p for p, _ in found), np.array([k for _, k in found], dtype=np.int64)


FIRST = 10
"""Validation images of each class, by their number, in ``tiny200``."""


def tiny200(root: Path, part: str) -> Listed:
    """Return the first ten validation images of each class of Tiny-ImageNet, by their number."""
    paths, labels = tiny_imagenet(root, "test")
    order = sorted(range(len(paths)), key=lambda row: _number(paths[row]))
    seen = np.zeros(200, dtype=np.int64)
    kept = []
    for row in order:
        seen[labels[row]] += 1
        if seen[labels[row]] <= FIRST:
            kept.append(row)
    if (seen < FIRST).any():
        raise DataError(
            f"Expected at least {FIRST} validation images of each of 200 classes in "
            f"{root / TINY / 'val'}; class {int(seen.argmin())} has {seen.min()}. "
            "Unpack the archive again."
        )
    return tuple(paths[row] for row in kept), labels[kept]


def _number(path: str) -> int:
    stem = path.rpartition("_")[2].partition(".")[0]
    if not stem.isdigit():
        raise DataError(f"Expected names such as val_17.JPEG in Tiny-ImageNet; got {path!r}.")
    return int(stem)


def textures(root: Path, part: str) -> Listed:
    """Return a part of DTD's first partition; its validation part is in no pool."""
    folder = root / "dtd" / "dtd"
    paths = tuple(there(folder / "labels" / f"{part}1.txt").read_text("utf-8-sig").split())
    number = {name: k for k, name in enumerate(TEXTURES)}
    unknown = [path for path in paths if path.partition("/")[0] not in number]
    if unknown:
        raise DataError(
            f"Expected paths of DTD's {len(number)} classes in {folder / 'labels'}; got "
            f"{unknown[0]!r}. Unpack the archive again."
        )
    labels = [number[path.partition("/")[0]] for path in paths]
    return paths, np.array(labels, dtype=np.int64)


SMALL_FILES: dict[str, FileSet] = {
    "tiny_imagenet": FileSet(
        DatasetSpec(
            name="tiny_imagenet",
            title="Tiny-ImageNet",
            modality="files",
            class_names=numbers(200),
            image_shape=(64, 64, 3),
            source="http://cs231n.stanford.edu/tiny-imagenet-200.zip",
            licence=IMAGENET_TERMS,
            citation="Le and Yang 2015, Tiny ImageNet Visual Recognition Challenge",
            caveat="The published validation part is the test pool; classes in the order of their "
            "WordNet ids. 2,000 of its 10,000 test images seen by us.",
        ),
        TINY,
        tiny_imagenet,
        (64, 64),
    ),
    "tiny200": FileSet(
        DatasetSpec(
            name="tiny200",
            title="Tiny-ImageNet, ten validation images of each class",
            modality="files",
            class_names=numbers(200),
            image_shape=(64, 64, 3),
            source="http://cs231n.stanford.edu/tiny-imagenet-200.zip",
            licence=IMAGENET_TERMS,
            citation="Le and Yang 2015, Tiny ImageNet Visual Recognition Challenge",
            parts=("all",),
            caveat="The 2,000 validation images with the lowest numbers, ten of each class; "
            "classes in the order of their WordNet ids. All are ImageNet classes: weights "
            "pre-trained on ImageNet-1k learnt them with labels.",
        ),
        TINY,
        tiny200,
        (64, 64),
        unseen=False,
    ),
    "textures": FileSet(
        DatasetSpec(
            name="textures",
            title="Describable Textures (DTD), partition 1",
            modality="files",
            class_names=TEXTURES,
            image_shape=None,
            source="https://www.robots.ox.ac.uk/~vgg/data/dtd/",
            licence="for research purposes",
            citation="Cimpoi et al. 2014, Describing Textures in the Wild",
            caveat="As torchvision lays it out in dtd/dtd; the validation part is in no pool. "
            "Never seen whole by us; tested on a made copy of its layout.",
        ),
        "dtd/dtd/images",
        textures,
        (224, 224),
        ("DTD", BOTH_SPLITS),
    ),
}
"""Data set → its facts, where it lies, what reads its lists."""

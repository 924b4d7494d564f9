"""Data sets of image files: which lists name their parts, and where the images lie.

Lists and images are read from the user's data root; none are shipped.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int

from harness.data.pools.file_pools import file_pool
from harness.data.pools.index_lists import read_index
from harness.data.sets.class_names import TEXTURES
from harness.errors import DataError
from harness.types import DatasetSpec, Pool

Listed = tuple[tuple[str, ...], Int[np.ndarray, " n"]]
"""Paths below the images' folder, and labels."""


@dataclass(frozen=True)
class FileSet:
    """Where a data set of files lies below a data root."""

    images: str
    """Folder that the lists' paths are relative to."""
    read: Callable[[Path, str], Listed]
    """From the data root and a part to paths and labels."""
    size: tuple[int, int]
    """(height, width) that images are decoded to."""


def listed(folder: str, train: str, test: str) -> Callable[[Path, str], Listed]:
    """Return a reader of lists with lines ``path label``, one file a part.

    Parameters
    ----------
    folder : str
        Folder of the lists below a data root.
    train, test : str
        Names of the lists.
    """
    names = {"train": train, "test": test}
    return lambda root, part: read_index(_there(root / folder / names[part]))


def clothing1m(root: Path, part: str) -> Listed:
    """Return a part of Clothing1M from its own lists: keys, and labels by key.

    Training labels are those of the shops, many of them wrong; test labels are verified.
    """
    folder = root / "clothing1m"
    keys, values = {
        "train": ("noisy_train_key_list.txt", "noisy_label_kv.txt"),
        "test": ("clean_test_key_list.txt", "clean_label_kv.txt"),
    }[part]
    paths = tuple(_there(folder / keys).read_text("utf-8-sig").split())
    known, labels = read_index(_there(folder / values))
    found = dict(zip(known, labels.tolist(), strict=True))
    return _joined(paths, found, folder / values)


def animal10n(root: Path, part: str) -> Listed:
    """Return a part of ANIMAL-10N, whose file names begin with the label: ``3_00017.jpg``."""
    folder = root / "animal10n" / {"train": "training", "test": "testing"}[part]
    names = sorted(path.name for path in _there(folder).glob("*_*.jpg"))
    labels = [int(name.partition("_")[0]) for name in names]
    return tuple(f"{folder.name}/{name}" for name in names), np.array(labels, dtype=np.int64)


def food101n(root: Path, part: str) -> Listed:
    """Return Food-101N's images for training, Food-101's own test images for testing."""
    if part == "train":
        meta = root / "food101n" / "Food-101N_release" / "meta"
        classes = _there(meta / "classes.txt").read_text("utf-8-sig").split()[1:]
        lines = _there(meta / "imagelist.tsv").read_text("utf-8-sig").split()[1:]
        paths = [f"food101n/Food-101N_release/images/{line}" for line in lines]
    else:
        meta = root / "food-101" / "meta"
        classes = _there(meta / "classes.txt").read_text("utf-8-sig").split()
        lines = _there(meta / "test.txt").read_text("utf-8-sig").split()
        paths = [f"food-101/images/{line}.jpg" for line in lines]
    number = {name: k for k, name in enumerate(classes)}
    try:
        labels = [number[line.split("/")[0]] for line in lines]
    except KeyError as error:
        raise DataError(
            f"Expected only classes of {meta / 'classes.txt'} in the image list; got {error}. "
            "Unpack both archives again."
        ) from error
    return tuple(paths), np.array(labels, dtype=np.int64)


def webvision_mini(root: Path, part: str) -> Listed:
    """Return WebVision 1.0 narrowed to its first 50 classes and Google's images (MentorNet)."""
    info = root / "webvision" / "info"
    name, folder = {
        "train": ("train_filelist_google.txt", ""),
        "test": ("val_filelist.txt", "val_images_256/"),
    }[part]
    paths, labels = read_index(_there(info / name))
    kept = np.flatnonzero(labels < 50)
    return tuple(folder + paths[row] for row in kept), labels[kept]


def tiny_imagenet(root: Path, part: str) -> Listed:
    """Return Tiny-ImageNet's training images, or its validation images for testing."""
    folder = root / "tiny-imagenet-200"
    wnids = _there(folder / "wnids.txt").read_text("utf-8-sig").split()
    number = {wnid: k for k, wnid in enumerate(sorted(wnids))}
    if part == "train":
        found = [
            (f"train/{wnid}/images/{path.name}", number[wnid])
            for wnid in sorted(wnids)
            for path in sorted(_there(folder / "train" / wnid / "images").glob("*.JPEG"))
        ]
    else:
        lines = _there(folder / "val" / "val_annotations.txt").read_text("utf-8-sig").splitlines()
        pairs = (line.split("\t")[:2] for line in lines if line)
        found = [(f"val/images/{name}", number[wnid]) for name, wnid in pairs]
    return tuple(p for p, _ in found), np.array([k for _, k in found], dtype=np.int64)


def textures(root: Path, part: str) -> Listed:
    """Return a part of DTD's first partition; its validation part is in no pool."""
    folder = root / "dtd" / "dtd"
    paths = tuple(_there(folder / "labels" / f"{part}1.txt").read_text("utf-8-sig").split())
    number = {name: k for k, name in enumerate(TEXTURES)}
    unknown = [path for path in paths if path.partition("/")[0] not in number]
    if unknown:
        raise DataError(
            f"Expected paths of DTD's {len(number)} classes in {folder / 'labels'}; got "
            f"{unknown[0]!r}. Unpack the archive again."
        )
    labels = [number[path.partition("/")[0]] for path in paths]
    return paths, np.array(labels, dtype=np.int64)


def inaturalist18(root: Path, part: str) -> Listed:
    """Return a part of iNaturalist 2018 from its own annotations (COCO style JSON)."""
    name = {"train": "train2018.json", "test": "val2018.json"}[part]
    path = _there(root / "inat18" / name)
    try:
        given = json.loads(path.read_text("utf-8-sig"))
        label = {a["image_id"]: a["category_id"] for a in given["annotations"]}
        pairs = [(image["file_name"], label[image["id"]]) for image in given["images"]]
    except (ValueError, KeyError) as error:
        raise DataError(
            f"Expected images and annotations in {path}; it cannot be read ({error}). Fetch the "
            "annotations again."
        ) from error
    return tuple(p for p, _ in pairs), np.array([k for _, k in pairs], dtype=np.int64)


_OPENOOD = "benchmark_imglist"
FILE_SETS: dict[str, FileSet] = {
    "imagenet_lt": FileSet(
        "imagenet",
        listed("ImageNet_LT", "ImageNet_LT_train.txt", "ImageNet_LT_test.txt"),
        (224, 224),
    ),
    "places_lt": FileSet(
        "places365",
        listed("Places_LT", "Places_LT_train.txt", "Places_LT_test.txt"),
        (224, 224),
    ),
    "inat18": FileSet("inat18", inaturalist18, (224, 224)),
    "imagenet200": FileSet(
        "images_largescale",
        listed(f"{_OPENOOD}/imagenet200", "train_imagenet200.txt", "test_imagenet200.txt"),
        (224, 224),
    ),
    "openood_imagenet": FileSet(
        "images_largescale",
        listed(f"{_OPENOOD}/imagenet", "train_imagenet.txt", "test_imagenet.txt"),
        (224, 224),
    ),
    "openood_cifar10": FileSet(
        "images_classic",
        listed(f"{_OPENOOD}/cifar10", "train_cifar10.txt", "test_cifar10.txt"),
        (32, 32),
    ),
    "openood_cifar100": FileSet(
        "images_classic",
        listed(f"{_OPENOOD}/cifar100", "train_cifar100.txt", "test_cifar100.txt"),
        (32, 32),
    ),
    "clothing1m": FileSet("clothing1m", clothing1m, (224, 224)),
    "animal10n": FileSet("animal10n", animal10n, (64, 64)),
    "food101n": FileSet(".", food101n, (224, 224)),
    "webvision_mini": FileSet("webvision", webvision_mini, (224, 224)),
    "tiny_imagenet": FileSet("tiny-imagenet-200", tiny_imagenet, (64, 64)),
    "textures": FileSet("dtd/dtd/images", textures, (224, 224)),
}
"""Data set of files → where it lies."""


def load_files(spec: DatasetSpec, part: str, root: Path) -> Pool:
    """Return one part of a data set of files; images are decoded when they are taken.

    Parameters
    ----------
    spec : DatasetSpec
        Key of FILE_SETS is its name.
    part : str
        ``train`` or ``test``.
    root : Path
        Data root.

    Raises
    ------
    DataError
        If a list or an image is missing, or a label is no class of the data set.
    """
    found = FILE_SETS[spec.name]
    paths, labels = found.read(root, part)
    if labels.min() < 0 or labels.max() >= spec.num_classes:
        raise DataError(
            f"Expected labels 0 … {spec.num_classes - 1} in the list of {spec.name} {part}; got "
            f"{labels.min()} … {labels.max()}. Fetch the list again."
        )
    return _pool(part, root, found, paths, labels, spec.class_names)


def load_ood_files(name: str, like: str, index: str, root: Path) -> Pool:
    """Return the images of an OOD list, decoded to the size of a data set's images.

    Parameters
    ----------
    name : str
        Pool name.
    like : str
        Key of FILE_SETS: the ID data.
    index : str
        List below the data root; its labels are not looked at.
    root : Path
        Data root.
    """
    paths, _ = read_index(_there(root / index))
    return _pool(name, root, FILE_SETS[like], paths, None, ())


def _pool(
    name: str,
    root: Path,
    found: FileSet,
    paths: tuple[str, ...],
    labels: Int[np.ndarray, " n"] | None,
    class_names: tuple[str, ...],
) -> Pool:
    hashes = root / ".hashes" / f"{found.images.replace('/', '_')}.tsv"
    return file_pool(
        name, root / found.images, paths, labels, class_names, size=found.size, hashes=hashes
    )


def _there(path: Path) -> Path:
    """Return a list or folder that is there."""
    if not path.exists():
        raise DataError(
            f"Expected {path}; there is none. Unpack the data set's lists there, or name another "
            "data root with --data-root or TAILMARK_DATA."
        )
    return path


def _joined(paths: tuple[str, ...], found: dict[str, int], source: Path) -> Listed:
    unknown = [path for path in paths if path not in found]
    if unknown:
        raise DataError(
            f"Expected a label of every image in {source}; {len(unknown):,} have none, for example "
            f"{unknown[0]}. Fetch the file again."
        )
    return paths, np.array([found[path] for path in paths], dtype=np.int64)

"""Image files with labels from the web or from shops: many of them are wrong."""

from pathlib import Path

import numpy as np

from harness.data.pools.index_lists import read_index
from harness.data.sets.family import FileSet, numbers
from harness.data.sets.list_files import Listed, joined, there
from harness.errors import DataError
from harness.types import DatasetSpec

CLOTHING = (
    "T-shirt",
    "Shirt",
    "Knitwear",
    "Chiffon",
    "Sweater",
    "Hoodie",
    "Windbreaker",
    "Jacket",
    "Down coat",
    "Suit",
    "Shawl",
    "Dress",
    "Vest",
    "Underwear",
)
ANIMALS = (
    "cat",
    "lynx",
    "wolf",
    "coyote",
    "cheetah",
    "jaguar",
    "chimpanzee",
    "orangutan",
    "hamster",
    "guinea pig",
)


def clothing1m(root: Path, part: str) -> Listed:
    """Return a part of Clothing1M from its own lists: keys, and labels by key.

    Training labels are those of the shops, many of them wrong; test labels are verified.
    """
    folder = root / "clothing1m"
    keys, values = {
        "train": ("noisy_train_key_list.txt", "noisy_label_kv.txt"),
        "test": ("clean_test_key_list.txt", "clean_label_kv.txt"),
    }[part]
    paths = tuple(there(folder / keys).read_text("utf-8-sig").split())
    known, labels = read_index(there(folder / values))
    found = dict(zip(known, labels.tolist(), strict=True))
    return joined(paths, found, folder / values)


def animal10n(root: Path, part: str) -> Listed:
    """Return a part of ANIMAL-10N, whose file names begin with the label: ``3_00017.jpg``."""
    folder = root / "animal10n" / {"train": "training", "test": "testing"}[part]
    names = sorted(path.name for path in there(folder).glob("*_*.jpg"))
    labels = [int(name.partition("_")[0]) for name in names]
    return tuple(f"{folder.name}/{name}" for name in names), np.array(labels, dtype=np.int64)


def food101n(root: Path, part: str) -> Listed:
    """Return Food-101N's images for training, Food-101's own test images for testing."""
    if part == "train":
        meta = root / "food101n" / "Food-101N_release" / "meta"
        classes = there(meta / "classes.txt").read_text("utf-8-sig").split()[1:]
        lines = there(meta / "imagelist.tsv").read_text("utf-8-sig").split()[1:]
        paths = [f"food101n/Food-101N_release/images/{line}" for line in lines]
    else:
        meta = root / "food-101" / "meta"
        classes = there(meta / "classes.txt").read_text("utf-8-sig").split()
        lines = there(meta / "test.txt").read_text("utf-8-sig").split()
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
    paths, labels = read_index(there(info / name))
    kept = np.flatnonzero(labels < 50)
    return tuple(folder + paths[row] for row in kept), labels[kept]


WEB_LABELS: dict[str, FileSet] = {
    "clothing1m": FileSet(
        DatasetSpec(
            name="clothing1m",
            title="Clothing1M",
            modality="files",
            class_names=CLOTHING,
            image_shape=None,
            source="https://github.com/Cysu/noisy_label",
            licence="on request, non-commercial",
            citation="Xiao et al. 2015, Learning From Massive Noisy Labeled Data",
            caveat="Training labels are the shops' own, about 38 % wrong, and which is not known. "
            "Images never seen by us.",
        ),
        "clothing1m",
        clothing1m,
        (224, 224),
    ),
    "animal10n": FileSet(
        DatasetSpec(
            name="animal10n",
            title="ANIMAL-10N",
            modality="files",
            class_names=ANIMALS,
            image_shape=(64, 64, 3),
            source="https://dm.kaist.ac.kr/datasets/animal-10n/",
            licence="on request",
            citation="Song et al. 2019, SELFIE",
            caveat="About 8 % of the training labels are wrong, and which is not known. Never seen "
            "by us.",
        ),
        "animal10n",
        animal10n,
        (64, 64),
    ),
    "food101n": FileSet(
        DatasetSpec(
            name="food101n",
            title="Food-101N, tested on Food-101",
            modality="files",
            class_names=numbers(101),
            image_shape=None,
            source="https://kuanghuei.github.io/Food-101N/",
            licence="none stated",
            citation="Lee et al. 2018, CleanNet",
            caveat="About 20 % of the training labels are wrong, and which is not known. Never "
            "seen by us.",
        ),
        ".",
        food101n,
        (224, 224),
    ),
    "webvision_mini": FileSet(
        DatasetSpec(
            name="webvision_mini",
            title="WebVision 1.0, first 50 classes, Google images",
            modality="files",
            class_names=numbers(50),
            image_shape=None,
            source="https://data.vision.ee.ethz.ch/cvl/webvision/dataset2017.html",
            licence="non-commercial research",
            citation="Li et al. 2017, WebVision Database",
            caveat="Labels are search words, about 20 % wrong, and which is not known. Never "
            "seen by us.",
        ),
        "webvision",
        webvision_mini,
        (224, 224),
    ),
}
"""Data set → its facts, where it lies, what reads its lists."""

"""CIFAR-10, CIFAR-100 and CIFAR-10.1: the official files, or lossless WebP columns of them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int, UInt8

from harness.data.formats.files import checked, md5_of, missing, wrong_checksum
from harness.data.formats.pickles import read_pickle
from harness.data.sets.family import BOTH_PARTS, UNSEEN_WORDS, Arrays, DataSet
from harness.errors import DataError
from harness.types import DatasetSpec

Images = UInt8[np.ndarray, "n 32 32 3"]

CIFAR10 = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)

CIFAR10_SIMILAR = {9: 1, 2: 0, 4: 7, 3: 5, 5: 3}
"""Truck → automobile, bird → airplane, deer → horse, cat ↔ dog (Patrini et al. 2017)."""

CIFAR100_SUPERCLASSES: dict[str, tuple[str, ...]] = {
    "aquatic_mammals": ("beaver", "dolphin", "otter", "seal", "whale"),
    "fish": ("aquarium_fish", "flatfish", "ray", "shark", "trout"),
    "flowers": ("orchid", "poppy", "rose", "sunflower", "tulip"),
    "food_containers": ("bottle", "bowl", "can", "cup", "plate"),
    "fruit_and_vegetables": ("apple", "mushroom", "orange", "pear", "sweet_pepper"),
    "household_electrical_devices": ("clock", "keyboard", "lamp", "telephone", "television"),
    "household_furniture": ("bed", "chair", "couch", "table", "wardrobe"),
    "insects": ("bee", "beetle", "butterfly", "caterpillar", "cockroach"),
    "large_carnivores": ("bear", "leopard", "lion", "tiger", "wolf"),
    "large_man-made_outdoor_things": ("bridge", "castle", "house", "road", "skyscraper"),
    "large_natural_outdoor_scenes": ("cloud", "forest", "mountain", "plain", "sea"),
    "large_omnivores_and_herbivores": ("camel", "cattle", "chimpanzee", "elephant", "kangaroo"),
    "medium_mammals": ("fox", "porcupine", "possum", "raccoon", "skunk"),
    "non-insect_invertebrates": ("crab", "lobster", "snail", "spider", "worm"),
    "people": ("baby", "boy", "girl", "man", "woman"),
    "reptiles": ("crocodile", "dinosaur", "lizard", "snake", "turtle"),
    "small_mammals": ("hamster", "mouse", "rabbit", "shrew", "squirrel"),
    "trees": ("maple_tree", "oak_tree", "palm_tree", "pine_tree", "willow_tree"),
    "vehicles_1": ("bicycle", "bus", "motorcycle", "pickup_truck", "train"),
    "vehicles_2": ("lawn_mower", "rocket", "streetcar", "tank", "tractor"),
}
"""The twenty true superclasses, in the published order of coarse labels."""

CIFAR100 = tuple(sorted(name for names in CIFAR100_SUPERCLASSES.values() for name in names))
"""Fine classes: the published order is the alphabetical one."""

CIFAR100_COARSE = tuple(
    next(k for k, names in enumerate(CIFAR100_SUPERCLASSES.values()) if name in names)
    for name in CIFAR100
)
"""Fine class → index of its superclass."""


def _next_in_superclass() -> dict[int, int]:
    groups = [[k for k, c in enumerate(CIFAR100_COARSE) if c == coarse] for coarse in range(20)]
    return {k: g[(i + 1) % len(g)] for g in groups for i, k in enumerate(g)}


CIFAR100_SIMILAR = _next_in_superclass()
"""Fine class → the next one of its true superclass, the last to the first."""

BATCHES: dict[tuple[str, str], tuple[str, ...]] = {
    ("cifar10", "train"): tuple(f"data_batch_{k}" for k in range(1, 6)),
    ("cifar10", "test"): ("test_batch",),
    ("cifar100", "train"): ("train",),
    ("cifar100", "test"): ("test",),
}
"""Data set and part → official files, in order."""


def read_batches(
    spec: DatasetSpec, part: str, folder: Path
) -> tuple[Images, Int[np.ndarray, " n"]]:
    """Return images and (fine) labels of the official python batches.

    A file is opened only when its MD5 is the published one.

    Parameters
    ----------
    spec : DatasetSpec
        ``cifar10`` or ``cifar100``.
    part : {"train", "test"}
        The official part.
    folder : Path
        ``cifar-10-batches-py`` or ``cifar-100-python``.

    Returns
    -------
    tuple
        uint8 (n, 32, 32, 3) and int64 (n,), in the official order.

    Raises
    ------
    DataError
        If a file is missing or is not the published one.
    """
    planes, labels = [], []
    for name in BATCHES[spec.name, part]:
        path = folder / name
        if not path.is_file():
            raise missing(spec.name, name, folder, (".",), spec.source)
        stated, received = spec.checksums[name], f"md5:{md5_of(path)}"
        if received != stated:
            raise wrong_checksum(path, stated, received, spec.source)
        batch = read_pickle(path)
        planes.append(batch["data"].reshape(-1, 3, 32, 32))
        labels.append(np.asarray(batch.get("labels", batch.get("fine_labels")), dtype=np.int64))
    images = np.empty((sum(map(len, planes)), 32, 32, 3), dtype=np.uint8)
    np.concatenate([p.transpose(0, 2, 3, 1) for p in planes], out=images)
    return images, np.concatenate(labels)


def read_columns(
    spec: DatasetSpec, part: str, folder: Path
) -> tuple[Images, Int[np.ndarray, " n"]]:
    """Return images and labels of ``<part>_*.webp``: lossless columns of 32×32 images.

    Parameters
    ----------
    spec : DatasetSpec
        Named in messages.
    part : {"train", "test"}
        The official part.
    folder : Path
        With the columns and ``labels_<part>.npy``.

    Raises
    ------
    DataError
        If a column cannot be decoded, or labels and images differ in number.
    """
    paths = sorted(folder.glob(f"{part}_*.webp"))
    if not paths:
        raise missing(spec.name, f"{part}_000.webp", folder, (".",), spec.source)
    images = np.concatenate([_column(path) for path in paths])
    labels = np.load(folder / f"labels_{part}.npy", allow_pickle=False).astype(np.int64)
    if len(images) != len(labels):
        raise DataError(
            f"Expected as many labels as images of {spec.name} {part} in {folder}; got "
            f"{len(labels):,} labels for {len(images):,} images. A file is missing or damaged."
        )
    return images, labels


def _column(path: Path) -> Images:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB")).reshape(-1, 32, 32, 3)
    except (UnidentifiedImageError, OSError, ValueError) as error:
        raise DataError(
            f"Expected a column of 32×32 images in {path}; it cannot be decoded ({error}). Delete "
            "it and fetch it again."
        ) from error


def read_cifar(
    spec: DatasetSpec, part: str, root: Path, folders: Sequence[str]
) -> tuple[Images, Int[np.ndarray, " n"]]:
    """Return one part from the first folder that is there, whatever its layout.

    Parameters
    ----------
    spec : DatasetSpec
        ``cifar10`` or ``cifar100``.
    part : {"train", "test"}
        The official part.
    root : Path
        Data root.
    folders : sequence of str
        Folders below it: the first is the official one.
    """
    official = root / folders[0]
    for folder in folders[1:]:
        if not official.is_dir() and (root / folder).is_dir():
            return read_columns(spec, part, root / folder)
    if not official.is_dir():
        raise missing(spec.name, BATCHES[spec.name, part][0], root, folders, spec.source)
    return read_batches(spec, part, official)


def cifar10_1(spec: DatasetSpec, part: str, root: Path, folders: tuple[str, ...]) -> Arrays:
    """Return CIFAR-10.1 version 6, a test part only."""
    data = checked(spec, "cifar10.1_v6_data.npy", root, folders)
    labels = checked(spec, "cifar10.1_v6_labels.npy", root, folders)
    return (
        np.load(data, allow_pickle=False),
        np.load(labels, allow_pickle=False).astype(np.int64),
    )


CIFAR_10 = DataSet(
    facts=DatasetSpec(
        name="cifar10",
        title="CIFAR-10",
        modality="image",
        class_names=CIFAR10,
        image_shape=(32, 32, 3),
        source="https://www.cs.toronto.edu/~kriz/cifar.html",
        licence="none stated",
        citation="Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images",
        checksums={
            "data_batch_1": "md5:c99cafc152244af753f735de768cd75f",
            "data_batch_2": "md5:d4bba439e000b95fd0a9bffe97cbabec",
            "data_batch_3": "md5:54ebc095f3ab1f0389bbae665268c751",
            "data_batch_4": "md5:634d18415352ddfa80567beed471001a",
            "data_batch_5": "md5:482c414d41f54cd18b22e5b47cb7c3cb",
            "test_batch": "md5:40351d587109b95175f43aff81a1287e",
        },
        contents={
            "train": "24bfd52c613728a98128c5f900306773e94af68e3da16f604acb05651f22542b",
            "test": "efa0e44c5def89c8dc786f0b447d9ba72428f27974433ac6ee9cbc517a7415ec",
        },
        asymmetric_map=CIFAR10_SIMILAR,
        caveat="Training and test share near-duplicates; a few test labels are wrong.",
    ),
    folders=("cifar-10-batches-py", "cifar10"),
    read=read_cifar,
    torchvision=("CIFAR10", BOTH_PARTS),
)

CIFAR_100 = DataSet(
    facts=DatasetSpec(
        name="cifar100",
        title="CIFAR-100, fine labels",
        modality="image",
        class_names=CIFAR100,
        image_shape=(32, 32, 3),
        source="https://www.cs.toronto.edu/~kriz/cifar.html",
        licence="none stated",
        citation="Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images",
        checksums={
            "train": "md5:16019d7e3df5f24257cddd939b257f8d",
            "test": "md5:f0ef6b0ae62326f3e7ffdfab6717acfc",
        },
        asymmetric_map=CIFAR100_SIMILAR,
        hierarchy=tuple((coarse,) for coarse in CIFAR100_COARSE),
        caveat="Training and test share near-duplicates; a few hundred test labels are wrong. "
        "Only the official python files are read: other editions have another order. "
        + UNSEEN_WORDS,
    ),
    folders=("cifar-100-python",),
    read=read_cifar,
    torchvision=("CIFAR100", BOTH_PARTS),
    unseen=True,
)

CIFAR_10_1 = DataSet(
    facts=DatasetSpec(
        name="cifar10_1",
        title="CIFAR-10.1, version 6: a new test part for CIFAR-10",
        modality="image",
        class_names=CIFAR10,
        image_shape=(32, 32, 3),
        source="https://github.com/modestyachts/CIFAR-10.1",
        licence="MIT (repository)",
        citation="Recht et al. 2019, Do ImageNet Classifiers Generalize to ImageNet?",
        parts=("test",),
        caveat=f"2,000 images; no checksum is published. {UNSEEN_WORDS}",
    ),
    folders=("cifar-10.1", "."),
    read=cifar10_1,
    unseen=True,
)

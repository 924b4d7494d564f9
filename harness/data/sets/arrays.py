"""Data sets published as arrays in formats of their own: SVHN, USPS, STL-10.

Each reader takes the official files, checks their published MD5 where there is one, and returns
upright uint8 images with labels 0 … C−1.
"""

import bz2
from pathlib import Path

import numpy as np

from harness.data.formats.files import checked
from harness.data.sets.family import (
    BOTH_PARTS,
    BOTH_SPLITS,
    DIGIT_NAMES,
    UNSEEN_WORDS,
    Arrays,
    DataSet,
)
from harness.errors import DataError
from harness.types import DatasetSpec


def svhn(spec: DatasetSpec, part: str, root: Path, folders: tuple[str, ...]) -> Arrays:
    """Return a part of SVHN's cropped digits; its label 10 is the digit 0."""
    from scipy.io import loadmat

    path = checked(spec, f"{part}_32x32.mat", root, folders)
    try:
        found = loadmat(path)
        images, labels = found["X"], found["y"].ravel().astype(np.int64)
    except (KeyError, ValueError, OSError) as error:
        raise DataError(
            f"Expected arrays X and y in {path}; it cannot be read ({error}). Delete it and fetch "
            f"it again from {spec.source}."
        ) from error
    return np.ascontiguousarray(images.transpose(3, 0, 1, 2)), labels % 10


def usps(spec: DatasetSpec, part: str, root: Path, folders: tuple[str, ...]) -> Arrays:
    """Return a part of USPS from libsvm lines; its labels 1 … 10 are the digits 0 … 9.

    Values −1 … 1 are stretched to 0 … 255.
    """
    path = checked(spec, "usps.bz2" if part == "train" else "usps.t.bz2", root, folders)
    lines = bz2.decompress(path.read_bytes()).decode("ascii").splitlines()
    images = np.full((len(lines), 256), -1.0)
    labels = np.empty(len(lines), dtype=np.int64)
    for row, line in enumerate(lines):
        label, *pairs = line.split()
        labels[row] = int(float(label)) - 1
        for pair in pairs:
            column, value = pair.split(":")
            images[row, int(column) - 1] = float(value)
    scaled = np.rint((images + 1) * 127.5).astype(np.uint8)
    return scaled.reshape(-1, 16, 16, 1), labels


def stl10(spec: DatasetSpec, part: str, root: Path, folders: tuple[str, ...]) -> Arrays:
    """Return a labelled part of STL-10 from its binary files (column-major 96×96 planes)."""
    images = np.fromfile(checked(spec, f"{part}_X.bin", root, folders), dtype=np.uint8)
    labels = np.fromfile(checked(spec, f"{part}_y.bin", root, folders), dtype=np.uint8)
    planes = images.reshape(len(labels), 3, 96, 96)
    return np.ascontiguousarray(planes.transpose(0, 3, 2, 1)), labels.astype(np.int64) - 1


SVHN = DataSet(
    facts=DatasetSpec(
        name="svhn",
        title="Street View House Numbers, cropped digits",
        modality="image",
        class_names=DIGIT_NAMES,
        image_shape=(32, 32, 3),
        source="http://ufldl.stanford.edu/housenumbers/",
        licence="non-commercial use",
        citation="Netzer et al. 2011, Reading Digits in Natural Images",
        checksums={
            "train_32x32.mat": "md5:e26dedcc434d2e4c54c9b2d4a06d8373",
            "test_32x32.mat": "md5:eb5a983be6a315427106f1b164d9cef3",
        },
        caveat=f"Classes are not balanced: 1 is three times as frequent as 0. {UNSEEN_WORDS}",
    ),
    folders=(".", "svhn"),
    read=svhn,
    torchvision=("SVHN", BOTH_SPLITS),
    unseen=True,
)

USPS = DataSet(
    facts=DatasetSpec(
        name="usps",
        title="USPS handwritten digits",
        modality="image",
        class_names=DIGIT_NAMES,
        image_shape=(16, 16, 1),
        source="https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass.html#usps",
        licence="none stated",
        citation="Hull 1994, A database for handwritten text recognition research",
        checksums={
            "usps.bz2": "md5:ec16c51db3855ca6c91edd34d0e9b197",
            "usps.t.bz2": "md5:8ea070ee2aca1ac39742fdd1ef5ed118",
        },
        caveat="The test part is harder than the training part. Never seen whole by us: 2,000 of "
        "its 2,007 test rows, from another file.",
    ),
    folders=(".", "usps"),
    read=usps,
    torchvision=("USPS", BOTH_PARTS),
    unseen=True,
)

STL10 = DataSet(
    facts=DatasetSpec(
        name="stl10",
        title="STL-10, labelled images",
        modality="image",
        class_names=(
            "airplane",
            "bird",
            "car",
            "cat",
            "deer",
            "dog",
            "horse",
            "monkey",
            "ship",
            "truck",
        ),
        image_shape=(96, 96, 3),
        source="https://cs.stanford.edu/~acoates/stl10/",
        licence="none stated",
        citation="Coates et al. 2011, An Analysis of Single-Layer Networks",
        checksums={
            "train_X.bin": "md5:918c2871b30a85fa023e0c44e0bee87f",
            "train_y.bin": "md5:5a34089d4802c674881badbb80307741",
            "test_X.bin": "md5:7f263ba9f9e0b06b93213547f721ac82",
            "test_y.bin": "md5:36f9794fa4beb8a2c72628de14fa638e",
        },
        caveat=UNSEEN_WORDS,
    ),
    folders=("stl10_binary",),
    read=stl10,
    torchvision=("STL10", BOTH_SPLITS),
    unseen=True,
)

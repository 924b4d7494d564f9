"""MNIST and its relatives in the idx format: Fashion-MNIST, KMNIST, EMNIST, notMNIST."""

from pathlib import Path

import numpy as np

from harness.data.formats.idx import read_idx_part
from harness.data.sets.family import (
    BOTH_PARTS,
    DIGIT_NAMES,
    UNSEEN_WORDS,
    Arrays,
    DataSet,
)
from harness.types import DatasetSpec


def idx_set(spec: DatasetSpec, part: str, root: Path, folders: tuple[str, ...]) -> Arrays:
    """Return a part of MNIST or a relative from its idx files, packed or not."""
    return read_idx_part(spec.name, part, root, folders, spec.source)


def emnist(spec: DatasetSpec, part: str, root: Path, folders: tuple[str, ...]) -> Arrays:
    """Return a part of EMNIST "balanced", turned upright: its files hold images transposed."""
    prefix = f"emnist-balanced-{part}"
    images, labels = read_idx_part(spec.name, part, root, folders, spec.source, prefix)
    return np.ascontiguousarray(images.transpose(0, 2, 1, 3)), labels


MNIST = DataSet(
    facts=DatasetSpec(
        name="mnist",
        title="MNIST",
        modality="image",
        class_names=DIGIT_NAMES,
        image_shape=(28, 28, 1),
        source="https://ossci-datasets.s3.amazonaws.com/mnist/",
        licence="none stated",
        citation="LeCun et al. 1998, Gradient-based learning applied to document recognition",
        checksums={
            "train-images-idx3-ubyte.gz": "md5:f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "train-labels-idx1-ubyte.gz": "md5:d53e105ee54ea40749a09fcbcd1e9432",
            "t10k-images-idx3-ubyte.gz": "md5:9fb629c4189551a2d022fa330f9573f3",
            "t10k-labels-idx1-ubyte.gz": "md5:ec29112dd5afa0611ce80d1b7f02629c",
        },
        contents={
            "train": "fb4731c60077913096a2277e667632202d5666065aac0e0d8928b25ee8f5e1e9",
            "test": "2d30c51ccaa0008f94006f75bc18b53de547843643abfb5403eed5452ee4a542",
        },
        caveat="Nearly solved: differences between methods are a handful of images.",
    ),
    folders=("MNIST/raw", "mnist"),
    read=idx_set,
    torchvision=("MNIST", BOTH_PARTS),
)

FASHION_MNIST = DataSet(
    facts=DatasetSpec(
        name="fashion_mnist",
        title="Fashion-MNIST",
        modality="image",
        class_names=(
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
        image_shape=(28, 28, 1),
        source="https://github.com/zalandoresearch/fashion-mnist",
        licence="MIT",
        citation="Xiao et al. 2017, Fashion-MNIST, arXiv 1708.07747",
        checksums={
            "train-images-idx3-ubyte.gz": "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "train-labels-idx1-ubyte.gz": "md5:25c81989df183df01b3e8a0aad5dffbe",
            "t10k-images-idx3-ubyte.gz": "md5:bef4ecab320f06d8554ea6380940ec79",
            "t10k-labels-idx1-ubyte.gz": "md5:bb300cfdad3c16e7a12a480ee83cd310",
        },
        contents={
            "train": "78c5e6b4d13139da61b1c47c67a85619bf5f67a8a611edac1d9443175d14536d",
            "test": "fec542d50b1a54ed04ed5af8cc470bfe3d8e802f5ebecac7befb843c8d3b528c",
        },
    ),
    folders=("FashionMNIST/raw", "fashion-mnist"),
    read=idx_set,
    torchvision=("FashionMNIST", BOTH_PARTS),
)

KMNIST = DataSet(
    facts=DatasetSpec(
        name="kmnist",
        title="Kuzushiji-MNIST",
        modality="image",
        class_names=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
        image_shape=(28, 28, 1),
        source="http://codh.rois.ac.jp/kmnist/",
        licence="CC BY-SA 4.0",
        citation="Clanuwat et al. 2018, Deep Learning for Classical Japanese Literature",
        checksums={
            "train-images-idx3-ubyte.gz": "md5:bdb82020997e1d708af4cf47b453dcf7",
            "train-labels-idx1-ubyte.gz": "md5:e144d726b3acfaa3e44228e80efcd344",
            "t10k-images-idx3-ubyte.gz": "md5:5c965bf0a639b31b8f53240b1b52f4d7",
            "t10k-labels-idx1-ubyte.gz": "md5:7320c461ea6c1c855c0b718fb2a4b134",
        },
        caveat=UNSEEN_WORDS,
    ),
    folders=("KMNIST/raw", "kmnist"),
    read=idx_set,
    torchvision=("KMNIST", BOTH_PARTS),
    unseen=True,
)

EMNIST = DataSet(
    facts=DatasetSpec(
        name="emnist",
        title="EMNIST, balanced",
        modality="image",
        class_names=tuple("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt"),
        image_shape=(28, 28, 1),
        source="https://www.nist.gov/itl/products-and-services/emnist-dataset",
        licence="none stated",
        citation="Cohen et al. 2017, EMNIST: an extension of MNIST to handwritten letters",
        caveat=f"Files hold images transposed; here they are upright. {UNSEEN_WORDS}",
    ),
    folders=("EMNIST/raw", "emnist"),
    read=emnist,
    torchvision=("EMNIST", tuple({"split": "balanced"} | part for part in BOTH_PARTS)),
    unseen=True,
)

NOTMNIST = DataSet(
    facts=DatasetSpec(
        name="notmnist",
        title="notMNIST, small part",
        modality="image",
        class_names=tuple("ABCDEFGHIJ"),
        image_shape=(28, 28, 1),
        source="https://github.com/davidflanagan/notMNIST-to-MNIST",
        licence="MIT (repository)",
        citation="Bulatov 2011, notMNIST",
        parts=("test",),
        caveat="Letters of many fonts, some of them no letters at all.",
    ),
    folders=("notMNIST/raw", "notmnist"),
    read=idx_set,
)

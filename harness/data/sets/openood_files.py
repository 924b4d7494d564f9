"""The ID sets of OpenOOD v1.5, from its own lists."""

from harness.data.sets.cifar import CIFAR10, CIFAR100
from harness.data.sets.family import IMAGENET_TERMS, FileSet, numbers
from harness.data.sets.list_files import listed
from harness.types import DatasetSpec

_OPENOOD = "benchmark_imglist"


OPENOOD: dict[str, FileSet] = {
    "imagenet200": FileSet(
        DatasetSpec(
            name="imagenet200",
            title="ImageNet-200 (OpenOOD v1.5)",
            modality="files",
            class_names=numbers(200),
            image_shape=None,
            source="https://github.com/Jingkang50/OpenOOD",
            licence=IMAGENET_TERMS,
            citation="Zhang et al. 2023, OpenOOD v1.5",
            caveat="OpenOOD's lists in benchmark_imglist/, images in images_largescale/. Never "
            "seen whole by us.",
        ),
        "images_largescale",
        listed(f"{_OPENOOD}/imagenet200", "train_imagenet200.txt", "test_imagenet200.txt"),
        (224, 224),
    ),
    "openood_imagenet": FileSet(
        DatasetSpec(
            name="openood_imagenet",
            title="ImageNet-1K as OpenOOD v1.5 has it",
            modality="files",
            class_names=numbers(1000),
            image_shape=None,
            source="https://github.com/Jingkang50/OpenOOD",
            licence=IMAGENET_TERMS,
            citation="Zhang et al. 2023, OpenOOD v1.5",
            caveat="OpenOOD's lists in benchmark_imglist/, images in images_largescale/; every "
            "training file is hashed once. Never seen whole by us.",
        ),
        "images_largescale",
        listed(f"{_OPENOOD}/imagenet", "train_imagenet.txt", "test_imagenet.txt"),
        (224, 224),
    ),
    "openood_cifar10": FileSet(
        DatasetSpec(
            name="openood_cifar10",
            title="CIFAR-10 as OpenOOD v1.5 has it",
            modality="files",
            class_names=CIFAR10,
            image_shape=(32, 32, 3),
            source="https://github.com/Jingkang50/OpenOOD",
            licence="none stated",
            citation="Zhang et al. 2023, OpenOOD v1.5",
            caveat="9,000 of the 10,000 test images: OpenOOD keeps 1,000 for validation. Lists "
            "seen whole, images never.",
        ),
        "images_classic",
        listed(f"{_OPENOOD}/cifar10", "train_cifar10.txt", "test_cifar10.txt"),
        (32, 32),
    ),
    "openood_cifar100": FileSet(
        DatasetSpec(
            name="openood_cifar100",
            title="CIFAR-100 as OpenOOD v1.5 has it",
            modality="files",
            class_names=CIFAR100,
            image_shape=(32, 32, 3),
            source="https://github.com/Jingkang50/OpenOOD",
            licence="none stated",
            citation="Zhang et al. 2023, OpenOOD v1.5",
            caveat="9,000 of the 10,000 test images: OpenOOD keeps 1,000 for validation. Lists "
            "seen whole, images never.",
        ),
        "images_classic",
        listed(f"{_OPENOOD}/cifar100", "train_cifar100.txt", "test_cifar100.txt"),
        (32, 32),
    ),
}
"""Data set → its facts, where it lies, what reads its lists."""

"""Long-tailed sets of image files: ImageNet-LT, Places-LT, iNaturalist 2018."""

import json
from pathlib import Path

import numpy as np

from harness.data.sets.family import IMAGENET_TERMS, FileSet, numbers
from harness.data.sets.list_files import Listed, listed, there
from harness.errors import DataError
from harness.types import DatasetSpec


def inaturalist18(root: Path, part: str) -> Listed:
    """Return a part of iNaturalist 2018 from its own annotations (COCO style JSON)."""
    name = {"train": "train2018.json", "test": "val2018.json"}[part]
    path = there(root / "inat18" / name)
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


LONG_TAILED: dict[str, FileSet] = {
    "imagenet_lt": FileSet(
        DatasetSpec(
            name="imagenet_lt",
            title="ImageNet-LT",
            modality="files",
            class_names=numbers(1000),
            image_shape=None,
            source="https://liuziwei7.github.io/projects/LongTail.html",
            licence=IMAGENET_TERMS,
            citation="Liu et al. 2019, Large-Scale Long-Tailed Recognition in an Open World",
            caveat="Lists in ImageNet_LT/, images in imagenet/train and imagenet/val. Never seen "
            "whole by us; tested on a made copy of its layout.",
        ),
        "imagenet",
        listed("ImageNet_LT", "ImageNet_LT_train.txt", "ImageNet_LT_test.txt"),
        (224, 224),
    ),
    "places_lt": FileSet(
        DatasetSpec(
            name="places_lt",
            title="Places-LT",
            modality="files",
            class_names=numbers(365),
            image_shape=None,
            source="https://liuziwei7.github.io/projects/LongTail.html",
            licence="CC BY (Places365)",
            citation="Liu et al. 2019, Large-Scale Long-Tailed Recognition in an Open World",
            caveat="Lists in Places_LT/, images in places365/. Lists seen whole, images never.",
        ),
        "places365",
        listed("Places_LT", "Places_LT_train.txt", "Places_LT_test.txt"),
        (224, 224),
    ),
    "inat18": FileSet(
        DatasetSpec(
            name="inat18",
            title="iNaturalist 2018",
            modality="files",
            class_names=numbers(8142),
            image_shape=None,
            source="https://github.com/visipedia/inat_comp/tree/master/2018",
            licence="non-commercial research",
            citation="Van Horn et al. 2018, The iNaturalist Species Classification Dataset",
            caveat="Annotations and images in inat18/. The published validation part is the test "
            "pool. Never seen whole by us.",
        ),
        "inat18",
        inaturalist18,
        (224, 224),
    ),
}
"""Data set → its facts, where it lies, what reads its lists."""

"""MedMNIST v2: the flat, single-label members, 28×28, read from their published npz files."""

from pathlib import Path

import numpy as np
from jaxtyping import Int, UInt8

from harness.data.formats.files import checked
from harness.data.sets.family import DataSet
from harness.errors import DataError
from harness.types import DatasetSpec

FOLDERS = ("medmnist", ".medmnist")
"""Folders below a data root where the files may lie."""
_ORGANS = (
    "bladder",
    "femur-left",
    "femur-right",
    "heart",
    "kidney-left",
    "kidney-right",
    "liver",
    "lung-left",
    "lung-right",
    "pancreas",
    "spleen",
)


def _member(
    name: str,
    title: str,
    channels: int,
    md5: str,
    class_names: tuple[str, ...],
    licence: str = "CC BY 4.0",
) -> DatasetSpec:
    """Return the facts of a member: what all share is written here once."""
    return DatasetSpec(
        name=name,
        title=f"MedMNIST: {title}",
        modality="image",
        class_names=class_names,
        image_shape=(28, 28, channels),
        source="https://zenodo.org/records/10519652",
        licence=licence,
        citation="Yang et al. 2023, MedMNIST v2, Scientific Data 10",
        checksums={f"{name}.npz": f"md5:{md5}"},
        caveat="Not for clinical use. The official validation part is in no pool. Never seen "
        "whole by us; tested on a made file of its layout.",
    )


MEMBERS: dict[str, DatasetSpec] = {
    "pathmnist": _member(
        "pathmnist",
        "colon pathology",
        3,
        "a8b06965200029087d5bd730944a56c1",
        (
            "adipose",
            "background",
            "debris",
            "lymphocytes",
            "mucus",
            "smooth muscle",
            "normal colon mucosa",
            "cancer-associated stroma",
            "colorectal adenocarcinoma epithelium",
        ),
    ),
    "dermamnist": _member(
        "dermamnist",
        "skin lesions",
        3,
        "0744692d530f8e62ec473284d019b0c7",
        (
            "actinic keratoses",
            "basal cell carcinoma",
            "benign keratosis-like lesions",
            "dermatofibroma",
            "melanoma",
            "melanocytic nevi",
            "vascular lesions",
        ),
        "CC BY-NC 4.0",
    ),
    "octmnist": _member(
        "octmnist",
        "retinal OCT",
        1,
        "c68d92d5b585d8d81f7112f81e2d0842",
        ("choroidal neovascularization", "diabetic macular edema", "drusen", "normal"),
    ),
    "pneumoniamnist": _member(
        "pneumoniamnist",
        "chest X-ray",
        1,
        "28209eda62fecd6e6a2d98b1501bb15f",
        ("normal", "pneumonia"),
    ),
    "breastmnist": _member(
        "breastmnist",
        "breast ultrasound",
        1,
        "750601b1f35ba3300ea97c75c52ff8f6",
        ("malignant", "normal or benign"),
    ),
    "bloodmnist": _member(
        "bloodmnist",
        "blood cells",
        3,
        "7053d0359d879ad8a5505303e11de1dc",
        (
            "basophil",
            "eosinophil",
            "erythroblast",
            "immature granulocytes",
            "lymphocyte",
            "monocyte",
            "neutrophil",
            "platelet",
        ),
    ),
    "tissuemnist": _member(
        "tissuemnist",
        "kidney cortex cells",
        1,
        "ebe78ee8b05294063de985d821c1c34b",
        (
            "collecting duct, connecting tubule",
            "distal convoluted tubule",
            "glomerular endothelial cells",
            "interstitial endothelial cells",
            "leukocytes",
            "podocytes",
            "proximal tubule segments",
            "thick ascending limb",
        ),
    ),
    "organamnist": _member(
        "organamnist", "abdominal CT, axial", 1, "68e3f8846a6bd62f0c9bf841c0d9eacc", _ORGANS
    ),
    "organcmnist": _member(
        "organcmnist", "abdominal CT, coronal", 1, "b9ceb9546e10131b32923c5bbeaea2b1", _ORGANS
    ),
    "organsmnist": _member(
        "organsmnist", "abdominal CT, sagittal", 1, "9ab87b696fb54e2a387ebe992d6ed5f1", _ORGANS
    ),
}
"""Members by their name in split ids."""


def read_member(
    spec: DatasetSpec, part: str, root: Path, folders: tuple[str, ...]
) -> tuple[UInt8[np.ndarray, "n 28 28 c"], Int[np.ndarray, " n"]]:
    """Return a part of a member from ``<name>.npz``, whose published MD5 is compared first.

    Parameters
    ----------
    spec : DatasetSpec
        A value of MEMBERS.
    part : {"train", "test"}
        The official part.
    root : Path
        Data root.
    folders : tuple of str
        Folders below it to look into.
    """
    path = checked(spec, f"{spec.name}.npz", root, folders)
    try:
        with np.load(path, allow_pickle=False) as archive:
            images, labels = archive[f"{part}_images"], archive[f"{part}_labels"]
    except (KeyError, ValueError, OSError) as error:
        raise DataError(
            f"Expected {part}_images and {part}_labels in {path}; it cannot be read ({error}). "
            f"Fetch it again from {spec.source}."
        ) from error
    if images.ndim == 3:
        images = images[..., None]
    return images, labels.reshape(len(images)).astype(np.int64)


MEDMNIST: dict[str, DataSet] = {
    name: DataSet(facts, FOLDERS, read_member, unseen=True) for name, facts in MEMBERS.items()
}
"""Every member by its name."""

"""Suites of test-time shift, spurious correlation and corrective unlearning.

Those over digits and CIFAR-10 part their data as ``digits-v1`` and ``cifar10-v1`` do, so that a
model trained there is not trained again here.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from harness.types import Suite

ALL_VIEWS = (
    "uniform",
    *(f"{kind}-{k}" for kind in ("forward", "backward") for k in (2, 5, 10, 25, 50)),
)
"""Every view of PROTOCOL section 2."""
VIEWS = ("uniform", "forward-5", "forward-25", "backward-5", "backward-25")
"""Views of the small suites."""

_BLURS = ("gaussian_blur", "glass_blur")
"""They move or mix nothing at eight pixels."""
_GREY = (
    "gaussian_noise",
    "shot_noise",
    "impulse_noise",
    "speckle_noise",
    "defocus_blur",
    "motion_blur",
    "zoom_blur",
    "snow",
    "frost",
    "fog",
    "spatter",
    "brightness",
    "contrast",
    "elastic_transform",
    "pixelate",
    "jpeg_compression",
)
_PUBLISHED = (
    *("gaussian_noise", "shot_noise", "impulse_noise", "defocus_blur", "glass_blur"),
    *("motion_blur", "zoom_blur", "snow", "frost", "fog", "brightness", "contrast"),
    *("elastic_transform", "pixelate", "jpeg_compression"),
)
"""The fifteen corruptions of the published benchmark; its four extra ones are not counted."""
_CIFAR: tuple[tuple[str, str, str, Literal["terciles", "shots"], str], ...] = (
    ("cifar10", "CIFAR-10", "cifar100", "terciles", "recall_tail"),
    ("cifar100", "CIFAR-100", "cifar10", "shots", "recall_few"),
)
_SQUARES = "A bright square per class is planted: what is learned from it holds for no photograph."
_OWN = "Corruptions are our own: numbers are not those of the published CIFAR-10-C files."
_NO_CALIBRATION = (
    "Trained on all official training images: what needs clean calibration labels is undefined "
    "here."
)
_FEW = "A few hundred test images: only large differences can be told apart."


def _digits(
    id_: str, title: str, worlds: str, notes: Sequence[str], parts: dict[str, Any]
) -> Suite:
    """Return a suite over the digits of ``digits-v1``, parted as there; worlds parted by blanks."""
    return Suite(
        id=id_,
        title=title,
        dataset="digits",
        classes=tuple(range(8)),
        cells=tuple(f"digits-{world}" for world in worlds.split()),
        seeds=(0, 1, 2),
        near=("digits89",),
        far=("photo_patches",),
        views=ALL_VIEWS if parts.get("subsampled") else VIEWS,
        primary="test/balanced_accuracy",
        groups="terciles",
        tail_metric="recall_tail",
        calibration_fraction=0.1,
        test_fraction=1 / 3,
        notes=(_FEW, *notes),
        photo_patches=600,
        partition_of="digits-v1",
        **parts,
    )


def _at_severities(kinds: Sequence[str]) -> tuple[str, ...]:
    """Return corruptions at severities 1, 3 and 5."""
    return tuple(f"{kind}-{severity}" for kind in kinds for severity in (1, 3, 5))


_FAMILIAR = Suite(
    id="cifar10-familiar-v1",
    title="CIFAR-10 against ImageNet classes that a pre-trained backbone has seen",
    dataset="cifar10",
    classes=None,
    cells=tuple(
        f"cifar10-{world}" for world in ("balanced-clean", "exp100-clean", "balanced-symmetric0.4")
    ),
    seeds=(0, 1, 2),
    near=("cifar100",),
    far=("imagenet_familiar",),
    views=VIEWS,
    primary="test/balanced_accuracy",
    groups="terciles",
    tail_metric="recall_tail",
    notes=(
        _NO_CALIBRATION,
        "Far OOD are ImageNet-1K's classes that CIFAR-10 does not have: a backbone "
        "pre-trained on ImageNet has seen them with labels.",
    ),
    partition_of="cifar10-v1",
    familiar={"imagenet-1k": ["imagenet_familiar"]},
    imagenet_familiar=10,
)

WORLD_SUITES: dict[str, Suite] = {
    suite.id: suite
    for suite in (
        _digits(
            "digits-shift-v1",
            "Digits under every test-time shift: 48 corrupted copies, every view twice, OOD sets",
            "balanced-clean exp50-clean balanced-symmetric0.4 exp50-symmetric0.4",
            (
                _OWN,
                "Gaussian and glass blur are left out: they change nothing at eight pixels.",
                "Views with images thrown away leave one or two images of the rarest class.",
            ),
            {"corruptions": _at_severities(_GREY), "subsampled": True},
        ),
        _digits(
            "digits-spurious-v1",
            "Digits with a square that tells the class in training and not in the test",
            "balanced~planted0.125-clean balanced~planted0.9-clean balanced~planted0.98-clean "
            "exp10~planted0.125-clean exp10~planted0.9-clean balanced~planted0.9-symmetric0.4",
            (_SQUARES, "Groups have 22 to 38 test images."),
            {"planted_test": 0.5},
        ),
        _digits(
            "digits-unlearn-v1",
            "Digits of which some are corrupted and a share of those is revealed: repair them",
            "balanced-clean balanced-interclass_confusion0.5~known0.3 "
            "balanced-random_swap0.2~known0.3 balanced-patch_poison0.1~known0.3 "
            "balanced-patch_poison0.1~known0.05 exp10-patch_poison0.1~known0.3",
            ("Methods that do not look at the revealed rows are scored as if there were none.",),
            {},
        ),
        _digits(
            "digits-fractions-v1",
            "Digits of which a share is labelled and the rest is handed out without labels",
            "balanced~frac0.1-clean balanced~frac0.25-clean "
            "balanced~frac0.5-clean exp10~frac0.25-clean balanced~frac0.25-symmetric0.4",
            (
                "Smaller shares are nested in larger ones; the other images are offered to methods "
                "without their labels (TrainingData.unlabelled), and most methods do not use them.",
            ),
            {},
        ),
        Suite(
            id="fashion-spurious-v1",
            title="Fashion-MNIST with a square that tells the class in training, not in the test",
            dataset="fashion_mnist",
            classes=None,
            cells=tuple(
                f"fashion_mnist-{world}"
                for world in (
                    "balanced~planted0.1-clean",
                    "balanced~planted0.9-clean",
                    "balanced~planted0.98-clean",
                    "exp100~planted0.1-clean",
                    "exp100~planted0.9-clean",
                    "balanced~planted0.9-symmetric0.4",
                )
            ),
            seeds=(0, 1, 2),
            near=("mnist",),
            far=("photo_patches",),
            views=VIEWS,
            primary="test/balanced_accuracy",
            groups="terciles",
            tail_metric="recall_tail",
            calibration_fraction=0.1,
            notes=(_SQUARES, "Near OOD is MNIST: grey digits of the same size, not other clothes."),
            photo_patches=660,
            partition_of="fashion-v1",
            planted_test=0.5,
        ),
        Suite(
            id="cifar10-shift-v1",
            title="CIFAR-10 under every test-time shift: 57 corrupted copies, views, other labels",
            dataset="cifar10",
            classes=None,
            cells=tuple(
                f"cifar10-{world}"
                for world in (
                    "balanced-clean",
                    "exp100-clean",
                    "balanced-symmetric0.4",
                    "exp100-symmetric0.4",
                )
            ),
            seeds=(0, 1, 2),
            near=("cifar100",),
            far=("photo_patches", "mnist"),
            views=ALL_VIEWS,
            primary="test/balanced_accuracy",
            groups="terciles",
            tail_metric="recall_tail",
            notes=(
                _NO_CALIBRATION,
                _OWN,
                "Far OOD is grey (photographs, MNIST); the openood suites have the field's sets.",
            ),
            photo_patches=520,
            partition_of="cifar10-v1",
            corruptions=_at_severities([*_GREY, *_BLURS, "saturate"]),
            truths=("label_errors", "cifar10h"),
            subsampled=True,
        ),
        *(
            Suite(
                id=f"{dataset}-c-v1",
                title=f"{title}-C as published: fifteen corruptions of its test images, five "
                "severities",
                dataset=dataset,
                classes=None,
                cells=(f"{dataset}-balanced-clean", f"{dataset}-exp100-clean"),
                seeds=(0, 1, 2),
                near=(near,),
                far=("photo_patches", "mnist"),
                views=VIEWS,
                primary="test/balanced_accuracy",
                groups=groups,
                tail_metric=tail,
                notes=(
                    _NO_CALIBRATION,
                    f"The arrays of {title}-C are read from the data root; mean corruption error "
                    "relative to a reference network is not computed.",
                ),
                photo_patches=520,
                partition_of=f"{dataset}-v1",
                published_corruptions=tuple(
                    f"{kind}-{severity}" for kind in _PUBLISHED for severity in range(1, 6)
                ),
            )
            for dataset, title, near, groups, tail in _CIFAR
        ),
        replace(
            _FAMILIAR,
            id="cifar10-familiar-tiny-v1",
            title="CIFAR-10 against Tiny-ImageNet classes that a pre-trained backbone has seen",
            far=("tiny200_familiar", "photo_patches", "mnist"),
            notes=(
                _NO_CALIBRATION,
                "tiny200_familiar are ten validation images of each Tiny-ImageNet class that "
                "CIFAR-10 does not have: a backbone pre-trained on ImageNet has seen these classes "
                "with labels. Photographs' patches and MNIST it has not.",
            ),
            photo_patches=520,
            familiar={"imagenet-1k": ["tiny200_familiar"]},
            imagenet_familiar=None,
        ),
        _FAMILIAR,
    )
}
"""Every suite of shifted, planted and attacked worlds by its id."""

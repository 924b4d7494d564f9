"""The suites, as plain facts: listing them needs no data."""

from dataclasses import replace

from harness.data.sets.medmnist import MEMBERS
from harness.data.suites.catalogue_files import FILE_SUITES
from harness.data.suites.catalogue_published import PUBLISHED_SUITES
from harness.data.suites.catalogue_tables import TABLE_SUITES
from harness.data.suites.catalogue_worlds import ALL_VIEWS, VIEWS, WORLD_SUITES
from harness.types import Suite


def _named(dataset: str, worlds: str) -> tuple[str, ...]:
    """Return the cells of a data set from their worlds, separated by spaces."""
    return tuple(f"{dataset}-{world}" for world in worlds.split())


def _several(cells: str) -> tuple[str, ...]:
    """Return cells of several data sets, separated by spaces."""
    return tuple(cells.split())


def _cells(dataset: str, mild: int, strong: int) -> tuple[str, ...]:
    """Return the eight cells that the small suites share the shape of."""
    worlds = (
        "balanced-clean",
        f"exp{mild}-clean",
        f"exp{strong}-clean",
        "balanced-symmetric0.2",
        "balanced-symmetric0.4",
        f"exp{mild}-symmetric0.2",
        f"exp{mild}-symmetric0.4",
        f"exp{strong}-symmetric0.4",
    )
    return tuple(f"{dataset}-{world}" for world in worlds)


_CIFAR100 = Suite(
    id="cifar100-v1",
    title="CIFAR-100, long-tailed and mislabelled as published; near OOD CIFAR-10",
    dataset="cifar100",
    classes=None,
    cells=_named(
        "cifar100",
        "balanced-clean exp10-clean exp50-clean exp100-clean exp100~shuffled-clean "
        "balanced-symmetric0.2 balanced-symmetric0.4 balanced-asymmetric0.4 "
        "exp10-symmetric0.4 exp100-symmetric0.4 exp100-frequency0.4",
    ),
    seeds=(0, 1, 2),
    near=("cifar10",),
    far=("photo_patches", "mnist"),
    views=ALL_VIEWS,
    primary="test/balanced_accuracy",
    groups="shots",
    tail_metric="recall_few",
    notes=(
        "Trained on all official training images: what needs clean calibration labels is "
        "undefined here.",
        "Far OOD is grey (photographs, MNIST); the openood suites have the field's far sets.",
    ),
    photo_patches=520,
    truths=("label_errors",),
    subsampled=True,
)


SUITES: dict[str, Suite] = {
    "digits-v1": Suite(
        id="digits-v1",
        title="Handwritten digits 0–7, 8×8: needs no download, minutes on two cores",
        dataset="digits",
        classes=tuple(range(8)),
        cells=_cells("digits", 10, 50),
        seeds=(0, 1, 2),
        near=("digits89",),
        far=("photo_patches",),
        views=VIEWS,
        primary="test/balanced_accuracy",
        groups="terciles",
        tail_metric="recall_tail",
        calibration_fraction=0.1,
        test_fraction=1 / 3,
        notes=(
            "A few hundred test images: only large differences can be told apart.",
            "Images of 8×8 pixels say little about large images.",
        ),
        photo_patches=600,
    ),
    "fashion-v1": Suite(
        id="fashion-v1",
        title="Fashion-MNIST, long-tailed and mislabelled; near OOD MNIST, far photographs",
        dataset="fashion_mnist",
        classes=None,
        cells=_cells("fashion_mnist", 10, 100),
        seeds=(0, 1, 2),
        near=("mnist",),
        far=("photo_patches",),
        views=VIEWS,
        primary="test/balanced_accuracy",
        groups="terciles",
        tail_metric="recall_tail",
        calibration_fraction=0.1,
        notes=("Near OOD is MNIST: grey digits of the same size, not other clothes.",),
        photo_patches=660,
    ),
    "cifar10-v1": Suite(
        id="cifar10-v1",
        title="CIFAR-10, long-tailed and mislabelled as published; near OOD CIFAR-100",
        dataset="cifar10",
        classes=None,
        cells=_named(
            "cifar10",
            "balanced-clean exp10-clean exp50-clean exp100-clean exp200-clean "
            "exp100~shuffled-clean step100-clean balanced-symmetric0.2 balanced-symmetric0.4 "
            "balanced-symmetric0.8 balanced-asymmetric0.4 balanced-instance0.4 "
            "exp10-symmetric0.4 exp100-symmetric0.4 exp100~shuffled-symmetric0.4 "
            "exp100-frequency0.4",
        ),
        seeds=(0, 1, 2),
        near=("cifar100",),
        far=("photo_patches", "mnist"),
        views=ALL_VIEWS,
        primary="test/balanced_accuracy",
        groups="terciles",
        tail_metric="recall_tail",
        notes=(
            "Trained on all official training images: what needs clean calibration labels is "
            "undefined here.",
            "Far OOD is grey (photographs, MNIST); the openood suites have the field's far sets.",
        ),
        photo_patches=520,
        truths=("label_errors", "cifar10h"),
        subsampled=True,
    ),
    "cifar100-v1": _CIFAR100,
    "cifar100-lt-v1": replace(
        _CIFAR100,
        id="cifar100-lt-v1",
        title="CIFAR-100-LT at imbalance factor 100, also mislabelled; near OOD CIFAR-10",
        dataset="cifar100_lt",
        cells=_named(
            "cifar100_lt",
            "natural-clean natural-symmetric0.2 natural-symmetric0.4 natural-frequency0.4",
        ),
        notes=(
            "One draw of 10,847 training images with the published class sizes, named by their "
            "bytes: the cells of cifar100-v1 draw others, by their place in the official files.",
            "Without noise the training data are the same under every seed.",
            "Labels that people gave (CIFAR-100N) cannot be joined: the rows have another order.",
            "Trained on all listed images: what needs clean calibration labels is undefined here.",
            "Far OOD is grey (photographs, MNIST); the openood suites have the field's far sets.",
        ),
        truths=(),
        subsampled=False,
    ),
    "cifar10n-v1": Suite(
        id="cifar10n-v1",
        title="CIFAR-10 with labels that people gave again (CIFAR-10N), also long-tailed",
        dataset="cifar10",
        classes=None,
        cells=_named(
            "cifar10",
            "balanced-clean balanced-human_aggregate balanced-human_random1 "
            "balanced-human_random2 balanced-human_random3 balanced-human_worst "
            "exp10-human_worst exp100-human_worst",
        ),
        seeds=(0, 1, 2),
        near=("cifar100",),
        far=("photo_patches", "mnist"),
        views=ALL_VIEWS,
        primary="test/balanced_accuracy",
        groups="terciles",
        tail_metric="recall_tail",
        notes=(
            "Trained on all official training images: what needs clean calibration labels is "
            "undefined here.",
            "In balanced cells the training data are the same under every seed.",
        ),
        photo_patches=520,
    ),
    "cifar100n-v1": Suite(
        id="cifar100n-v1",
        title="CIFAR-100 with labels that people gave again (CIFAR-100N), also long-tailed",
        dataset="cifar100",
        classes=None,
        cells=_named(
            "cifar100",
            "balanced-clean balanced-human_fine exp10-human_fine exp100-human_fine",
        ),
        seeds=(0, 1, 2),
        near=("cifar10",),
        far=("photo_patches", "mnist"),
        views=ALL_VIEWS,
        primary="test/balanced_accuracy",
        groups="shots",
        tail_metric="recall_few",
        notes=(
            "Trained on all official training images: what needs clean calibration labels is "
            "undefined here.",
            "In balanced cells the training data are the same under every seed.",
        ),
        photo_patches=520,
    ),
    "tabular-v1": Suite(
        id="tabular-v1",
        title="Twelve imbalanced tables, some made rarer or mislabelled",
        dataset="breast_cancer",
        classes=None,
        cells=_several(
            "breast_cancer-natural-clean wine-natural-clean mammography-natural-clean "
            "oil_spill-natural-clean new_thyroid-natural-clean haberman-natural-clean "
            "german-natural-clean pima-natural-clean phoneme-natural-clean glass-natural-clean "
            "winequality_red-natural-clean adult-natural-clean breast_cancer-ratio10-clean "
            "phoneme-ratio20-clean adult-ratio50-clean pima-natural-symmetric0.2 "
            "phoneme-natural-symmetric0.2 adult-natural-symmetric0.2"
        ),
        seeds=(0, 1, 2),
        near=(),
        far=(),
        views=VIEWS,
        primary="test/balanced_accuracy",
        groups="terciles",
        tail_metric="recall_tail",
        calibration_fraction=0.1,
        test_fraction=1 / 3,
        notes=(
            "Cells are about different data sets; several have a few hundred rows.",
            "In natural cells without noise the training data are the same under every seed.",
            "No OOD set is named.",
        ),
    ),
    "medmnist-v1": Suite(
        id="medmnist-v1",
        title="Ten flat members of MedMNIST as they are, with their own imbalance",
        dataset="pathmnist",
        classes=None,
        cells=tuple(f"{name}-natural-clean" for name in MEMBERS),
        seeds=(0, 1, 2),
        near=(),
        far=(),
        views=VIEWS,
        primary="test/balanced_accuracy",
        groups="terciles",
        tail_metric="recall_tail",
        notes=(
            "Trained on the official training parts; their validation parts are in no pool.",
            "No OOD set is named. Not for clinical use.",
        ),
    ),
    **FILE_SUITES,
    **WORLD_SUITES,
    **PUBLISHED_SUITES,
    **TABLE_SUITES,
}
"""Every suite by its id."""

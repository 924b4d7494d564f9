"""Suites over the user's image files: published protocols, lists read from the data root."""

from collections.abc import Mapping
from types import MappingProxyType

from harness.types import Suite

_SEEDS = (0, 1, 2)
_FREE = "Trained on all official training images: what needs clean calibration labels is undefined."
_LISTS = "benchmark_imglist"


def _openood(
    id_: str,
    dataset: str,
    title: str,
    near: Mapping[str, str],
    far: Mapping[str, str],
    covariate: Mapping[str, str] = MappingProxyType({}),
) -> Suite:
    """Return a suite of OpenOOD v1.5: sets by name, each with its list in the benchmark's folder.

    Parameters
    ----------
    id_, dataset, title : str
        Of the suite.
    near, far : mapping of str to str
        Set → file name of its list.
    covariate : mapping of str to str
        The same for covariate-shifted ID sets: full-spectrum OOD detection.
    """
    folder = f"{_LISTS}/{dataset.removeprefix('openood_')}"
    return Suite(
        id=id_,
        title=title,
        dataset=dataset,
        classes=None,
        cells=(f"{dataset}-balanced-clean",),
        seeds=_SEEDS,
        near=tuple(near),
        far=tuple(far),
        views=("uniform",),
        primary="test/balanced_accuracy",
        groups="terciles",
        tail_metric="recall_tail",
        notes=(_FREE, "OpenOOD's validation images are in no pool of this suite."),
        lists={name: f"{folder}/{file}" for name, file in {**near, **far}.items()},
        covariate_lists={name: f"{folder}/{file}" for name, file in covariate.items()},
    )


def _natural(
    id_: str,
    dataset: str,
    title: str,
    *,
    noise: str = "clean",
    note: str = "",
    few: bool = True,
    subsampled: bool = False,
) -> Suite:
    """Return a suite with one cell: the data set as it is."""
    return Suite(
        id=id_,
        title=title,
        dataset=dataset,
        classes=None,
        cells=(f"{dataset}-natural-{noise}",),
        seeds=_SEEDS,
        near=(),
        far=(),
        views=("uniform", "forward-5", "forward-25", "backward-5", "backward-25"),
        primary="test/balanced_accuracy",
        groups="shots" if few else "terciles",
        tail_metric="recall_few" if few else "recall_tail",
        notes=tuple(filter(None, (_FREE, "No OOD set is named.", note))),
        subsampled=subsampled,
    )


_NEAR = {"ssb_hard": "test_ssb_hard.txt", "ninco": "test_ninco.txt"}
_FAR = {
    "inaturalist": "test_inaturalist.txt",
    "textures": "test_textures.txt",
    "openimage_o": "test_openimage_o.txt",
}


def _shifted(name: str) -> dict[str, str]:
    """Return the lists of ImageNet-V2, -C and -R for the classes of a data set."""
    return {f"imagenet_{kind}": f"test_{name}_{kind}.txt" for kind in ("v2", "c", "r")}


_UNKNOWN = "Which training labels are wrong is not known: what needs clean ones is undefined."
_CLASSIC = {
    "mnist": "test_mnist.txt",
    "svhn": "test_svhn.txt",
    "texture": "test_texture.txt",
    "places365": "test_places365.txt",
}
FILE_SUITES: dict[str, Suite] = {
    suite.id: suite
    for suite in (
        _openood(
            "openood-cifar10-v1",
            "openood_cifar10",
            "CIFAR-10 with the near and far OOD sets of OpenOOD v1.5",
            {"cifar100": "test_cifar100.txt", "tin": "test_tin.txt"},
            _CLASSIC,
        ),
        _openood(
            "openood-cifar100-v1",
            "openood_cifar100",
            "CIFAR-100 with the near and far OOD sets of OpenOOD v1.5",
            {"cifar10": "test_cifar10.txt", "tin": "test_tin.txt"},
            _CLASSIC,
        ),
        _openood(
            "openood-imagenet200-v1",
            "imagenet200",
            "ImageNet-200 with the near and far OOD sets of OpenOOD v1.5",
            _NEAR,
            _FAR,
        ),
        _openood(
            "openood-imagenet-v1",
            "openood_imagenet",
            "ImageNet-1K with the near and far OOD sets of OpenOOD v1.5",
            _NEAR,
            _FAR,
        ),
        _openood(
            "openood-imagenet200-fs-v1",
            "imagenet200",
            "ImageNet-200, full spectrum: the OOD sets of OpenOOD v1.5, and its shifted ID sets",
            _NEAR,
            _FAR,
            _shifted("imagenet200"),
        ),
        _openood(
            "openood-imagenet-fs-v1",
            "openood_imagenet",
            "ImageNet-1K, full spectrum: the OOD sets of OpenOOD v1.5, and its shifted ID sets",
            _NEAR,
            _FAR,
            _shifted("imagenet"),
        ),
        _natural(
            "imagenet-lt-v1",
            "imagenet_lt",
            "ImageNet-LT: 1,000 classes, 1,280 to 5 images",
            subsampled=True,
        ),
        Suite(
            id="tiny200-v1",
            title="Tiny-ImageNet with seven training images a class: for pre-trained backbones",
            dataset="tiny200",
            classes=None,
            cells=tuple(
                f"tiny200-{world}"
                for world in (
                    "balanced-clean",
                    "exp7-clean",
                    "balanced-symmetric0.2",
                    "balanced-symmetric0.4",
                )
            ),
            seeds=_SEEDS,
            near=(),
            far=(),
            views=("uniform", "forward-5", "backward-5"),
            primary="test/balanced_accuracy",
            groups="terciles",
            tail_metric="recall_tail",
            test_fraction=0.3,
            notes=(
                "Its classes are classes of ImageNet-1k: weights that were pre-trained there with "
                "labels have seen all of them, so this suite compares heads, not backbones.",
                "Three test images a class: only large differences can be told apart.",
                "Without a calibration pool: what needs clean labels for it is undefined.",
                "No OOD set is named.",
            ),
        ),
        _natural("places-lt-v1", "places_lt", "Places-LT: 365 classes, 4,980 to 5 images"),
        _natural("inat18-v1", "inat18", "iNaturalist 2018: 8,142 species, naturally long-tailed"),
        _natural(
            "clothing1m-v1",
            "clothing1m",
            "Clothing1M: a million clothes with the shops' own labels",
            noise="as_found",
            note=_UNKNOWN,
            few=False,
        ),
    )
}
"""Every suite over image files by its id."""

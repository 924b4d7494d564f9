"""Making a suite's manifest: from its data, or from labels where there is nothing else."""

from pathlib import Path

from harness.data.formats.files import data_root as rooted
from harness.data.sets.datasets import DATASETS
from harness.data.splits.human import human_labels
from harness.data.splits.make import make_split, parse_split_id
from harness.data.splits.sources import Sources
from harness.data.suites.catalogue import SUITES
from harness.data.suites.manifest import manifest_text
from harness.data.suites.open import make_suite
from harness.errors import SpecError
from harness.lookup import lookup
from harness.types import Split, Suite


def suite_manifest(suite: str, data_root: Path | None = None) -> str:
    """Return a suite's manifest as it is committed, made from its data.

    Parameters
    ----------
    suite : str
        Key of SUITES.
    data_root : Path, optional
        Where data sets lie.

    Raises
    ------
    DataError
        If its data are missing or not what they should be.
    """
    opened = make_suite(lookup("suite", suite, SUITES), data_root, checked=False)
    pools = opened.identities
    splits = {f"{c}-s{s}": opened.split(c, s) for c, s in _jobs(opened.suite)}
    return manifest_text(suite, pools, splits)


def labels_manifest(suite: str, data_root: Path | None = None) -> str:
    """Return a suite's manifest without its pools, from labels that people published with theirs.

    CIFAR-100N holds the official labels in the official order: enough for every split of a suite
    that trains on the whole official part.

    Parameters
    ----------
    suite : str
        Key of SUITES, of CIFAR-10 or CIFAR-100.
    data_root : Path, optional
        Where the labels lie.

    Raises
    ------
    SpecError
        If the suite holds training images back, or nobody published labels with its own.
    """
    found, root = lookup("suite", suite, SUITES), rooted(data_root)
    kind = {"cifar10": "human_worst", "cifar100": "human_fine"}.get(found.dataset)
    if kind is None or found.calibration_fraction or found.classes is not None:
        raise SpecError(
            f"The manifest of {suite} needs its images; labels alone do not make its pools. "
            f"Get them with: tailmark data prepare {found.dataset}"
        )
    dataset = DATASETS[found.dataset]
    labels, _ = human_labels(kind, dataset.name, root)
    sources = Sources(people=lambda wanted: human_labels(wanted, dataset.name, root)[1])
    splits: dict[str, Split] = {}
    for cell, seed in _jobs(found):
        spec = parse_split_id(cell)
        made = make_split(spec, labels, dataset.num_classes, seed, dataset, sources)
        splits[f"{cell}-s{seed}"] = made
    return manifest_text(suite, {}, splits)


def _jobs(suite: Suite) -> list[tuple[str, int]]:
    return [(cell, seed) for cell in suite.cells for seed in suite.seeds]

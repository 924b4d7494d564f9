"""Suites with their data: pools that do not depend on the split, and the splits."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from harness.data.formats.files import data_root as rooted
from harness.data.pools.pools import image_pool, rows_of
from harness.data.sets.datasets import facts_of
from harness.data.splits.folds import Folds, without_rows
from harness.data.splits.human import human_labels
from harness.data.splits.make import make_split, parse_split_id, planted_attributes
from harness.data.splits.noise import noise_chance
from harness.data.splits.sources import Sources
from harness.data.splits.spurious import planted_pool
from harness.data.splits.unlearning import patched_pool
from harness.data.suites.auxiliary import auxiliary_pool
from harness.data.suites.catalogue import SUITES
from harness.data.suites.id_pools import IdPools, id_pools, partition_of, planted_pools
from harness.data.suites.manifest import check_pools, check_split
from harness.data.suites.ood_pools import ood_pool
from harness.data.suites.own import fold_name, suite_named
from harness.data.worlds.covariate import covariate_pools
from harness.data.worlds.label_shift import shifted_rows
from harness.data.worlds.truths import Truth, read_truths
from harness.errors import DataError, Undefined
from harness.keys import sha256_of
from harness.lookup import lookup
from harness.types import DatasetSpec, Pool, Split, Suite, TrainingData, View

__all__ = ["SUITES", "OpenSuite", "make_suite", "open_suite"]


@dataclass(frozen=True)
class OpenSuite:
    """A suite with its pools in memory."""

    suite: Suite
    """What it is."""
    dataset: DatasetSpec
    """Facts about its ID data."""
    train: Pool
    """What splits draw from, with clean labels."""
    test: Pool
    """The test pool, with clean labels."""
    calibration: Pool | None
    """Clean, stratified, disjoint from training and test; None where the suite has none."""
    ood: dict[str, Pool]
    """``ood/near/<set>`` and ``ood/far/<set>`` → pool."""
    checked: bool = True
    """Whether splits are compared with the committed manifest."""
    sources: Sources = field(default_factory=Sources)
    """What noise is drawn from besides labels."""
    open_set_pool: Pool | None = None
    """Where open-set noise takes its images from."""
    members: Mapping[str, "OpenSuite"] = field(default_factory=dict)
    """Data set → its part of a suite over several; empty for a suite over one."""
    covariate: dict[str, Pool] = field(default_factory=dict)
    """``test@<name>`` → the test classes seen otherwise, with clean labels."""
    truths: dict[str, Truth] = field(default_factory=dict)
    """Name → what somebody else says of the test pool's labels."""
    absent_truths: dict[str, str] = field(default_factory=dict)
    """Name → why a truth that the suite names is missing, and what to do."""
    test_groups: Int[np.ndarray, " n"] | None = None
    """Group of each test image where an attribute is planted in it, else None."""
    origin: Mapping[str, Int[np.ndarray, " _"]] = field(default_factory=dict)
    """``train``, ``test``, ``calibration`` → row of the data set's own part that each row is."""
    folds: Folds | None = None
    """Where every row is tested: how rows are dealt into folds. Then `test` holds the rows of
    `train`, and each is predicted by a model that has not seen its fold."""
    left_out: Int[np.ndarray, " r"] | None = None
    """Rows of `train` that no split has: those of the fold that `test` is."""
    root: Path | None = None
    """Where data sets lie."""
    auxiliaries: dict[str, Pool] = field(default_factory=dict, compare=False, repr=False)
    """Outliers asked for so far, by name and the test pool that they were held against."""

    @property
    def ordered(self) -> bool:
        """Return whether class indices are in an order, one step apart."""
        return self.dataset.ordered

    @property
    def hierarchy(self) -> Int[np.ndarray, "c levels"] | None:
        """Return the ancestors of every class of the suite; None where they are not known."""
        if self.dataset.hierarchy is None:
            return None
        whole = np.array(self.dataset.hierarchy)
        return whole if self.suite.classes is None else whole[list(self.suite.classes)]

    def at(self, cell: str) -> "OpenSuite":
        """Return the part of the suite that a cell is about: the suite itself, or a member.

        Parameters
        ----------
        cell : str
            Split id; begins with its data set's name.
        """
        return self.members.get(cell.partition("-")[0], self)

    @property
    def identities(self) -> dict[str, str]:
        """Return `fingerprints`, and under ``train`` that of the pool splits draw from."""
        if self.members:
            found = {name: member.identities for name, member in self.members.items()}
            names = sorted({pool for each in found.values() for pool in each})
            return {p: sha256_of({n: each.get(p) for n, each in found.items()}) for p in names}
        pools = {"train": self.train, "test": self.test, **self.ood, **self.covariate}
        if self.calibration is not None:
            pools["calibration"] = self.calibration
        return {name: pool.fingerprint for name, pool in pools.items()}

    @property
    def fingerprints(self) -> dict[str, str]:
        """Return pool name → sha256, for pools that do not depend on the split."""
        return {name: sha for name, sha in self.identities.items() if name != "train"}

    @property
    def num_classes(self) -> int:
        """Return C."""
        return len(self.test.class_names)

    def split(self, cell: str, seed: int) -> Split:
        """Return what a model may train on in one cell under one seed.

        Parameters
        ----------
        cell : str
            Split id without a seed.
        seed : int
            Seed of the job.

        Raises
        ------
        RecordMismatchError
            If it is not the split that the committed manifest names.
        """
        if self.members:
            return lookup("data set of this suite", cell.partition("-")[0], self.members).split(
                cell, seed
            )
        assert self.train.labels is not None, "a training pool has labels"
        made = make_split(
            parse_split_id(cell),
            self.train.labels,
            self.num_classes,
            seed,
            self.dataset,
            self.sources,
        )
        if self.checked:
            check_split(self.suite.id, made)
        return made if self.left_out is None else without_rows(made, self.left_out)

    def fold(self, rows: Int[np.ndarray, " r"]) -> "OpenSuite":
        """Return the suite whose test pool is one fold and whose splits do not have its rows.

        Parameters
        ----------
        rows : int array of shape (r,)
            Rows of the pool, increasing.
        """
        return replace(self, test=rows_of(self.test, rows, "test"), folds=None, left_out=rows)

    def subsampled(self, split: Split, view: str) -> Pool:
        """Return the published variant of a view: test images thrown away, not weighted.

        Parameters
        ----------
        split : Split
            Its clean counts rank the classes.
        view : str
            Such as ``backward-25``.

        Returns
        -------
        Pool
            Named ``test@<view>``, of the rows that
            `harness.data.worlds.label_shift.shifted_rows` gives.
        """
        test = self.at(split.spec.id).test
        rows = shifted_rows(View.parse(view), split.clean_counts, test)
        return rows_of(test, rows, f"test@{view}")

    def noise_chance(self, split: Split) -> tuple[float | None, str | None]:
        """Return what a guess hits of the wrong training labels, or None and why it is undefined.

        Parameters
        ----------
        split : Split
            With clean and observed labels; see `harness.data.splits.noise.noise_chance`.
        """
        try:
            return noise_chance(split, self.at(split.spec.id).dataset), None
        except Undefined as undefined:
            return None, undefined.reason

    def train_pool(self, split: Split) -> Pool:
        """Return the split's images as a trainer gets them as the pool ``train``, labels clean."""
        if self.members:
            return self.at(split.spec.id).train_pool(split)
        pool = rows_of(self.train, split.indices, "train")
        if split.foreign is not None:
            pool = self._mixed(pool, split.foreign)
        if split.attributes is not None:
            pool = planted_pool(pool, split.attributes, self.num_classes)
        return pool if split.patched is None else patched_pool(pool, split.patched)

    def val_pool(self, split: Split) -> Pool | None:
        """Return the split's validation rows as the pool ``val``, with clean labels, or None."""
        if split.val_indices is None:
            return None
        if self.members:
            return self.at(split.spec.id).val_pool(split)
        pool = rows_of(self.train, split.val_indices, "val")
        assert self.train.labels is not None, "a training pool has labels"
        places = planted_attributes(split.spec, self.train.labels, self.num_classes, split.seed)
        if places is None:
            return pool
        return planted_pool(pool, places[split.val_indices], self.num_classes)

    def training_data(self, split: Split) -> TrainingData:
        """Return what a trainer may see of a split: inputs, observed labels, revealed rows."""
        if self.members:
            return self.at(split.spec.id).training_data(split)
        inputs, val = self.train_pool(split).inputs, None
        held_out = self.val_pool(split)
        if held_out is not None and split.val_observed is not None:
            val = (held_out.inputs, split.val_observed)
        pool = self.unlabelled_pool(split)
        return TrainingData(
            inputs,
            split.observed,
            split.num_classes,
            val,
            unlabelled=None if pool is None else pool.inputs,
            known=split.known,
        )

    def unlabelled_pool(self, split: Split) -> Pool | None:
        """Return what a cell with a share of the training images leaves out, as ``unlabelled``.

        Its images are those of the same world with every image and none of this split's; their
        labels are clean and are never handed to a trainer. None where the cell leaves nothing out,
        or its images are changed in training.
        """
        if self.members:
            return self.at(split.spec.id).unlabelled_pool(split)
        changed = (split.foreign, split.attributes, split.patched)
        if split.spec.train_fraction == 1 or any(array is not None for array in changed):
            return None
        assert self.train.labels is not None, "a training pool has labels"
        whole = make_split(
            replace(split.spec, train_fraction=1.0),
            self.train.labels,
            self.num_classes,
            split.seed,
            self.dataset,
            self.sources,
        )
        used = [split.indices, split.val_indices]
        taken = np.concatenate([rows for rows in used if rows is not None])
        known = [whole.indices, whole.val_indices]
        rows = np.setdiff1d(np.concatenate([r for r in known if r is not None]), taken)
        return rows_of(self.train, rows, "unlabelled") if len(rows) else None

    def auxiliary_pool(self, name: str, split: Split) -> Pool:
        """Return outliers to train against, none of which is a row of this suite's pools.

        Parameters
        ----------
        name : str
            As on a card: a key of AUXILIARY_SETS or a data set.
        split : Split
            Of the job.

        Raises
        ------
        SpecError
            If there are no such outliers, or a row of a pool of the suite is among them.
        """
        if self.members:
            return self.at(split.spec.id).auxiliary_pool(name, split)
        key = f"{name} {self.test.identity}"
        if key not in self.auxiliaries:
            held = {**pools_of(self), "train": self.train}
            self.auxiliaries[key] = auxiliary_pool(name, self.train, held, self.root)
        return self.auxiliaries[key]

    def _mixed(self, pool: Pool, foreign: Int[np.ndarray, " n"]) -> Pool:
        """Return images of the training pool, some replaced by images of another."""
        assert self.open_set_pool is not None, "open-set noise comes from a pool"
        images = pool.inputs.take(np.arange(len(pool)))
        images[foreign >= 0] = self.open_set_pool.inputs.take(foreign[foreign >= 0])
        return image_pool(pool.name, images, pool.labels, pool.class_names)


def pools_of(suite: Any) -> dict[str, Pool]:
    """Return the pools of a suite that do not depend on the split: name → pool."""
    calibration = {} if suite.calibration is None else {"calibration": suite.calibration}
    return {"test": suite.test} | calibration | dict(suite.covariate) | dict(suite.ood)


def open_suite(suite: str, data_root: Path | None = None) -> OpenSuite:
    """Return a suite with its data, checked against its committed manifest.

    Parameters
    ----------
    suite : str
        Key of SUITES, or ``own-<data set>-v1`` over a prepared data set of one's own.
    data_root : Path, optional
        Where data sets lie; see `harness.data.sets.datasets.data_root`.

    Raises
    ------
    UnknownNameError
        If there is no such suite.
    DataError
        If its data are missing or not what they should be.
    RecordMismatchError
        If a pool is not the one that the manifest names.
    """
    opened = make_suite(suite_named(suite, data_root), data_root)
    check_pools(opened.suite.id, opened.identities)
    return opened


def make_suite(suite: Suite, data_root: Path | None = None, *, checked: bool = True) -> OpenSuite:
    """Return a suite with its data, its pools not compared with any manifest.

    Parameters
    ----------
    suite : Suite
        What to open; need not be in SUITES.
    data_root : Path, optional
        Where data sets lie.
    checked : bool, optional
        Whether its splits are to be compared with a committed manifest.
    """
    if suite.folds is not None:
        return _folded(suite, suite.folds, data_root, checked=checked)
    names = dict.fromkeys(cell.partition("-")[0] for cell in suite.cells)
    if len(names) == 1:
        return _one(suite, partition_of(suite), data_root, checked=checked)
    members = {
        name: _one(
            replace(suite, dataset=name),
            f"{partition_of(suite)}|{name}",
            data_root,
            checked=checked,
        )
        for name in names
    }
    return replace(members[suite.dataset], suite=suite, members=members)


def _folded(suite: Suite, folds: int, data_root: Path | None, *, checked: bool) -> OpenSuite:
    """Return a suite each of whose folds is the test pool of cells of its own."""
    members = {}
    for fold in range(folds):
        name = fold_name(suite.dataset, fold)
        one = replace(suite, fold=fold)
        members[name] = _one(one, f"{partition_of(suite)}|{name}", data_root, checked=checked)
    return replace(next(iter(members.values())), suite=suite, members=members)


def _one(suite: Suite, key: str, data_root: Path | None, *, checked: bool) -> OpenSuite:
    """Return a suite over one data set; `key` names its stream of the step ``partition``."""
    dataset, root = facts_of(suite.dataset, data_root), rooted(data_root)
    ours = id_pools(suite, key, data_root)
    ood = [
        ood_pool(suite, name, place, ours.whole, data_root)
        for place, names in (("near", suite.near), ("far", suite.far))
        for name in names
    ]
    open_set_pool = None
    if suite.open_set is not None:
        open_set_pool = ood_pool(suite, suite.open_set, "far", ours.whole, data_root)
    groups = None
    if suite.planted_test is not None:
        ours, ood, groups = planted_pools(ours, ood, suite.planted_test, key)
    truths, absent = _truths(suite, ours.test, root)
    covariate = covariate_pools(suite, ours.test, root)
    return OpenSuite(
        suite,
        dataset,
        ours.train,
        ours.test,
        ours.calibration if len(ours.calibration) else None,
        {pool.name: pool for pool in ood},
        checked,
        Sources(
            ours.train.inputs,
            partial(_people, dataset.name, ours, root),
            0 if open_set_pool is None else len(open_set_pool),
        ),
        open_set_pool,
        covariate=covariate,
        truths=truths,
        absent_truths=absent,
        test_groups=groups,
        origin=ours.origin,
        folds=ours.folds,
        root=root,
    )


def _truths(suite: Suite, test: Pool, root: Path) -> tuple[dict[str, Truth], dict[str, str]]:
    """Return the suite's alternative truths, and why others are absent."""
    assert test.labels is not None, "a test pool has labels"
    names, classes = suite.truths, len(test.class_names)
    return read_truths(names, suite.dataset, test.labels, classes, root)


def _people(dataset: str, ours: IdPools, root: Path, kind: str) -> Int[np.ndarray, " p"]:
    """Return what people said of each row of the training pool."""
    clean, said = human_labels(kind, dataset, root)
    if ours.whole.labels is None or not np.array_equal(clean, ours.whole.labels):
        raise DataError(
            f"Expected the labels of {dataset} train in the order of the people's labels; they "
            "differ. Use the official files: tailmark data prepare " + dataset
        )
    return said[ours.rows]

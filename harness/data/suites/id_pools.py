"""A suite's train, test and calibration pools: rows of its ID data, the same for every seed."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from jaxtyping import Int

from harness.data.formats.files import data_root as rooted
from harness.data.pools.parting import check_covered, grouped_shares, stratified_shares
from harness.data.pools.pools import image_pool, rows_of
from harness.data.sets.datasets import load_part
from harness.data.sets.prepared import load_rows
from harness.data.splits.folds import Folds
from harness.data.splits.spurious import agreement_groups, draw_attributes, planted_pool
from harness.streams import stream
from harness.types import Pool, Suite

Known = Mapping[str, Int[np.ndarray, "..."]]
"""What was noted of the rows of a part: ``source``, ``group``, ``fold``."""
Planted = tuple[Pool, Int[np.ndarray, " n"]]
"""A pool with squares, and where they are."""


@dataclass(frozen=True)
class IdPools:
    """The ID data of a suite over one data set."""

    whole: Pool
    """All that training rows come from, with the classes that the suite leaves out."""
    rows: Int[np.ndarray, " p"]
    """Rows of `whole` that are the training pool."""
    train: Pool
    """What splits draw from."""
    test: Pool
    """The official test part, or a share of `whole`."""
    calibration: Pool
    """Without a row where the suite holds none out."""
    origin: Mapping[str, Int[np.ndarray, " _"]] = field(default_factory=dict)
    """``train``, ``test``, ``calibration`` → row of the data set's own part that each row is; for a
    table of the user's own, row of the file from 0."""
    folds: Folds | None = None
    """Where every row is tested: how the rows are dealt into folds."""


def partition_of(suite: Suite) -> str:
    """Return the suite whose streams part the data: itself, or the one that it parts them as.

    Parameters
    ----------
    suite : Suite
        Its `partition_of` names another suite over the same data.
    """
    return suite.partition_of or suite.id


def id_pools(suite: Suite, key: str, data_root: Path | None) -> IdPools:
    """Return the ID data of a suite over one data set, parted.

    Parameters
    ----------
    suite : Suite
        What to open.
    key : str
        Names the stream of the step ``partition``.
    data_root : Path or None
        Where data sets lie.

    Raises
    ------
    DataError
        If its data are missing or not what they should be.
    """
    folds = suite.crossfit.get(suite.dataset)
    official = suite.test_fraction is None and folds is None
    part = "train" if official else "all"
    whole = load_part(suite.dataset, part, data_root)
    known = _known_rows(suite, whole, part, data_root)
    rows = _everywhere(whole) if folds is not None else _partition(suite, whole, key, known)
    pools = {name: _id_pool(suite, whole, at, name) for name, at in rows.items()}
    if official:
        test = load_part(suite.dataset, "test", data_root)
        rows["test"] = _official_rows(suite, test)
        pools["test"] = (
            test if suite.classes is None else _id_pool(suite, test, rows["test"], "test")
        )
    origin = {name: _in_file(known, at) for name, at in rows.items()}
    if official:
        origin["test"] = _in_file(_known_rows(suite, test, "test", data_root), rows["test"])
    return IdPools(
        whole,
        rows["train"],
        pools["train"],
        pools["test"],
        pools["calibration"],
        origin,
        None if folds is None else Folds(folds, _labels(whole), key, known.get("fold")),
    )


def _everywhere(whole: Pool) -> dict[str, Int[np.ndarray, " m"]]:
    """Return every row for training and for the test: folds keep the two apart."""
    every = np.arange(len(whole))
    return {"train": every, "test": every, "calibration": every[:0]}


def _labels(pool: Pool) -> Int[np.ndarray, " n"]:
    assert pool.labels is not None, "ID data have labels"
    return pool.labels


def _known_rows(suite: Suite, pool: Pool, part: str, data_root: Path | None) -> Known:
    """Return file rows, groups and folds of a table of the user's own; empty for other data."""
    if pool.modality != "table":
        return {}
    return load_rows(rooted(data_root), suite.dataset, part)


def _in_file(known: Known, rows: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    """Return the rows of the file that rows of a part come from: the same where none is noted."""
    return known["source"][rows] if "source" in known else rows


def planted_pools(
    ours: IdPools, ood: list[Pool], agreement: float, key: str
) -> tuple[IdPools, list[Pool], Int[np.ndarray, " n"]]:
    """Return pools whose images carry squares, and the groups of the test images.

    OOD images have no class and get any place alike: a missing square would give them away.

    Parameters
    ----------
    ours : IdPools
        Its training pool is not planted: splits do that.
    ood : list of Pool
        Of uint8 images.
    agreement : float
        Share of test and calibration images whose square is at their class's place.
    key : str
        Names the streams of the step ``corrupt``.
    """
    c = len(ours.test.class_names)

    def planted(pool: Pool, labels: Int[np.ndarray, " n"], share: float) -> Planted:
        words = stream(f"{key}|{pool.name}", 0, "corrupt")
        attributes = draw_attributes(labels, c, share, words)
        return planted_pool(pool, attributes, c), attributes

    test, calibration = ours.test, ours.calibration
    assert test.labels is not None and calibration.labels is not None, "ID data have labels"
    with_squares, attributes = planted(test, test.labels, agreement)
    held_out, _ = planted(calibration, calibration.labels, agreement)
    changed = [planted(pool, np.zeros(len(pool), dtype=np.int64), 1 / c)[0] for pool in ood]
    groups = agreement_groups(test.labels, attributes)
    return replace(ours, test=with_squares, calibration=held_out), changed, groups


def _partition(
    suite: Suite, whole: Pool, key: str, known: Known
) -> dict[str, Int[np.ndarray, " m"]]:
    """Return the rows of train, test and calibration: stratified, the same for every seed.

    Folds and groups of the rows are in `known` where the suite goes by them.
    """
    assert whole.labels is not None, "ID data have labels"
    order = stream(key, 0, "partition").permutation(len(whole.labels))
    shares = {"test": suite.test_fraction or 0.0, "calibration": suite.calibration_fraction}
    test = None
    if suite.fold is not None:
        test = known["fold"] == suite.fold
        shares["test"], order = 0.0, order[~test[order]]
    if suite.group is not None:
        rows = _grouped(whole, known["group"], shares, order)
    else:
        classes = suite.classes or tuple(range(len(whole.class_names)))
        rows = stratified_shares(whole.labels, shares, "train", order, classes)
    return rows if test is None else rows | {"test": np.flatnonzero(test)}


def _grouped(
    whole: Pool, groups: Int[np.ndarray, " n"], shares: dict[str, float], order: np.ndarray
) -> dict[str, Int[np.ndarray, " m"]]:
    """Return parts that share no group; a class without training rows is refused."""
    assert whole.labels is not None, "ID data have labels"
    held = {name: share for name, share in shares.items() if share}
    rows = grouped_shares(whole.labels, groups, held, "train", order)
    test = rows.get("test", order)
    check_covered(
        whole.labels,
        whole.class_names,
        rows["train"],
        test,
        "Its groups are too few or too large to be parted. Prepare the data again without --group, "
        "or with groups that are smaller.",
    )
    return {"test": order[:0], "calibration": order[:0]} | rows


def _id_pool(suite: Suite, whole: Pool, rows: Int[np.ndarray, " n"], name: str) -> Pool:
    """Return rows of the ID data as a pool whose classes are the suite's, numbered from 0."""
    pool = rows_of(whole, rows, name)
    if suite.classes is None:
        return pool
    number = np.full(len(pool.class_names), -1)
    number[list(suite.classes)] = np.arange(len(suite.classes))
    assert pool.labels is not None, "ID data have labels"
    labels, images = number[pool.labels], pool.inputs.take(np.arange(len(pool)))
    return image_pool(name, images, labels, [pool.class_names[k] for k in suite.classes])


def _official_rows(suite: Suite, pool: Pool) -> Int[np.ndarray, " n"]:
    """Return the rows of an official test part that are of the suite's classes."""
    assert pool.labels is not None, "a test part has labels"
    if suite.classes is None:
        return np.arange(len(pool))
    return np.flatnonzero(np.isin(pool.labels, suite.classes))

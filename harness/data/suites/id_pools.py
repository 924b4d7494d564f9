"""A suite's train, test and calibration pools: rows of its ID data, the same for every seed."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from jaxtyping import Int

from harness.data.pools.pools import image_pool, rows_of
from harness.data.sets.datasets import load_part
from harness.data.splits.spurious import agreement_groups, draw_attributes, planted_pool
from harness.streams import stream
from harness.types import Pool, Suite

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
    """``train``, ``test``, ``calibration`` → row of the data set's own part that each row is."""


def partition_of(suite: Suite) -> str:
    """Return the suite whose streams part the data: itself, or the one that it parts them as.

    Parameters
    ----------
    suite : Suite
        Its ``parts["partition_of"]`` names another suite over the same data.
    """
    return str(suite.parts.get("partition_of", suite.id))


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
    official = suite.test_fraction is None
    whole = load_part(suite.dataset, "train" if official else "all", data_root)
    rows = _partition(suite, whole, key)
    pools = {name: _id_pool(suite, whole, at, name) for name, at in rows.items()}
    if official:
        test = load_part(suite.dataset, "test", data_root)
        rows["test"] = _official_rows(suite, test)
        pools["test"] = (
            test if suite.classes is None else _id_pool(suite, test, rows["test"], "test")
        )
    return IdPools(whole, rows["train"], pools["train"], pools["test"], pools["calibration"], rows)


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


def _partition(suite: Suite, whole: Pool, key: str) -> dict[str, Int[np.ndarray, " n"]]:
    """Return the rows of train, test and calibration: stratified, the same for every seed."""
    assert whole.labels is not None, "ID data have labels"
    order = stream(key, 0, "partition").permutation(len(whole.labels))
    parts: dict[str, list[Int[np.ndarray, " m"]]] = {"train": [], "test": [], "calibration": []}
    for k in suite.classes or range(len(whole.class_names)):
        rows = order[whole.labels[order] == k]
        test = int(len(rows) * (suite.test_fraction or 0.0) + 0.5)
        calibration = int(len(rows) * suite.calibration_fraction + 0.5)
        parts["test"].append(rows[:test])
        parts["calibration"].append(rows[test : test + calibration])
        parts["train"].append(rows[test + calibration :])
    return {name: np.sort(np.concatenate(rows)) for name, rows in parts.items()}


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

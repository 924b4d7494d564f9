"""A suite's train, test and calibration pools: rows of its ID data, the same for every seed."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int

from harness.data.datasets import load_part
from harness.data.pools import image_pool, rows_of
from harness.streams import stream
from harness.types import Pool, Suite


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
        pools["test"] = _official_test(suite, load_part(suite.dataset, "test", data_root))
    return IdPools(whole, rows["train"], pools["train"], pools["test"], pools["calibration"])


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


def _official_test(suite: Suite, pool: Pool) -> Pool:
    assert pool.labels is not None, "a test part has labels"
    if suite.classes is None:
        return pool
    rows = np.flatnonzero(np.isin(pool.labels, suite.classes))
    return _id_pool(suite, pool, rows, "test")

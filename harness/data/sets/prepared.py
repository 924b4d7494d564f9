"""The prepared form of a data set: plain arrays beside their fingerprint, read in a moment."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from pydantic import TypeAdapter, ValidationError

from harness.data.pools.pools import fingerprint, image_pool
from harness.data.pools.tables import TableInputs, table_pool
from harness.errors import DataError
from harness.types import DatasetSpec, Pool, Suite

FOLDER = "prepared"
"""Folder below a data root."""
FACTS = "facts.json"
"""File of facts about a data set that this project ships none of."""


def save_facts(root: Path, spec: DatasetSpec) -> None:
    """Write the facts of a data set beside its prepared parts.

    Parameters
    ----------
    root : Path
        Data root.
    spec : DatasetSpec
        Its name is the folder.
    """
    text = json.dumps(asdict(spec), indent=1, sort_keys=True, default=dict)
    (root / FOLDER / spec.name / FACTS).write_text(text + "\n", "utf-8")


@cache
def _facts() -> Any:
    """Return what reads facts; making it takes 11 ms."""
    return TypeAdapter(DatasetSpec)


def own_datasets(root: Path) -> dict[str, DatasetSpec]:
    """Return the data sets below a data root that this project ships no facts of, by name.

    Parameters
    ----------
    root : Path
        Data root.

    Raises
    ------
    DataError
        If a file of facts is damaged.
    """
    found = {}
    for path in sorted((root / FOLDER).glob(f"*/{FACTS}")):
        try:
            found[path.parent.name] = _facts().validate_json(path.read_text("utf-8"))
        except (OSError, ValidationError) as error:
            raise DataError(
                f"Expected the facts of a data set in {path}; they cannot be read "
                f"({str(error).splitlines()[0]}). Delete its folder and prepare it again."
            ) from error
    return found


def prepared_stamp(root: Path, suite: Suite) -> tuple[tuple[str, int, int], ...]:
    """Return path, time of change (ns) and bytes of every prepared file that a suite reads.

    Parameters
    ----------
    root : Path
        Data root.
    suite : Suite
        Its data set, those of its cells and its OOD sets.
    """
    cells = {cell.partition("-")[0] for cell in suite.cells}
    found = []
    for name in sorted({suite.dataset, *cells, *suite.near, *suite.far}):
        for path in sorted((root / FOLDER / name).glob("*")):
            status = path.stat()
            found.append((f"{name}/{path.name}", status.st_mtime_ns, status.st_size))
    return tuple(found)


def save_table(root: Path, name: str, pool: Pool) -> None:
    """Write a table as arrays with its columns; the fingerprint comes last.

    Parameters
    ----------
    root : Path
        Data root.
    name : str
        Data set.
    pool : Pool
        Of a table, with labels; its name is the part.
    """
    table = pool.inputs
    if not isinstance(table, TableInputs) or pool.labels is None:
        raise TypeError(f"{pool.name} is not a labelled table")
    folder = root / FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(
        folder / f"{pool.name}-table.npz",
        numeric=table.numeric,
        categorical=table.categorical,
        labels=pool.labels,
    )
    stamp = {
        "fingerprint": pool.fingerprint,
        "names": table.names,
        "categories": table.categories,
        "class_names": pool.class_names,
    }
    (folder / f"{pool.name}.json").write_text(json.dumps(stamp) + "\n", "utf-8")


def save_rows(root: Path, name: str, part: str, rows: Mapping[str, np.ndarray]) -> None:
    """Write what is known of the rows of a part beside it.

    Parameters
    ----------
    root : Path
        Data root.
    name, part : str
        Data set and part.
    rows : mapping of str to int array of shape (n,)
        ``source``: row of the file from 0; ``group``: group of each row; ``fold``: its fold.
    """
    numbers: dict[str, Any] = {k: np.asarray(v, dtype=np.int64) for k, v in rows.items()}
    np.savez(root / FOLDER / name / f"{part}-rows.npz", **numbers)


def load_rows(root: Path, name: str, part: str) -> dict[str, np.ndarray]:
    """Return what `save_rows` wrote; empty where nothing was written.

    Parameters
    ----------
    root : Path
        Data root.
    name, part : str
        Data set and part.

    Raises
    ------
    DataError
        If the file was damaged since.
    """
    path = root / FOLDER / name / f"{part}-rows.npz"
    if not path.is_file():
        return {}
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise _unreadable(name, part, path.parent, error) from error


def load_prepared_table(root: Path, name: str, part: str) -> Pool:
    """Return a table that `save_table` wrote.

    Parameters
    ----------
    root : Path
        Data root.
    name, part : str
        Data set and part.

    Raises
    ------
    DataError
        If it is not there or was damaged since.
    """
    folder = root / FOLDER / name
    try:
        stamp = json.loads((folder / f"{part}.json").read_text("utf-8"))
        with np.load(folder / f"{part}-table.npz", allow_pickle=False) as arrays:
            inputs = TableInputs(
                arrays["numeric"],
                arrays["categorical"],
                tuple(stamp["names"]),
                tuple(tuple(kinds) for kinds in stamp["categories"]),
            )
            pool = table_pool(part, inputs, arrays["labels"], stamp["class_names"])
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise _unreadable(name, part, folder, error) from error
    if pool.fingerprint != stamp["fingerprint"]:
        raise _unreadable(name, part, folder, "its content changed")
    return pool


def read_prepared(root: Path, spec: DatasetSpec, part: str) -> Pool:
    """Return a part of a data set of the user's own as a pool.

    Parameters
    ----------
    root : Path
        Data root.
    spec : DatasetSpec
        Its facts.
    part : str
        One of its parts.

    Raises
    ------
    DataError
        If it is not there or was damaged since.
    """
    if spec.modality == "table":
        return load_prepared_table(root, spec.name, part)
    found = load_prepared(root, spec.name, part)
    if found is None:
        home = root / FOLDER / spec.name
        raise DataError(
            f"Expected part {part} of {spec.name} in {home}; there is none. Delete the folder and "
            f"prepare it again from {spec.source}."
        )
    images, labels, _ = found
    return image_pool(part, images, labels, spec.class_names)


def _unreadable(name: str, part: str, folder: Path, why: object) -> DataError:
    return DataError(
        f"Expected the prepared form of {name} {part} in {folder}; it cannot be read ({why}). "
        f"Delete the folder and run: tailmark data prepare {name}"
    )


def save_prepared(root: Path, name: str, part: str, images: np.ndarray, labels: np.ndarray) -> None:
    """Write one part as arrays; the fingerprint comes last, so that half is never taken for whole.

    Parameters
    ----------
    root : Path
        Data root.
    name, part : str
        Data set and part.
    images : uint8 array of shape (n, h, w, c)
        As the pool holds them.
    labels : int array of shape (n,)
        Clean labels.
    """
    folder = root / FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    labels = labels.astype(np.int64)
    np.save(folder / f"{part}-images.npy", images, allow_pickle=False)
    np.save(folder / f"{part}-labels.npy", labels, allow_pickle=False)
    stamp = {"fingerprint": fingerprint(images, labels), "shape": list(images.shape)}
    (folder / f"{part}.json").write_text(json.dumps(stamp) + "\n", "utf-8")


def load_prepared(root: Path, name: str, part: str) -> tuple[np.ndarray, np.ndarray, str] | None:
    """Return images, labels and the fingerprint they were written with; None when not prepared.

    Parameters
    ----------
    root : Path
        Data root.
    name, part : str
        Data set and part.

    Raises
    ------
    DataError
        If a file was damaged since.
    """
    folder = root / FOLDER / name
    stamp = folder / f"{part}.json"
    if not stamp.is_file():
        return None
    try:
        expected = json.loads(stamp.read_text("utf-8"))["fingerprint"]
        images = np.load(folder / f"{part}-images.npy", allow_pickle=False)
        labels = np.load(folder / f"{part}-labels.npy", allow_pickle=False)
    except (OSError, ValueError, KeyError) as error:
        raise _unreadable(name, part, folder, error) from error
    return images, labels, expected

"""Files that hold tables: text with separators, Parquet and Arrow, OpenML's, scikit-learn's own."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.data.formats.arrow_files import from_arrow, is_arrow, read_arrow
from harness.data.formats.delimited import read_delimited
from harness.data.formats.index_columns import without_counters
from harness.data.formats.raw_table import RawTable, Reading
from harness.errors import DataError, DownloadError

if TYPE_CHECKING:
    import pandas as pd


def read_table(path: Path, reading: Reading = Reading()) -> RawTable:  # noqa: B008  (frozen)
    """Return a file as a table.

    Parameters
    ----------
    path : Path
        Parquet or Arrow by its first bytes or the end of its name, else text: plain or packed
        (``.gz``, ``.xz``, ``.bz2``, ``.zip``), with commas, semicolons, tabs, bars or blanks
        between values.
    reading : Reading, optional
        What its owner says of it.

    Raises
    ------
    DataError
        If the file is missing, damaged, ragged, empty, or another kind of file.
    """
    raw = read_arrow(path, reading) if is_arrow(path) else read_delimited(path, reading)
    return without_counters(raw, reading)


def read_openml(
    data_id: int, root: Path, *, target: str = "", download: bool = False
) -> tuple[RawTable, dict[str, str]]:
    """Return a data set of OpenML, and what OpenML says of it.

    Parameters
    ----------
    data_id : int
        Its number on openml.org.
    root : Path
        Data root; files are kept in ``<root>/openml`` as scikit-learn lays them out.
    target : str, optional
        Column to predict; empty: the one that OpenML names.
    download : bool, default=False
        Whether it may be fetched; otherwise it must be there.

    Returns
    -------
    tuple
        The table, whose `last` is the target, and OpenML's description: ``name``, ``licence``,
        ``citation``, … where given.

    Raises
    ------
    DataError
        If it is not there, pandas is missing, or OpenML names no target.
    DownloadError
        If it cannot be fetched.
    """
    from sklearn.datasets import fetch_openml

    home = root / "openml"
    if not download and not (home / f"openml.org/api/v1/json/data/{data_id}.gz").is_file():
        raise DataError(
            f"Expected OpenML's data set {data_id} in {home}; there is none. "
            f"Run: tailmark data prepare openml:{data_id}"
        )
    try:
        got = fetch_openml(
            data_id=data_id,
            data_home=str(root),
            as_frame=True,
            parser="auto",
            n_retries=3 if download else 1,
        )
    except ImportError:
        raise DataError("OpenML needs pandas. Run: pip install 'tailmark[tabular]'") from None
    except (OSError, ValueError, EOFError, KeyError) as error:
        raise DownloadError(
            f"Expected OpenML's data set {data_id}; got: {error}. Check the number and the "
            f"network, delete {home} if a file in it is damaged, and try again."
        ) from error
    if not target and len(got.target_names) != 1:
        raise DataError(
            f"Expected OpenML's data set {data_id} to name one target; it names "
            f"{', '.join(map(str, got.target_names)) or 'none'}. Name one with --target."
        )
    named = target or str(got.target_names[0])
    table = replace(from_frame(got.frame, f"OpenML's data set {data_id}"), last=named)
    return table, {str(key): str(value) for key, value in got.details.items()}


def from_frame(frame: "pd.DataFrame", source: str) -> RawTable:
    """Return a pandas frame as a table, without its index.

    Parameters
    ----------
    frame : DataFrame
        One example in each row.
    source : str
        What to call the table in messages.

    Raises
    ------
    DataError
        If pyarrow is missing, or a column holds values of several kinds.
    """
    try:
        import pyarrow as pa
    except ImportError:
        raise DataError(
            "Data frames are read through pyarrow. Run: pip install 'tailmark[tabular]' pyarrow"
        ) from None
    named = frame.rename(columns=str)
    try:
        return from_arrow(pa.Table.from_pandas(named, preserve_index=False), source)
    except (pa.ArrowException, ValueError) as error:
        raise DataError(
            f"Expected values of one kind in each column of {source}; got: "
            f"{str(error).splitlines()[0]}. Convert the column, or leave it out."
        ) from error


def read_sklearn(name: str) -> RawTable:
    """Return one of the tables that come with scikit-learn, its target last.

    Parameters
    ----------
    name : {"breast_cancer", "wine", "iris"}
        Which of them.
    """
    from sklearn import datasets

    loaded = getattr(datasets, f"load_{name}")()
    columns = {
        str(c): np.asarray(loaded.data[:, k], dtype=np.float64)
        for k, c in enumerate(loaded.feature_names)
    }
    words = [str(loaded.target_names[k]) for k in loaded.target]
    return RawTable(f"scikit-learn's {name}", {**columns, "target": words}, last="target")

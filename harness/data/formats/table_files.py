"""Files that hold tables: CSV (plain or packed), Parquet, OpenML's, and scikit-learn's own."""

import bz2
import csv
import gzip
import lzma
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.data.pools.tables import make_table
from harness.errors import DataError, DownloadError
from harness.types import Pool

if TYPE_CHECKING:
    import pandas as pd


def read_csv(path: Path, target: str | None = None, *, header: bool = True) -> Pool:
    """Return a CSV file as a pool.

    Parameters
    ----------
    path : Path
        Plain or packed (``.gz``, ``.xz``, ``.bz2``); comma, semicolon or tab between values.
    target : str, optional
        Name of the column to predict; None: the last one.
    header : bool, default=True
        Whether the first line has the names; without, columns are ``c1``, ``c2``, …

    Raises
    ------
    DataError
        If the file is missing, damaged, ragged or a web page, or the target will not do.
    """
    lines = _lines(path)
    reader = csv.reader(lines, delimiter=_delimiter(lines), skipinitialspace=True)
    rows = [_unquoted(row) for row in reader if row]
    if header and rows:
        names, rows = [name.strip() for name in rows[0]], rows[1:]
    else:
        names = [f"c{k}" for k in range(1, len(rows[0]) + 1)] if rows else []
    if not rows:
        raise DataError(f"Expected rows of values in {path}; there is none. Name another file.")
    for number, row in enumerate(rows, start=1 + header):
        if len(row) != len(names):
            raise DataError(
                f"Expected {len(names)} values in line {number} of {path}; got {len(row)}. "
                "Mend the line, or fetch the file again."
            )
    columns = {name: [row[k] for row in rows] for k, name in enumerate(names)}
    return make_table(columns, names[-1] if target is None else target, str(path))


def _unquoted(row: list[str]) -> list[str]:
    """Return values without the single quotes that some UCI files have around words."""
    if not any(value.startswith("'") for value in row):
        return row
    return [v[1:-1] if len(v) > 1 and v[0] == v[-1] == "'" else v for v in row]


def _lines(path: Path) -> list[str]:
    openers: dict[str, Any] = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}
    try:
        with openers.get(path.suffix, open)(path, "rt", encoding="utf-8") as handle:
            text = str(handle.read())
    except (OSError, EOFError, UnicodeDecodeError, lzma.LZMAError) as error:
        raise DataError(
            f"Expected a whole CSV file at {path}; got: {error}. Fetch it again or name another."
        ) from error
    if text[:64].lstrip().lower().startswith(("<!doctype html", "<html")):
        raise DataError(
            f"Expected a CSV file at {path}; got a web page. Delete it and fetch it again."
        )
    return text.splitlines()


def _delimiter(lines: list[str]) -> str:
    """Return the separator that the first line has most of."""
    first = next((line for line in lines if line.strip()), "")
    return max(",;\t", key=first.count)


def read_parquet(path: Path, target: str) -> Pool:
    """Return a Parquet file as a pool.

    Parameters
    ----------
    path : Path
        A Parquet file.
    target : str
        Name of the column to predict.

    Raises
    ------
    DataError
        If pandas or pyarrow is missing, the file is damaged, or the target will not do.
    """
    try:
        import pandas as pd

        frame = pd.read_parquet(path)
    except ImportError:
        raise DataError(
            "Parquet files need pandas and pyarrow. Run: pip install 'tailmark[tabular]' pyarrow"
        ) from None
    except (OSError, ValueError) as error:
        raise DataError(
            f"Expected a Parquet file at {path}; got: {error}. Fetch it again or name another."
        ) from error
    return from_frame(frame, target, str(path))


def read_openml(
    data_id: int, root: Path, *, target: str = "", download: bool = False
) -> tuple[Pool, dict[str, str]]:
    """Return a data set of OpenML as a pool, and what OpenML says of it.

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
        The pool, and OpenML's description: ``name``, ``licence``, ``citation``, … where given.

    Raises
    ------
    DataError
        If it is not there, pandas is missing, or the target will not do.
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
    pool = from_frame(got.frame, named, f"OpenML's data set {data_id}")
    return pool, {str(key): str(value) for key, value in got.details.items()}


def from_frame(frame: "pd.DataFrame", target: str, source: str) -> Pool:
    """Return a pandas frame as a pool.

    Parameters
    ----------
    frame : DataFrame
        One row an example.
    target : str
        Name of the column to predict.
    source : str
        What to call the table in messages.

    Raises
    ------
    DataError
        If the target will not do.
    """
    holes = frame.isna()
    columns = {
        str(name): [
            "" if hole else str(value) for value, hole in zip(frame[name], holes[name], strict=True)
        ]
        for name in frame.columns
    }
    return make_table(columns, target, source)


def read_sklearn(name: str) -> Pool:
    """Return one of the tables that come with scikit-learn as a pool.

    Parameters
    ----------
    name : {"breast_cancer", "wine", "iris"}
        Which of them.
    """
    from sklearn import datasets

    loaded = getattr(datasets, f"load_{name}")()
    columns = {
        str(c): [repr(float(v)) for v in loaded.data[:, k]]
        for k, c in enumerate(loaded.feature_names)
    }
    columns["target"] = [str(loaded.target_names[k]) for k in loaded.target]
    return make_table(columns, "target", f"scikit-learn's {name}")

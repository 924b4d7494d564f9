"""Predictions in CSV and Parquet files: one row per input, one column per class.

Columns are named ``probs_<class>`` or ``logits_<class>``, by the class name or number alone (then
what they hold shows in their sums), or one list column ``probs`` or ``logits`` of a Parquet file;
beside them ``row`` or ``id``, or instead of them ``pred`` with ``conf``.
"""

import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from harness.errors import PredictionsError
from harness.lookup import closest
from harness.models.safe.npz import UNNAMED

SINGLE = ("row", "id", "pred", "conf", "label")
"""Columns that are not a class's."""
_PREFIX = re.compile(r"(probs|logits)[_.:](.+)")
MAX_TEXT = 1 << 30
"""Largest CSV file in bytes that is read."""
MAX_PARQUET = 4 << 30
"""Most bytes that a Parquet file may hold after unpacking."""


def read_table(path: Path, class_names: Sequence[str] | None) -> dict[str, np.ndarray]:
    """Return the arrays of a CSV or Parquet file of predictions, as an npz would hold them.

    Parameters
    ----------
    path : Path
        ``.csv`` or ``.parquet``.
    class_names : sequence of str or None
        Of the suite: columns with a class's bare name are recognised by them. None: only
        prefixed ones are.

    Returns
    -------
    dict of str to array
        Keys of `harness.models.safe.npz.MEMBERS`, or `UNNAMED` for a matrix that may be either;
        ``classes`` where columns are named by class.

    Raises
    ------
    PredictionsError
        If the file is damaged, a column is unknown, or a value is not a number.
    """
    columns = _read_csv(path) if path.suffix == ".csv" else _read_parquet(path)
    return _arrays(columns, path.name, class_names)


def _read_csv(path: Path) -> dict[str, np.ndarray]:
    if path.stat().st_size > MAX_TEXT:
        raise PredictionsError(
            f"{path.name} has {path.stat().st_size:,} bytes and at most {MAX_TEXT:,} of a CSV file "
            "are read. Save the arrays with numpy.savez."
        )
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (UnicodeDecodeError, OSError) as error:
        raise PredictionsError(
            f"{path.name} must be a CSV file in UTF-8; got: {error}. Save it as UTF-8."
        ) from None
    lines = text.splitlines()
    head = next((line for line in lines if line.strip()), "")
    try:
        rows = [r for r in csv.reader(lines, delimiter=max(",;\t", key=head.count)) if r]
    except csv.Error as error:
        raise PredictionsError(
            f"{path.name} must be a CSV file; got: {error}. Write it again."
        ) from None
    if rows and all(len(row) == 1 for row in rows) and re.fullmatch(r"\s*\d+\s*", rows[0][0]):
        rows.insert(0, ["pred"])  # one predicted class a line and no name, as WILDS has them
    if len(rows) < 2:
        raise PredictionsError(
            f"{path.name} must have a line of column names and one line per input; got "
            f"{len(rows)} lines. Write it again."
        )
    names = [name.strip() for name in rows[0]]
    _check_names(names, path.name)
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(names):
            raise PredictionsError(
                f"{path.name} must have {len(names)} values in every line; line {number} has "
                f"{len(row)}. Write it again."
            )
    body = np.array(rows[1:], dtype=str)
    return {name: np.char.strip(body[:, k]) for k, name in enumerate(names)}


def _check_names(names: Sequence[str], source: str) -> None:
    double = sorted({name for name in names if names.count(name) > 1})
    if double:
        raise PredictionsError(
            f"{source}: every column has a name of its own; {double[0]!r} stands twice. Rename one."
        )


def _read_parquet(path: Path) -> dict[str, np.ndarray]:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise PredictionsError(
            f"Reading {path.name} needs pyarrow, which is not installed. Run: pip install pyarrow, "
            "or save the arrays with numpy.savez."
        ) from None
    try:
        with parquet.ParquetFile(path) as file:
            facts = file.metadata
            total = sum(
                facts.row_group(g).column(c).total_uncompressed_size
                for g in range(facts.num_row_groups)
                for c in range(facts.num_columns)
            )
            if total > MAX_PARQUET or facts.num_rows * facts.num_columns > MAX_PARQUET // 8:
                raise PredictionsError(
                    f"{path.name} would unpack to {total:,} bytes and {facts.num_rows:,} rows, "
                    f"more than the {MAX_PARQUET:,} bytes that are read. Save one row per input."
                )
            table = file.read()
    except (pa.ArrowException, OSError, ValueError) as error:
        first = str(error).splitlines()[0]
        raise PredictionsError(
            f"{path.name} must be a Parquet file; got: {first}. Write it again."
        ) from None
    _check_names(table.column_names, path.name)
    return {name: _from_arrow(table[name], name, path.name) for name in table.column_names}


def _from_arrow(column: "object", name: str, source: str) -> np.ndarray:
    """Return a column as numbers, text, or a matrix where it holds lists of one length."""
    import pyarrow as pa

    chunked = column.combine_chunks()  # type: ignore[attr-defined]
    array = chunked if isinstance(chunked, pa.Array) else pa.concat_arrays(chunked.chunks)
    if array.null_count:
        raise PredictionsError(
            f"{source}: column {name!r} has {array.null_count:,} empty values. Give every input "
            "a value."
        )
    kind = array.type
    if pa.types.is_dictionary(kind):
        array = array.dictionary_decode()
        kind = array.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _matrix(array, name, source)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return np.array(array.to_pylist(), dtype=str)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return np.asarray(array.to_numpy(zero_copy_only=False))
    raise PredictionsError(
        f"{source}: column {name!r} must hold numbers, text or lists of numbers; got {kind}. "
        "Convert it before saving."
    )


def _matrix(array: "object", name: str, source: str) -> np.ndarray:
    import pyarrow as pa
    from pyarrow import compute

    lengths = set(compute.list_value_length(array).to_pylist())
    if len(lengths) != 1:
        raise PredictionsError(
            f"{source}: column {name!r} must hold lists of one length, one value per class; got "
            f"lengths {min(lengths)} … {max(lengths)}. Write every class in every row."
        )
    flat = array.flatten()  # type: ignore[attr-defined]
    if flat.null_count or not (pa.types.is_floating(flat.type) or pa.types.is_integer(flat.type)):
        raise PredictionsError(
            f"{source}: column {name!r} must hold lists of numbers; got {flat.type}"
            f"{' with empty values' if flat.null_count else ''}. Convert it before saving."
        )
    values = flat.to_numpy(zero_copy_only=False).reshape(-1, lengths.pop())
    return np.asarray(values, dtype=np.float64 if values.dtype.kind in "iu" else values.dtype)


def _arrays(
    columns: Mapping[str, np.ndarray], source: str, class_names: Sequence[str] | None
) -> dict[str, np.ndarray]:
    """Sort columns into arrays: single ones, list columns, and one matrix of the class columns."""
    arrays: dict[str, np.ndarray] = {}
    by_class: dict[str, dict[str, np.ndarray]] = {}
    for name, values in columns.items():
        if values.ndim == 2:
            if name not in ("logits", "probs", "features"):
                raise _unknown(name, source, class_names)
            arrays[name] = values
        elif name in SINGLE and name not in (class_names or ()):
            arrays[name] = (
                _number_or_text(values) if name != "conf" else _floats(values, name, source)
            )
        elif match := _PREFIX.fullmatch(name):
            by_class.setdefault(match[1], {})[match[2]] = _floats(values, name, source)
        elif class_names is not None and (name in class_names or _is_number(name, class_names)):
            by_class.setdefault(UNNAMED, {})[name] = _floats(values, name, source)
        else:
            raise _unknown(name, source, class_names)
    if len(by_class) > 1:
        raise PredictionsError(
            f"{source} names class columns in {len(by_class)} ways "
            f"({', '.join(sorted(by_class))}); expected one. Leave one out."
        )
    for kind, found in by_class.items():
        arrays[kind] = np.stack(list(found.values()), axis=1)
        arrays["classes"] = np.array(list(found), dtype=str)
    return arrays


def _is_number(name: str, class_names: Sequence[str]) -> bool:
    return name.isascii() and name.isdigit() and int(name) < len(class_names)


def _unknown(name: str, source: str, class_names: Sequence[str] | None) -> PredictionsError:
    if name.strip() == "" or name.startswith("Unnamed"):
        return PredictionsError(
            f"{source}: expected a name for every column; got {name!r}. If it counts the rows, "
            "name it 'row'; else leave it out (pandas: index=False)."
        )
    near = closest(name, [*SINGLE, "logits", "probs", *(class_names or ())])
    example = (class_names or ("cat",))[0]
    return PredictionsError(
        f"{source}: expected columns {', '.join(SINGLE)}, probs_<class> or logits_<class> such as "
        f"'probs_{example}'; got {name[:80]!r}. "
        + (f"Did you mean {near!r}?" if near else "Rename it or leave it out.")
    )


def _number_or_text(values: np.ndarray) -> np.ndarray:
    """Return whole numbers where a text column holds nothing else."""
    if values.dtype.kind != "U":
        return values
    if all(re.fullmatch(r"[+-]?\d{1,18}", value) for value in values.tolist()):
        return values.astype(np.int64)
    return values


def _floats(values: np.ndarray, name: str, source: str) -> np.ndarray:
    if values.dtype.kind == "f":
        return values
    if values.dtype.kind in "iu":
        return values.astype(np.float64)
    try:
        return values.astype(np.float64)
    except ValueError:
        at = next(k for k, value in enumerate(values.tolist()) if not _is_float(value))
        comma = " Write a point as decimal mark." if "," in str(values[at]) else ""
        raise PredictionsError(
            f"{source}: column {name!r} must hold numbers; line {at + 2} holds "
            f"{str(values[at])[:40]!r}.{comma or ' Write a number there.'}"
        ) from None


def _is_float(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True

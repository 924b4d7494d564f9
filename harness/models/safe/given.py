"""Files of given predictions: npz, npy, CSV and Parquet, brought into the suite's order."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from harness.errors import PredictionsError
from harness.models.safe.npz import UNNAMED, check_declared, named_alone, read_npy, read_npz
from harness.models.safe.order import class_numbers, class_order, row_numbers, sorting
from harness.models.safe.prediction_tables import read_table
from harness.models.safe.predictions import KINDS, from_arrays, kind_of, validate
from harness.models.safe.values import check_finite, checked_probs, remarks
from harness.types.data import Pool
from harness.types.models import Predictions

FORMATS = (".npz", ".npy", ".csv", ".parquet")
"""Suffixes of files of predictions."""
NOTES = "notes"
"""Key of `Predictions.numerics` under which a reader's remarks stand."""


def read_predictions(path: Path, pool: Pool, class_names: Sequence[str]) -> Predictions:
    """Return the predictions of a file about one pool, checked and in the suite's order.

    Parameters
    ----------
    path : Path
        One of `FORMATS`; docs/predictions.md says what each may hold.
    pool : Pool
        What it is about.
    class_names : sequence of str
        The suite's, in its order.

    Returns
    -------
    Predictions
        Rows increasing. ``numerics["notes"]`` lists what a reader should know, if anything.

    Raises
    ------
    PredictionsError
        If the file is unsafe, or its arrays are not predictions for this pool.
    """
    arrays, notes = in_suite_order(
        read_arrays(path, pool, class_names), pool, class_names, path.name
    )
    found = from_arrays(arrays, path.name)
    validate(found, pool, len(class_names), source=path.name)
    return replace(found, numerics={NOTES: notes}) if notes else found


def read_arrays(
    path: Path, pool: Pool | None, class_names: Sequence[str] | None
) -> dict[str, np.ndarray]:
    """Return what a file of predictions holds, under the names that an npz would give it.

    Parameters
    ----------
    path : Path
        One of `FORMATS`.
    pool : Pool or None
        What it should be about; None: whatever it says.
    class_names : sequence of str or None
        The suite's, where it is known.

    Raises
    ------
    PredictionsError
        If the suffix is another, or the file is damaged, hostile or of another shape.
    """
    c = None if class_names is None else len(class_names)
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise PredictionsError(
            f"{path.name} must be one of {', '.join(FORMATS)}; got {suffix or 'no suffix'!r}. "
            "Save the arrays with numpy.savez."
        )
    if not path.is_file():
        raise PredictionsError(
            f"{path.name} must be a regular file; got a folder, a pipe or nothing. Save it again."
        )
    if suffix == ".npz":
        return read_npz(path, pool=pool, num_classes=c)
    if suffix == ".npy":
        arrays = named_alone(read_npy(path, pool=pool))
    else:
        arrays = read_table(path, class_names)
    named = bool({"row", "id"} & set(arrays))
    for name, array in arrays.items():
        shown = "logits" if name == UNNAMED else name
        check_declared(path.name, shown, array.shape, array.dtype, pool, c, named=named)
    return arrays


def in_suite_order(
    arrays: Mapping[str, np.ndarray], pool: Pool, class_names: Sequence[str], source: str
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Return arrays with rows and columns in the suite's order, and remarks about them.

    Parameters
    ----------
    arrays : mapping of str to array
        Keys of `harness.models.safe.npz.MEMBERS`, or `UNNAMED`.
    pool : Pool
        What they are about.
    class_names : sequence of str
        The suite's.
    source : str
        What error sentences call the file.

    Raises
    ------
    PredictionsError
        If rows, classes or values are not what they should be.
    """
    found, notes = dict(arrays), []
    if UNNAMED in found:
        unnamed = found.pop(UNNAMED)
        found[_told_apart(unnamed, source)] = unnamed
    several = "logits" in found or "probs" in found
    kind_of({name: a for name, a in found.items() if name != "pred" or not several}, source)
    _check_lengths(found, source)
    order = _in_class_order(found, class_names, source)
    _in_row_order(found, pool, source)
    for kind in ("logits", "probs"):
        if kind in found:
            check_finite(found[kind], kind, source)
            notes += remarks(found[kind], kind, source)
    if "probs" in found:
        found["probs"], note = checked_probs(found["probs"], source)
        notes += [note] if note else []
    if "label" in found:
        notes += _compared(found.pop("label"), pool, class_names, source, order)
    if several and "pred" in found:
        _agree(found.pop("pred"), found, source)
    return found, notes


def _told_apart(values: np.ndarray, source: str) -> str:
    """Return whether a matrix without a name holds probabilities or logits."""
    check_finite(values, "values", source)
    if (values < 0).any():
        return "logits"
    sums = values.sum(axis=1, dtype=np.float64)
    if len(sums) and np.abs(sums - 1).max() <= 0.01:
        return "probs"
    worst = float(sums[np.argmax(np.abs(sums - 1))]) if len(sums) else 0.0
    raise PredictionsError(
        f"{source} does not say whether it holds logits or probabilities: no value is negative and "
        f"a row sums to {worst:.4g}. Name them: numpy.savez(path, logits=…) or probs=…; in a table "
        "name the columns logits_<class> or probs_<class>."
    )


def _check_lengths(arrays: Mapping[str, np.ndarray], source: str) -> None:
    """Refuse arrays of different numbers of rows."""
    rows = {name: len(array) for name, array in arrays.items() if name != "classes"}
    if len(set(rows.values())) > 1:
        main = next((name for name in (*KINDS, *rows) if name in rows), "")
        other = next(name for name, n in rows.items() if n != rows[main])
        raise PredictionsError(
            f"{source}: {other} has {rows[other]:,} rows, {main} has {rows[main]:,}. "
            "Write one row of each per image."
        )


def _in_class_order(
    arrays: dict[str, np.ndarray], class_names: Sequence[str], source: str
) -> list[str] | None:
    """Put columns into the suite's order, turn names into numbers; return the file's own order."""
    names = arrays.pop("classes", None)
    order = None if names is None else [str(name) for name in names.tolist()]
    if order is not None:
        place = class_order(np.array(order, dtype=str), class_names, source)
        for kind in ("logits", "probs"):
            if kind in arrays:
                arrays[kind] = arrays[kind][:, place]
    if "pred" in arrays:
        arrays["pred"] = class_numbers(arrays["pred"], "pred", class_names, source, order)
    return order


def _in_row_order(arrays: dict[str, np.ndarray], pool: Pool, source: str) -> None:
    """Sort everything by row; refuse rows that are not each of the pool's once."""
    given = [name for name in ("row", "id") if name in arrays]
    if len(given) > 1:
        raise PredictionsError(
            f"{source}: rows are named by 'row' or by 'id'; got both. Leave one out."
        )
    if not given:
        return
    row = row_numbers(arrays.pop(given[0]), given[0], pool, source)
    at = sorting(row, pool, source, given[0])
    for name, array in arrays.items():
        arrays[name] = array[at]
    arrays["row"] = row[at]


def _compared(
    label: np.ndarray,
    pool: Pool,
    class_names: Sequence[str],
    source: str,
    order: list[str] | None,
) -> list[str]:
    """Compare a file's own labels with the pool's, which shows whether rows are in its order."""
    if pool.labels is None:
        return []
    try:
        said = class_numbers(label, "label", class_names, source, order)
    except PredictionsError as error:
        return [f"{error} The suite's own labels are used."]
    same = int((said == pool.labels).sum())
    if same == len(said):
        return []
    return [
        f"{source}: its 'label' agrees with the suite's labels in {same:,} of {len(said):,} rows. "
        "Are the rows in the suite's order and the classes numbered as the suite's? Give 'row' "
        "and 'classes'; the suite's labels are used."
    ]


def _agree(pred: np.ndarray, arrays: Mapping[str, np.ndarray], source: str) -> None:
    kind = "logits" if "logits" in arrays else "probs"
    values = arrays[kind]
    top = values[np.arange(len(values)), pred] < values.max(axis=1)
    if top.any():
        raise PredictionsError(
            f"{source}: pred must be the class of the largest of {kind}; row "
            f"{int(np.flatnonzero(top)[0]):,} is another. Leave 'pred' out, or give it alone."
        )

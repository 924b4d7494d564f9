"""From the order that a file of predictions has to the suite's: rows by number or id, columns and
classes by name.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int, Int64, Shaped

from harness.errors import PredictionsError
from harness.lookup import closest
from harness.types.data import Pool

NAMED_AT_MOST = 3
"""Rows that a sentence names of those that are missing."""


def class_order(
    classes: Shaped[np.ndarray, " c"], class_names: Sequence[str], source: str
) -> Int64[np.ndarray, " c"]:
    """Return where each class of the suite stands among the names that a file gives.

    Parameters
    ----------
    classes : array of shape (c,)
        Names in the order of the file's columns; class numbers as text will do.
    class_names : sequence of str
        The suite's, in its order.
    source : str
        What error sentences call the file.

    Returns
    -------
    int64 array of shape (c,)
        ``values[:, order]`` has the suite's columns.

    Raises
    ------
    PredictionsError
        If a name is unknown, missing or twice there.
    """
    given = [str(name) for name in classes.tolist()]
    known = list(class_names)
    if set(given) != set(known) and set(given) <= {str(k) for k in range(len(known))}:
        known = [str(k) for k in range(len(known))]
    for name in given:
        if name not in known:
            near = closest(name, known)
            hint = f"Did you mean {near!r}?" if near else "Use the suite's names."
            raise PredictionsError(
                f"{source}: {name[:80]!r} is not a class of the suite, whose classes are "
                f"{_some(known)}. {hint}"
            )
        if given.count(name) > 1:
            raise PredictionsError(
                f"{source}: the class {name!r} has {given.count(name)} columns and should have "
                "one. Leave the double one out."
            )
    if missing := [name for name in known if name not in given]:
        raise PredictionsError(
            f"{source}: the suite's class {missing[0]!r} has no column; {len(given)} of "
            f"{len(known)} classes have one. Write one column per class, 0 where a class is never "
            "predicted."
        )
    return np.array([given.index(name) for name in known], dtype=np.int64)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (", …" if len(names) > 8 else "")


def class_numbers(
    given: Shaped[np.ndarray, " n"],
    array: str,
    class_names: Sequence[str],
    source: str,
    order: Sequence[str] | None = None,
) -> Int64[np.ndarray, " n"]:
    """Return predicted classes, given as numbers or names, as the suite's class numbers.

    Parameters
    ----------
    given : array of shape (n,)
        Whole numbers (also as float), or names.
    array : str
        Its name in the file.
    class_names : sequence of str
        The suite's.
    source : str
        What error sentences call the file.
    order : sequence of str, optional
        The file's own order of classes, which its numbers count; default: the suite's.

    Raises
    ------
    PredictionsError
        If a name is unknown or a number is out of range; the first such row is named.
    """
    c = len(class_names)
    if given.dtype.kind in "US":
        texts = given.astype(str)
        number = {name: k for k, name in enumerate(class_names)}
        names, inverse = np.unique(texts, return_inverse=True)
        found = np.array([number.get(name, -1) for name in names.tolist()], dtype=np.int64)
        if (found < 0).any():
            wrong = str(names[found < 0][0])
            row = int(np.flatnonzero(texts == wrong)[0])
            near = closest(wrong, class_names)
            hint = f"Did you mean {near!r}?" if near else "Use the suite's names or 0 … C−1."
            raise PredictionsError(
                f"{source}: {array} must hold classes of the suite, {_some(class_names)}; row "
                f"{row:,} holds {wrong[:80]!r}. {hint}"
            )
        return found[inverse]
    numbers = whole_numbers(given, array, source)
    bad = np.flatnonzero((numbers < 0) | (numbers >= c))
    if len(bad):
        one = numbers.min() == 1 and numbers.max() == c
        raise PredictionsError(
            f"{source}: {array} must lie in 0 … {c - 1}; row {bad[0]:,} holds {numbers[bad[0]]:,}. "
            + (
                f"They count from 1: subtract 1 from {array}."
                if one
                else "Map them to the suite's classes, or give class names."
            )
        )
    if order is None:
        return numbers
    place = class_order(np.array(list(order), dtype=str), class_names, source)
    return np.argsort(place)[numbers]


def whole_numbers(
    given: Shaped[np.ndarray, " n"], array: str, source: str
) -> Int64[np.ndarray, " n"]:
    """Return integers, or floats that are whole, as int64.

    Raises
    ------
    PredictionsError
        If one is not whole.
    """
    if given.dtype.kind == "f":
        bad = np.flatnonzero(~(np.abs(given) < 2.0**53) | (given != np.floor(given)))
        if len(bad):
            raise PredictionsError(
                f"{source}: {array} must hold whole numbers; entry {bad[0]:,} is "
                f"{given[bad[0]]}. Save it as int64."
            )
    elif given.dtype.kind == "u" and len(given) and given.max() > np.iinfo(np.int64).max:
        raise PredictionsError(
            f"{source}: {array} must hold whole numbers below 2^63; got {given.max()}. "
            "Save it as int64."
        )
    return given.astype(np.int64)


def row_numbers(
    given: Shaped[np.ndarray, " n"], array: str, pool: Pool | None, source: str
) -> Int64[np.ndarray, " n"]:
    """Return what a file says of its rows as row numbers of the pool.

    Parameters
    ----------
    given : array of shape (n,)
        Row numbers as integers, whole floats or digits; or ids: paths or names of files.
    array : str
        ``row`` or ``id``.
    pool : Pool or None
        What it should be about; None: ids cannot be looked up and only numbers are taken.
    source : str
        What error sentences call the file.

    Raises
    ------
    PredictionsError
        If an id is not the pool's, or a number is not whole.
    """
    if given.dtype.kind not in "US":
        return whole_numbers(given, array, source)
    texts = given.astype(str)
    ids = {} if pool is None else _ids(pool)
    if ids and any(text in ids for text in texts.tolist()[:1]):
        return _looked_up(texts, ids, array, source)
    if all(text.isascii() and text.isdigit() and len(text) < 19 for text in texts.tolist()):
        return texts.astype(np.int64)
    if ids:
        return _looked_up(texts, ids, array, source)
    wrong = next(text for text in texts.tolist() if not text.isdigit())
    raise PredictionsError(
        f"{source}: {array} must hold row numbers from 0"
        + ("" if pool is None else f", for the pool {pool.name} has no ids")
        + f"; got {wrong[:80]!r}. Take 'row' from: tailmark data rows SUITE -o rows.csv"
    )


def _ids(pool: Pool) -> dict[str, int]:
    """Return id → row: paths of a pool of files, and their names where these are unique."""
    paths: Sequence[str] = getattr(pool.inputs, "paths", ())
    found: dict[str, int] = {}
    for short in (lambda p: p, lambda p: p.rpartition("/")[2], _stem):
        names = [short(path) for path in paths]
        if len(set(names)) == len(names):
            found = {name: row for row, name in enumerate(names)} | found
    return found


def _stem(path: str) -> str:
    return path.rpartition("/")[2].rpartition(".")[0]


def _looked_up(
    texts: np.ndarray, ids: dict[str, int], array: str, source: str
) -> Int64[np.ndarray, " n"]:
    wrong = next((text for text in texts.tolist() if text not in ids), None)
    if wrong is not None:
        near = closest(wrong, list(ids)[:2000])
        raise PredictionsError(
            f"{source}: {array} must hold paths or names of the pool's files; got {wrong[:80]!r}. "
            + (f"Did you mean {near[:80]!r}? " if near else "")
            + "They are listed by: tailmark data rows SUITE -o rows.csv"
        )
    return np.array([ids[text] for text in texts.tolist()], dtype=np.int64)


def sorting(
    row: Int[np.ndarray, " n"], pool: Pool, source: str, array: str = "row"
) -> Int64[np.ndarray, " n"]:
    """Return the order that sorts rows, refusing rows that are not each of the pool's once.

    Parameters
    ----------
    row : int array of shape (n,)
        Row numbers in the pool, in any order.
    pool : Pool
        What they should be about.
    source : str
        What error sentences call the file.
    array : str, default="row"
        What they were called in it.

    Raises
    ------
    PredictionsError
        Naming the row that does not exist, is double or is missing.
    """
    n, what = len(pool), "the test set" if pool.name == "test" else f"the pool {pool.name}"
    outside = np.flatnonzero((row < 0) | (row >= n))
    if len(outside):
        from_one = len(row) == n and set(row.tolist()) == set(range(1, n + 1))
        raise PredictionsError(
            f"{source}: {array} must lie in 0 … {n - 1:,}, the rows of {what}; got "
            f"{int(row[outside[0]]):,}. "
            + (
                f"They count from 1: subtract 1 from {array}."
                if from_one
                else "Take the numbers from: tailmark data rows SUITE -o rows.csv"
            )
        )
    counts = np.bincount(row, minlength=n)
    missing = np.flatnonzero(counts == 0)
    absent = ""
    if len(missing):
        listed = ", ".join(f"{int(k):,}" for k in missing[:NAMED_AT_MOST])
        more = f" and {len(missing) - NAMED_AT_MOST:,} more" if len(missing) > NAMED_AT_MOST else ""
        absent = (
            f"row {listed} is missing" if len(missing) == 1 else f"rows {listed}{more} are missing"
        )
    if (counts > 1).any():
        double = int(np.flatnonzero(counts > 1)[0])
        at = ", ".join(f"{int(k):,}" for k in np.flatnonzero(row == double)[:NAMED_AT_MOST])
        raise PredictionsError(
            f"{source}: every row of {what} stands once; row {double:,} stands "
            f"{int(counts[double])} times, at places {at}{f', and {absent}' if absent else ''}. "
            "Keep one prediction of each row."
        )
    if len(missing):
        raise PredictionsError(
            f"{source}: {array} names {len(row):,} rows, {what} has {n:,}: {absent}. Predict "
            f"{'it' if len(missing) == 1 else 'them'} too and save again."
        )
    return np.argsort(row, kind="stable").astype(np.int64)

"""Which rows are held out: shares and folds, stratified by class, groups kept together."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Int

from harness.errors import DataError

Rows = dict[str, Int[np.ndarray, "..."]]
"""Part → its rows, increasing."""


def stratified_shares(
    labels: Int[np.ndarray, " n"],
    shares: Mapping[str, float],
    rest: str,
    order: Int[np.ndarray, " m"],
    classes: tuple[int, ...],
) -> Rows:
    """Return rows in parts, of each class the share that a part asks for, rounded half up.

    Parameters
    ----------
    labels : int array of shape (n,)
        Class indices.
    shares : mapping of str to float
        Part → share of each class, taken in this order.
    rest : str
        The part that gets all others.
    order : int array of shape (m,)
        Rows to part, in random order.
    classes : tuple of int
        Classes whose rows are wanted.
    """
    parts: dict[str, list[Int[np.ndarray, " r"]]] = {name: [] for name in (*shares, rest)}
    for k in classes:
        rows = order[labels[order] == k]
        total = len(rows)
        for name, share in shares.items():
            count = int(total * share + 0.5)
            parts[name].append(rows[:count])
            rows = rows[count:]
        parts[rest].append(rows)
    return {name: np.sort(np.concatenate(rows)) for name, rows in parts.items()}


def grouped_shares(
    labels: Int[np.ndarray, " n"],
    groups: Int[np.ndarray, " n"],
    shares: Mapping[str, float],
    rest: str,
    order: Int[np.ndarray, " m"],
) -> Rows:
    """Return rows in parts such that no group is in two, classes near the shares.

    Groups are placed one after another, the largest first (equal ones as drawn), each where the
    class counts then lie nearest to the shares: least squares over parts and classes.

    Parameters
    ----------
    labels, groups : int arrays of shape (n,)
        Class and group of each row.
    shares : mapping of str to float
        Part → share of each class.
    rest : str
        The part that gets the remaining share.
    order : int array of shape (m,)
        Rows to part, in random order: of each group all or none.
    """
    names = [*shares, rest]
    wanted = np.array([*shares.values(), 1 - sum(shares.values())])
    at = _place(labels, groups, wanted, order)
    return {name: np.flatnonzero(at == j) for j, name in enumerate(names)}


def fold_of_rows(
    labels: Int[np.ndarray, " n"],
    k: int,
    order: Int[np.ndarray, " n"],
    groups: Int[np.ndarray, " n"] | None = None,
) -> Int[np.ndarray, " n"]:
    """Return the fold 0 … k−1 of each row, stratified by class.

    Without groups the rows of class 0 in random order, then those of class 1, … are dealt out in
    turn, so that sizes of folds, and of each class in them, differ by one at most.

    Parameters
    ----------
    labels : int array of shape (n,)
        Class indices.
    k : int
        Number of folds.
    order : int array of shape (n,)
        Rows in random order.
    groups : int array of shape (n,), optional
        No group is in two folds.

    Examples
    --------
    >>> fold_of_rows(np.array([0, 0, 0, 1, 1, 1]), 3, np.arange(6)).tolist()
    [0, 1, 2, 0, 1, 2]
    """
    if groups is not None:
        return _place(labels, groups, np.full(k, 1 / k), order)
    dealt = order[np.argsort(labels[order], kind="stable")]
    folds = np.empty(len(labels), dtype=np.int64)
    folds[dealt] = np.arange(len(labels)) % k
    return folds


def _place(
    labels: Int[np.ndarray, " n"],
    groups: Int[np.ndarray, " n"],
    wanted: Float[np.ndarray, " j"],
    order: Int[np.ndarray, " m"],
) -> Int[np.ndarray, " n"]:
    """Return the part of each row in `order`, −1 of others: groups whole, near the shares."""
    drawn = groups[order]
    names, first = np.unique(drawn, return_index=True)
    sizes = np.bincount(groups)[names]
    classes = int(labels.max()) + 1
    total = np.maximum(np.bincount(labels[order], minlength=classes), 1)
    missing = np.outer(wanted, np.ones(classes))  # share of each class that a part still lacks
    at = np.full(len(labels), -1)
    for group in names[np.lexsort((first, -sizes))]:
        rows = np.flatnonzero(groups == group)
        share = np.bincount(labels[rows], minlength=classes) / total
        gain = (missing**2 - (missing - share) ** 2).sum(axis=1)
        part = int(np.argmax(np.round(gain, 12)))
        missing[part] -= share
        at[rows] = part
    return at


def check_covered(
    labels: Int[np.ndarray, " n"],
    class_names: tuple[str, ...],
    training: Int[np.ndarray, " m"],
    test: Int[np.ndarray, " t"],
    what: str,
) -> None:
    """Refuse parts of which one is empty, or whose training rows lack a class that is tested.

    Parameters
    ----------
    labels : int array of shape (n,)
        Class indices.
    class_names : tuple of str
        Their names.
    training, test : int arrays
        Rows of both parts.
    what : str
        What drew them and what to do, as a sentence for the user.

    Raises
    ------
    DataError
        Naming the class.
    """
    for name, rows in (("training", training), ("test", test)):
        if not len(rows):
            raise DataError(f"Expected rows for training and for the test; no {name} row. {what}")
    absent = np.setdiff1d(np.arange(len(class_names)), labels[training])
    if len(absent):
        raise DataError(
            f"Expected training rows of every class; class {class_names[int(absent[0])]!r} has "
            f"none, so no method could learn it. {what}"
        )

"""Labels of the Hub's sets: whatever they are stored as, classes are known by name."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int

from harness.data.sets.class_checks import check_names, plain
from harness.errors import DataError
from harness.lookup import closest

MISSING = -1
"""Number that stands for a label which is not published."""


@dataclass(frozen=True)
class Labelled:
    """The labels of a part."""

    values: list[str | None]
    """Name of each row's class; None where there is none."""
    names: tuple[str, ...] | None
    """Classes in the order in which this part numbers them; None where it stores no numbers."""

    @property
    def missing(self) -> int:
        """Return how many rows have no label."""
        return self.values.count(None)


def label_column(features: Any, name: str, target: str) -> tuple[str, str]:
    """Return the names of the column of images and of the column of classes.

    Parameters
    ----------
    features : datasets.Features
        Of the training part.
    name : str
        The set, for messages.
    target : str
        What the user named; empty: the only column of class labels, else of texts or numbers.

    Raises
    ------
    DataError
        If it is not an image classification set with one label per image.
    """
    import datasets

    images = image_columns(features)
    lists = [key for key, kind in features.items() if _is_list(kind)]
    classes = [key for key, kind in features.items() if isinstance(kind, datasets.ClassLabel)]
    plain_ = [key for key, kind in features.items() if _is_plain(kind)]
    known = classes or plain_
    if target in lists or (not known and lists):
        raise DataError(
            f"Expected one class per image in column {target or lists[0]!r} of {name}; it holds "
            "lists of them (multi-label), which are not supported. Name a column with one label "
            "per image with --target, or prepare a copy that has one."
        )
    if len(images) != 1 or not known:
        kinds = ", ".join(f"{key} ({type(kind).__name__})" for key, kind in features.items())
        advice = "Only image classification sets can be prepared."
        if len(images) > 1:
            advice = f"Prepare a copy with one of them: set.remove_columns({images[1:]!r})"
        elif known:
            advice = (
                "Where a column holds images as arrays or paths, save the set with "
                "set.cast_column(column, datasets.Image()); one without images cannot be prepared."
            )
        raise DataError(
            f"Expected one column of images and one of class labels in {name}; its columns are "
            f"{kinds}. {advice}"
        )
    wanted = [target] if target in {*classes, *plain_} else known if not target else []
    if len(wanted) != 1:
        raise DataError(
            f"Expected the column of labels of {name}; it has {', '.join(known)}"
            + (f", got {target!r}" if target else "")
            + f". Name one: --target {known[0]}"
        )
    return images[0], wanted[0]


def image_columns(features: Any) -> list[str]:
    """Return the names of the columns that hold images, else of those that hold files as bytes."""
    import datasets

    declared = [key for key, kind in features.items() if isinstance(kind, datasets.Image)]
    return declared or [key for key, kind in features.items() if _is_file(kind)]


def _is_file(kind: Any) -> bool:
    """Return whether a column holds bytes, or what `datasets` stores of an image undeclared."""
    if isinstance(kind, dict):
        return {*kind} <= {"bytes", "path"} and "bytes" in kind
    return str(getattr(kind, "dtype", "")) in ("binary", "large_binary")


def _is_list(kind: Any) -> bool:
    return isinstance(kind, list) or type(kind).__name__ in ("List", "LargeList", "Sequence")


def _is_plain(kind: Any) -> bool:
    stored = str(getattr(kind, "dtype", ""))
    return type(kind).__name__ == "Value" and (
        stored in ("string", "large_string", "bool") or stored.startswith(("int", "uint"))
    )


def labels_of(rows: Any, column: str, files: Sequence[str], source: str) -> Labelled:
    """Return a part's labels as names of classes.

    The library casts every part to the features of the first: what a part's own files name their
    numbers is read from those files.

    Parameters
    ----------
    rows : datasets.Dataset
        The part.
    column : str
        The column of labels.
    files : sequence of str
        Its data files, where they are known.
    source : str
        What to call the part in messages.

    Raises
    ------
    DataError
        If its files number classes differently, or it has no such column.
    """
    import datasets

    if column not in rows.features:
        raise DataError(
            f"Expected the column {column!r} in {source}, as in the training part; it has "
            f"{', '.join(rows.features)}. Name another with --target."
        )
    kind, given = rows.features[column], rows[column]
    if isinstance(kind, datasets.ClassLabel):
        names = _own_names(files, column, source) or tuple(map(str, kind.names))
        return Labelled([_named(value, names, source) for value in given], names)
    if str(kind.dtype) in ("string", "large_string"):
        return Labelled([None if value is None else plain(value) for value in given], None)
    hidden = set(given) == {MISSING} or (MISSING in given and set(given) != {MISSING, 1})
    unknown = {None, MISSING} if hidden else {None}
    return Labelled([None if value in unknown else str(value) for value in given], None)


def _named(value: int | None, names: tuple[str, ...], source: str) -> str | None:
    if value is None or value == MISSING:
        return None
    if not 0 <= value < len(names):
        raise DataError(
            f"Expected labels 0 … {len(names) - 1} in {source}, which names {len(names)} classes; "
            f"got {value}. Fetch it again, or name another configuration."
        )
    return plain(names[value])


def _own_names(files: Sequence[str], column: str, source: str) -> tuple[str, ...] | None:
    """Return the class names that a part's own parquet or arrow files state, None without any."""
    stated = {names for file in files if (names := _stated(file, column)) is not None}
    if len(stated) > 1:
        first, second = sorted(stated)[:2]
        raise DataError(
            f"Expected one numbering of classes in the files of {source}; one names "
            f"{', '.join(first[:5])} …, another {', '.join(second[:5])} …. Write them again with "
            "one list of names."
        )
    return stated.pop() if stated else None


def _stated(file: str, column: str) -> tuple[str, ...] | None:
    import datasets
    import fsspec  # type: ignore[import-untyped]
    import pyarrow
    from pyarrow import parquet

    if not file.endswith((".parquet", ".arrow")):
        return None
    with fsspec.open(file, "rb") as handle:
        if file.endswith(".parquet"):
            schema = parquet.read_schema(handle)
        else:
            schema = pyarrow.ipc.open_stream(handle).schema
    kind = datasets.Features.from_arrow_schema(schema).get(column)
    return tuple(map(str, kind.names)) if isinstance(kind, datasets.ClassLabel) else None


def check_train(labels: Labelled, column: str, name: str) -> tuple[str, ...]:
    """Return the classes of a set, in the order in which they are numbered.

    Parameters
    ----------
    labels : Labelled
        Of the training part.
    column, name : str
        Column and set, for messages.

    Returns
    -------
    tuple of str
        As its files number them; texts in alphabetical order, numbers by size.

    Raises
    ------
    DataError
        If a training row has no label, or every one a label of its own.
    """
    if not labels.values or labels.missing:
        raise DataError(
            f"Expected a class label in every row of train of {name}; "
            f"{labels.missing or 'no row'} have none. Name another configuration, or take them out."
        )
    if labels.names is not None:
        return check_names(labels.names, name)
    found = {value for value in labels.values if value is not None}
    if len(found) == len(labels.values) > 2:
        raise DataError(
            f"Expected classes in column {column!r} of {name}; each of its {len(found):,} training "
            "rows has a value of its own. Name the column of labels with --target."
        )
    numbers = all(_whole(value) for value in found)
    ordered = sorted(found, key=lambda value: int(value)) if numbers else sorted(found)
    return check_names(ordered, name)


def _whole(value: str) -> bool:
    """Return whether a text is a whole number as Python writes it."""
    return value.removeprefix("-").isdecimal() and str(int(value)) == value


def numbered(labels: Labelled, classes: tuple[str, ...], name: str) -> Int[np.ndarray, " n"]:
    """Return labels as indices into the training part's classes.

    Parameters
    ----------
    labels : Labelled
        Of any part, without a missing one.
    classes : tuple of str
        From `check_train`.
    name : str
        The set, for messages.

    Raises
    ------
    DataError
        If the part has classes that the training part does not name.
    """
    number = {each: k for k, each in enumerate(classes)}
    unknown = sorted({value for value in labels.values if value is not None} - set(number))
    if unknown:
        near = closest(unknown[0], classes)
        hint = f" (nearest: {near!r})" if near else ""
        raise DataError(
            f"Expected the classes of the training part in every part of {name}; its test part has "
            f"{len(unknown)} others, such as {unknown[0]!r}{hint}. Rename them, or take their rows "
            "out."
        )
    return np.array([number[str(value)] for value in labels.values], dtype=np.int64)

"""Real tables of grades in an order, the upper end rare: other tables with classes merged."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from harness.data.pools.tables import TableInputs, table_pool, table_rows
from harness.data.sets.tabular import TABLES, load_table, rows_of_part
from harness.lookup import lookup
from harness.types import DatasetSpec, Pool

_SOURCES: dict[str, tuple[str, str, tuple[tuple[str, str], ...]]] = {
    "red_wine_grades": (
        "winequality_red",
        "Red wine in six grades, 18 of 1,599 in the highest",
        (("3", "3"), ("4", "4"), ("5", "5"), ("6", "6"), ("7", "7"), ("8", "8")),
    ),
    "white_wine_grades": (
        "winequality_white",
        "White wine in six grades, the two highest as one",
        (("3", "3"), ("4", "4"), ("5", "5"), ("6", "6"), ("7", "7"), ("8-9", "9")),
    ),
    "abalone_ages": (
        "abalone",
        "Abalone in five ages by rings",
        (("1-6", "6"), ("7-9", "9"), ("10-12", "12"), ("13-16", "16"), ("17-29", "29")),
    ),
    "abalone_thirds": (
        "abalone",
        "Abalone in three ages, the first 3,133 rows for training",
        (("1-8", "8"), ("9-10", "10"), ("11-29", "29")),
    ),
}
"""Name → table, title, and each grade with the last class of the table that it takes in."""
TRAINING_ROWS = {"abalone_thirds": 3_133}
"""Table → how many rows its source trained on, from the first; the others are its test part."""


def _facts(name: str) -> DatasetSpec:
    source, title, grades = _SOURCES[name]
    return replace(
        TABLES[source],
        name=name,
        title=title,
        class_names=tuple(grade for grade, _ in grades),
        contents={},
        parts=("train", "test") if name in TRAINING_ROWS else ("all",),
        caveat=f"Classes of {source}, merged."
        + ("" if name in TRAINING_ROWS else " There is no official test part."),
        ordered=True,
    )


GRADED: dict[str, DatasetSpec] = {name: _facts(name) for name in _SOURCES}
"""Every such table by its name in split ids."""


def source_of(name: str) -> str:
    """Return the key of TABLES that a table of grades is made of.

    Parameters
    ----------
    name : str
        Key of GRADED.
    """
    lookup("table of grades", name, GRADED)
    return _SOURCES[name][0]


def load_graded(name: str, root: Path | None = None, part: str = "all") -> Pool:
    """Return a part of a table of grades.

    Parameters
    ----------
    name : str
        Key of GRADED.
    root : Path, optional
        Data root; see `harness.data.formats.files.data_root`.
    part : str, default="all"
        One of the table's `parts`.

    Raises
    ------
    UnknownNameError
        If there is no such table.
    DataError
        If the file of its source is missing, damaged or another edition.
    """
    source = source_of(name)
    table = load_table(source, root)
    assert isinstance(table.inputs, TableInputs) and table.labels is not None, "a labelled table"
    last = [TABLES[source].class_names.index(end) for _, end in _SOURCES[name][2]]
    labels = np.searchsorted(last, table.labels)
    pool = table_pool("all", table.inputs, labels, GRADED[name].class_names)
    if part == "all":
        return pool
    return table_rows(pool, rows_of_part(part, TRAINING_ROWS[name], len(pool)), part)

"""Tables of the user's own: from a file or from OpenML, brought into the prepared form."""

import re
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from harness.data.formats.raw_table import RawTable, Reading, below
from harness.data.formats.table_files import read_openml, read_table
from harness.data.formats.text_files import check_regular
from harness.data.pools.tables import make_table, table_rows
from harness.data.sets.own_ood import with_ood_tables
from harness.data.sets.own_options import Options
from harness.data.sets.own_splits import check_rules, columns_of_rules, part_rows, split_column
from harness.data.sets.prepared import save_rows, save_table
from harness.errors import DataError
from harness.keys import sha256_file, sha256_text
from harness.types import DatasetSpec

_COLUMNS = ("target", "split", "group", "folds")
"""Options that name a column."""


def table_identity(what: str, options: Options) -> tuple[str, str]:
    """Return where a table in a file lies, and the sha256 of its bytes.

    Files with test rows belong to it: the sum is then that of all sums.
    """
    path = _file(what)
    listed = Path(options.test_rows) if options.test_rows else None
    others = [_file(options.test)] if options.test else []
    others += [listed] if listed is not None and listed.is_file() else []
    sums = [sha256_file(file) for file in (path, *others)]
    return str(path.resolve()), sums[0] if not others else sha256_text(" ".join(sums))


def _file(what: str) -> Path:
    path = Path(what)
    if not path.exists():
        raise DataError(
            f"Expected a table in a file at {path}; there is none. Write for example table:mine.csv"
        )
    check_regular(path)
    return path


def openml_identity(what: str, options: Options) -> tuple[str, str]:
    """Return the address of a data set of OpenML, whose number never gets another content."""
    if not (what.isascii() and what.isdigit()):
        raise DataError(
            f"Expected 'openml:' and a number; got 'openml:{what}'. Write for example openml:310"
        )
    return f"https://www.openml.org/d/{what}", ""


def write_openml(what: str, name: str, folder: Path, root: Path, options: Options) -> DatasetSpec:
    """Read a data set of OpenML and write its prepared form; return its facts."""
    source, _ = openml_identity(what, options)
    raw, said = read_openml(int(what), root, target=options.target, download=True)
    spec = _write_table(
        folder, name, f"{said.get('name', what)} (OpenML {what})", source, raw, options
    )
    licence = said.get("licence") or "none stated"
    citation = " ".join(said.get("citation", f"OpenML, data set {what}").split())
    return replace(spec, licence=licence, citation=citation)


def write_table(what: str, name: str, folder: Path, root: Path, options: Options) -> DatasetSpec:
    """Read a table in a file and write its prepared form; return its facts."""
    path, reading = Path(what), reading_of(options)
    raw = read_table(path, reading)
    if options.test:
        second = read_table(Path(options.test), reading)
        raw = below(raw.dropped(reading), second.without(reading.drop))
    return _write_table(folder, name, path.name, str(path.resolve()), raw, options)


def reading_of(options: Options) -> Reading:
    """Return how a table is to be read; names are compared in Unicode's composed form."""
    composed = {
        kind: tuple(unicodedata.normalize("NFC", name) for name in getattr(options, kind))
        for kind in ("missing", "text", "drop")
    }
    return Reading(
        header=options.header,
        separator={"tab": "\t", "\\t": "\t"}.get(options.separator, options.separator),
        decimal=options.decimal,
        encoding=options.encoding,
        force=options.force,
        **composed,
    )


def _found_split(name: str | None) -> tuple[str, ...]:
    if name is None:
        return ()
    return (
        f"Column {name!r} says train and test of each row and gives the test rows; --drop {name} "
        f"draws them, --text {name} makes it an input.",
    )


def _write_table(
    folder: Path, name: str, title: str, source: str, raw: RawTable, options: Options
) -> DatasetSpec:
    """Write a table's parts, and what their rows are for; return its facts."""
    check_rules(options)
    said: dict[str, Any] = {
        kind: unicodedata.normalize("NFC", getattr(options, kind)) for kind in _COLUMNS
    }
    options = replace(options, **said)
    found = split_column(raw, options)
    options = options if found is None else replace(options, split=found)
    rules = columns_of_rules(options)
    for rule in rules:
        raw.column(rule, "column of parts")
    if options.target and options.target in rules:
        raise DataError(
            f"Expected a target of its own in {raw.source}; {options.target!r} says what rows are "
            "for. Name another column with --target."
        )
    last = (
        raw.last
        if raw.last not in rules
        else next((column for column in reversed([*raw.columns]) if column not in rules), "")
    )
    reading = reading_of(options)
    if raw.before is not None:  # what is left out was left out of both files
        reading = replace(reading, drop=())
    table = make_table(replace(raw, last=last).without(rules), options.target, reading)
    given = None if raw.before is None else np.arange(raw.before[0], len(raw))
    parting = part_rows(raw, table.pool, name, options, given)
    parts = _parts(len(raw), parting.test)
    contents = {}
    for part, rows in parts.items():
        pool = table_rows(table.pool, rows, part)
        save_table(folder, name, pool)
        contents[part] = pool.fingerprint
        first = 0 if raw.before is None or part == "train" else raw.before[0]
        kinds = {"source": rows - first}
        kinds |= {} if parting.groups is None else {"group": parting.groups[rows]}
        kinds |= {} if parting.folds is None else {"fold": parting.folds[rows]}
        save_rows(folder, name, part, kinds)
    spec = DatasetSpec(
        name=name,
        title=title,
        modality="table",
        class_names=table.pool.class_names,
        image_shape=None,
        source=source,
        licence="none stated",
        citation=title,
        parts=tuple(parts),
        contents=contents,
        findings=(*_found_split(found), *table.notes, *parting.notes),
        folds=0 if parting.folds is None else len(np.unique(parting.folds)),
        group=options.group,
        ordered=options.ordered and _in_order(table.pool.class_names, raw.source),
    )
    reading = reading_of(options)
    rest = raw.without([*rules, *reading.drop, options.target or last])
    return with_ood_tables(folder, spec, options, rest, table.pool, reading)


def _in_order(class_names: tuple[str, ...], source: str) -> bool:
    """Return True where the classes are whole numbers one step apart, in this order.

    Raises
    ------
    DataError
        If they are not.
    """
    numbers = [int(name) if re.fullmatch(r"-?[0-9]+", name) else None for name in class_names]
    first = numbers[0]
    if first is None or numbers != list(range(first, first + len(numbers))):
        shown = ", ".join(class_names[:6]) + (", …" if len(class_names) > 6 else "")
        raise DataError(
            f"--ordered is for classes that are whole numbers one step apart, such as 1, 2, 3; got "
            f"{shown} in {source}. Number the grades in the file, or leave --ordered out."
        )
    return True


def _parts(n: int, test: Int[np.ndarray, " t"] | None) -> dict[str, Int[np.ndarray, " m"]]:
    """Return the rows of each part: all, or training and test where these are given."""
    if test is None:
        return {"all": np.arange(n)}
    return {"train": np.setdiff1d(np.arange(n), test), "test": np.sort(test)}

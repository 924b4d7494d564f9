"""Tables in the KEEL repository's form: a head of declared attributes, then rows of values."""

import re
from pathlib import Path

from harness.data.formats.raw_table import RawTable, Reading
from harness.errors import DataError

_ATTRIBUTE = re.compile(r"@attribute\s+'?([^'\s{]+)'?\s*(\{.*\}|\w+)", re.IGNORECASE)


def read_keel(path: Path) -> tuple[RawTable, Reading]:
    """Return a table in KEEL's form, and how its head says that it is read.

    Attributes that list their values in braces are categories, ``real`` and ``integer`` are
    numbers; the last attribute is the target.

    Parameters
    ----------
    path : Path
        A ``.dat`` file.

    Raises
    ------
    DataError
        If there is no ``@data`` line or no attribute, or a row has another number of values.

    References
    ----------
    Alcalá-Fdez et al. 2011, "KEEL Data-Mining Software Tool: Data Set Repository".
    """
    names: list[str] = []
    kinds: list[str] = []
    lines = path.read_text("latin-1").splitlines()
    start = next((at for at, line in enumerate(lines) if line.lower().startswith("@data")), None)
    for line in lines[:start]:
        if found := _ATTRIBUTE.match(line.strip()):
            names.append(found[1])
            kinds.append(found[2])
    if start is None or not names:
        raise DataError(
            f"Expected {path.name} to declare attributes and then '@data'; it does not. It is "
            "damaged, or not in KEEL's form: use a CSV file."
        )
    numbers, rows = [], []
    for at, line in enumerate(lines[start + 1 :], start + 2):
        values = [value.strip() for value in line.split(",")]
        if values == [""]:
            continue
        if len(values) != len(names):
            raise DataError(
                f"Expected {len(names)} values in line {at:,} of {path.name}, one an attribute; "
                f"got {len(values)}. Correct the line."
            )
        numbers.append(at)
        rows.append(values)
    columns = dict(zip(names, zip(*rows, strict=True), strict=True)) if rows else {}
    nominal = [n for n, kind in zip(names, kinds, strict=True) if kind.startswith("{")]
    return (
        RawTable(path.name, columns, last=names[-1], separator=",", lines=numbers),
        Reading(
            text=tuple(nominal[:-1]) if kinds[-1].startswith("{") else tuple(nominal), force=True
        ),
    )

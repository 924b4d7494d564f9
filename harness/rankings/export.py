"""Rankings and other rows as CSV or JSON, for other programs."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

from harness.errors import SpecError
from harness.lookup import unknown
from harness.types import Ranking

FORMATS = ("csv", "json")


def ranking_text(ranking: Ranking, form: str) -> str:
    """Return a ranking as text.

    Parameters
    ----------
    ranking : Ranking
        Values in natural units.
    form : {"csv", "json"}
        CSV has one line a row and a column a cell; an undefined value is an empty field.

    Raises
    ------
    UnknownNameError
        If the form is neither.
    """
    if form == "json":
        return json.dumps(asdict(ranking), indent=1, allow_nan=False)
    if form == "csv":
        return _csv(ranking)
    raise unknown("format", form, ("table", *FORMATS))


def _csv(ranking: Ranking) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    head = "entry value low high interval rank_low rank_high tie_class tier local flags missing"
    writer.writerow([*head.split(), *ranking.cells])
    for row in (*ranking.rows, *ranking.beside):
        numbers = (row.value, row.low, row.high)
        places = (row.interval_kind, row.rank_low, row.rank_high, row.tie_class)
        flags = "; ".join(row.flags)
        writer.writerow(
            [row.name, *numbers, *places, row.tier, row.local, flags, "", *map(_field, row.cells)]
        )
    for gone in ranking.missing:
        writer.writerow([gone.name, *[""] * 10, gone.missing, *map(_field, gone.cells)])
    return buffer.getvalue().rstrip("\n")


def _field(value: float | None) -> str:
    return "" if value is None else repr(value)


def rows_text(
    form: str,
    columns: Sequence[str],
    lines: Iterable[Sequence[object]],
    records: Iterable[Mapping[str, object]],
) -> str:
    """Return rows as text, whose CSV is flat and whose JSON may be nested.

    Parameters
    ----------
    form : {"csv", "json"}
        Which of the two.
    columns : sequence of str
        First line of the CSV.
    lines : iterable of sequences
        Its further lines; None is an empty field.
    records : iterable of mapping
        The same rows for JSON.

    Raises
    ------
    SpecError
        If the form is another.
    """
    if form == "json":
        return json.dumps(list(records), indent=1, ensure_ascii=False)
    if form != "csv":
        raise SpecError(f"Expected --format table, csv or json; got {form!r}.")
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(lines)
    return buffer.getvalue().rstrip("\n")

"""The one writer of rows: as CSV, JSON or Markdown, each table under one heading.

The command line, the board's buttons and its export all write through here, so that a column has
one name wherever it is met.
"""

import csv
import io
import json
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from harness.errors import SpecError
from harness.types import Ranking


@dataclass(frozen=True)
class Rows:
    """A table for other programs."""

    columns: tuple[str, ...]
    """The heading."""
    lines: Sequence[Sequence[object]]
    """Values under it, in natural units; None is an undefined value."""
    document: object = None
    """What JSON holds where it says more than the lines; None: the lines by their columns."""


def rows_text(rows: Rows, form: str) -> str:
    """Return a table as text.

    Parameters
    ----------
    rows : Rows
        What is written.
    form : {"json", "csv", "markdown"}
        CSV has a line of names, then one line per row, numbers in full precision; an undefined
        value is an empty field. Markdown has six significant digits.

    Raises
    ------
    SpecError
        If the form is another.
    """
    if form == "json":
        document = rows.document
        if document is None:
            document = [dict(zip(rows.columns, line, strict=True)) for line in rows.lines]
        return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    if form == "csv":
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(rows.columns)
        writer.writerows(rows.lines)
        return buffer.getvalue().rstrip("\n")
    if form == "markdown":
        return _markdown(rows)
    raise SpecError(f"Expected a format among json, csv and markdown; got {form!r}. Name one.")


def _markdown(rows: Rows) -> str:
    head = [_line(rows.columns), _line(["---"] * len(rows.columns))]
    return "\n".join([*head, *(_line([_plain(v) for v in line]) for line in rows.lines)])


def _line(fields: Sequence[str]) -> str:
    return f"| {' | '.join(fields)} |"


def _plain(value: object) -> str:
    """Return a field in which nothing is markup: a name cannot draw a picture or end its cell."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    text = "".join(" " if unicodedata.category(c)[0] == "C" else c for c in str(value))
    return "".join(f"\\{c}" if c in "\\|[]<>`*" else c for c in text)


def ranking_rows(ranking: Ranking) -> Rows:
    """Return a ranking as rows: a column per cell; one without an overall value says what it lacks.

    Parameters
    ----------
    ranking : Ranking
        Values in natural units.
    """
    head = "entry value low high interval rank_low rank_high tie_class tier local flags missing"
    lines: list[Sequence[object]] = [
        (
            *(row.name, row.value, row.low, row.high),
            *(row.interval_kind, row.rank_low, row.rank_high, row.tie_class),
            *(row.tier, row.local, "; ".join(row.flags), None, *row.cells),
        )
        for row in (*ranking.rows, *ranking.beside)
    ]
    lines += [(lost.name, *[None] * 10, lost.missing, *lost.cells) for lost in ranking.missing]
    return Rows((*head.split(), *ranking.cells), lines, asdict(ranking))

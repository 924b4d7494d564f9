"""The one writer of HTML tables: columns as a list of specifications, rows as any objects.

Columns give HTML that is safe already: what comes from submissions goes through `text`.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Generic, TypeVar

Row = TypeVar("Row")


@dataclass(frozen=True)
class Field:
    """One field of a table."""

    inner: str
    """Safe HTML."""
    css: str = ""
    """Classes of the field alone, beside those of its column."""
    style: str = ""
    """Inline style."""
    sort: float | str | None = None
    """What a sortable table orders the row by; None: the field's text."""


@dataclass(frozen=True)
class Column(Generic[Row]):
    """One column of a table."""

    head: str
    """Its heading, safe HTML."""
    field: Callable[[Row], Field | str]
    """From a row to its field; text is safe HTML."""
    css: str = ""
    """Classes of the heading and of every field, such as ``num`` or ``wide``."""
    width: str = ""
    """CSS width; empty: what the text takes."""
    names_row: bool = False
    """Whether its fields are the headings of their rows."""


def text(value: object) -> str:
    """Return any value as safe HTML.

    Examples
    --------
    >>> text("<b>1 & 2")
    '&lt;b&gt;1 &amp; 2'
    """
    return escape(str(value))


def html_table(
    columns: Sequence[Column[Row]],
    rows: Iterable[Row],
    *,
    caption: str,
    css: str = "",
    line: Callable[[Row], tuple[str, str]] | None = None,
    above: Callable[[Row, Row | None], str] | None = None,
) -> str:
    """Return rows as an HTML table.

    Parameters
    ----------
    columns : sequence of Column
        From left to right.
    rows : iterable
        Handed to each column's `field` in turn.
    caption : str
        What the table shows, for those who hear it; escaped here.
    css : str, optional
        Classes beside ``tm``.
    line : callable, optional
        From a row to the classes and the inline style of its line.
    above : callable, optional
        From a row and the one before it (None for the first) to safe HTML that stands across the
        table above it; empty: nothing.

    Returns
    -------
    str
        Safe HTML, without STYLE.
    """
    heads = "".join(
        f"<th scope='col'{_attribute('class', c.css)}"
        f"{_attribute('style', c.width and f'width:{c.width}')}>{c.head}</th>"
        for c in columns
    )
    body, before = [], None
    for row in rows:
        group = above(row, before) if above else ""
        if group:
            body.append(f"<tr class='group'><td colspan='{len(columns)}'>{group}</td></tr>")
        classes, style = line(row) if line else ("", "")
        fields = "".join(_field(column, row) for column in columns)
        body.append(f"<tr{_attribute('class', classes)}{_attribute('style', style)}>{fields}</tr>")
        before = row
    return (
        f"<table class='{f'tm {css}'.strip()}'><caption>{escape(caption)}</caption>"
        f"<thead><tr>{heads}</tr></thead><tbody>{''.join(body)}</tbody></table>"
    )


def _field(column: Column[Row], row: Row) -> str:
    found = column.field(row)
    field = Field(found) if isinstance(found, str) else found
    tag, scope = ("th", " scope='row'") if column.names_row else ("td", "")
    order = "" if field.sort is None else _attribute("data-sort", str(field.sort))
    classes = _attribute("class", f"{column.css} {field.css}".strip())
    return f"<{tag}{scope}{classes}{_attribute('style', field.style)}{order}>{field.inner}</{tag}>"


def _attribute(name: str, value: str) -> str:
    return f" {name}='{escape(value)}'" if value else ""

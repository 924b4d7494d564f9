"""Options of ``tailmark data prepare`` that are about tables of the user's own."""

from typing import Annotated

import typer

from harness.errors import SpecError

_PANEL = "Tables of your own"

Separator = Annotated[
    str,
    typer.Option(
        help="What stands between values: one character, 'tab' or 'space'. Found out otherwise.",
        rich_help_panel=_PANEL,
    ),
]
Decimal = Annotated[
    str,
    typer.Option(help="Decimal sign of numbers: , or . (found out)", rich_help_panel=_PANEL),
]
Encoding = Annotated[
    str, typer.Option(help="Encoding of a text file, e.g. cp1252.", rich_help_panel=_PANEL)
]
Missing = Annotated[
    list[str] | None,
    typer.Option(
        help="Word for a missing value, in place of the usual ones (?, NA, null, …); repeatable.",
        rich_help_panel=_PANEL,
    ),
]
Text = Annotated[
    list[str] | None,
    typer.Option(help="Column to take as categories; repeatable.", rich_help_panel=_PANEL),
]
Drop = Annotated[
    list[str] | None,
    typer.Option(help="Column to leave out; repeatable.", rich_help_panel=_PANEL),
]
Force = Annotated[
    bool,
    typer.Option(
        "--force", help="Accept names or a target that look wrong.", rich_help_panel=_PANEL
    ),
]
Split = Annotated[
    str,
    typer.Option(
        help="Column that says train or test for each row; it is not an input.",
        rich_help_panel=_PANEL,
    ),
]
Test = Annotated[
    str,
    typer.Option(help="File with the test rows, the same columns.", rich_help_panel=_PANEL),
]
TestRows = Annotated[
    str,
    typer.Option(
        help="Test rows, counted from 0: 200-350,400, or a file that lists them.",
        rich_help_panel=_PANEL,
    ),
]
Folds = Annotated[
    str,
    typer.Option(
        help="Number of folds, each the test once, or the column that numbers them.",
        rich_help_panel=_PANEL,
    ),
]
LeaveOneOut = Annotated[
    bool,
    typer.Option(
        "--leave-one-out",
        help="Each row is the test once; with --group, each group.",
        rich_help_panel=_PANEL,
    ),
]
Group = Annotated[
    str,
    typer.Option(
        help="Column whose equal values are never in both training and test; it is not an input.",
        rich_help_panel=_PANEL,
    ),
]
Ordered = Annotated[
    bool,
    typer.Option(
        "--ordered",
        help="Classes are whole numbers one step apart, such as grades: records then say how many "
        "steps mistakes are (macro_mae).",
        rich_help_panel=_PANEL,
    ),
]


def known(decimal: str) -> str:
    """Return a decimal sign as the user wrote it.

    Raises
    ------
    SpecError
        If it is neither a comma nor a point.
    """
    if decimal not in ("", ",", "."):
        raise SpecError(
            f"Expected a comma or a point as decimal sign; got {decimal!r}. Write --decimal , or "
            "--decimal ."
        )
    return decimal

"""``tailmark data rows`` and ``tailmark data export``: the data out, to train elsewhere."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from harness.cli import options
from harness.cli.console import say

if TYPE_CHECKING:
    from harness.types import Suite

Form = Literal["npz", "parquet", "folder"]
SuiteId = Annotated[str, typer.Argument(help="Suite id, see: tailmark list suites.")]


def rows(
    suite: SuiteId,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="CSV file to write: part, row, source.")
    ] = Path("rows.csv"),
    cell: options.Cells = None,
    seed: options.Seeds = None,
    data_root: options.DataRoot = None,
) -> None:
    """List which row of the data set or which file each row of a suite's pools is.

    Predictions name their rows as the column 'row' does. The source is a row of the data set's own
    part, counted from 0 without the header, or a file. Labels are never listed; of a data set in
    one folder per class the files' paths show them. With --cell the training rows of its splits
    are listed too.
    """
    from harness.data.suites.export import write_rows
    from harness.data.suites.open import open_suite

    opened = open_suite(suite, data_root)
    jobs = _jobs(opened.suite, cell, seed) if cell or seed else []
    n = write_rows(opened, output, jobs)
    say(f"Wrote {output}: {n:,} rows of {suite}, without labels.")


def export(
    suite: SuiteId,
    output: Annotated[Path, typer.Option("--output", "-o", help="New folder to write.")],
    cell: options.Cells = None,
    seed: options.Seeds = None,
    how: Annotated[
        Form, typer.Option("--format", help="How to write; folder: images with an index.")
    ] = "npz",
    data_root: options.DataRoot = None,
) -> None:
    """Write a suite's data for training elsewhere.

    Training and validation inputs with their observed labels, below '<cell>-s<seed>'; calibration
    inputs with labels; test and OOD inputs without. Hand in predictions named
    '<cell>-s<seed>/<pool>.npz' with: tailmark new NAME --kind predictions --from FOLDER.
    """
    from harness.data.suites.export import export as write
    from harness.data.suites.open import open_suite

    opened = open_suite(suite, data_root)
    jobs = _jobs(opened.suite, cell, seed)
    written = write(opened, jobs, output, how)
    say(
        f"Wrote {len(written)} parts of {suite} below {output}: {len(jobs)} splits with observed "
        "labels, every other pool without test labels."
    )
    example = f"{jobs[0][0]}-s{jobs[0][1]}"
    say(
        f"Next: train on {example}/training, save logits as PREDICTIONS/{example}/test.npz, "
        "then: tailmark new NAME --kind predictions --from PREDICTIONS"
    )


def _jobs(
    suite: "Suite", cells: list[str] | None, seeds: list[int] | None
) -> list[tuple[str, int]]:
    """Return cells with seeds of a suite, all where none is asked for."""
    from harness.lookup import unknown

    for cell in cells or ():
        if cell not in suite.cells:
            raise unknown(f"cell of {suite.id}", cell, suite.cells)
    for seed in seeds or ():
        if seed not in suite.seeds:
            raise unknown(f"seed of {suite.id}", str(seed), map(str, suite.seeds))
    return [(c, s) for c in cells or suite.cells for s in seeds or suite.seeds]

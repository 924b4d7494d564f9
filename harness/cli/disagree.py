"""``tailmark disagree``: test inputs on which two entries decide differently."""

from typing import Annotated, Literal

import typer

from harness.cli import options
from harness.cli.console import say, stdout
from harness.cli.rankings import DEFAULT_SUITE


def disagree(
    candidate: Annotated[str, typer.Argument(help="Entry whose predictions the store has.")],
    reference: Annotated[str, typer.Argument(help="Entry to hold beside it.")],
    suite: options.Suite = DEFAULT_SUITE,
    cell: Annotated[
        str | None, typer.Option("--cell", "-c", help="Cell; default: the suite's last.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed; default: the suite's first.")] = None,
    most: Annotated[int, typer.Option(min=1, max=200, help="Examples at most.")] = 12,
    output: Annotated[
        Literal["text", "json"], typer.Option("--format", help="json holds the images, as PNG.")
    ] = "text",
    submissions: options.Submissions = None,
    store: options.Store = None,
    data_root: options.DataRoot = None,
) -> None:
    """Show test inputs on which two entries decide differently, from stored predictions."""
    from dataclasses import asdict
    from json import dumps

    from harness.cli.comparing import named_row
    from harness.data.suites.open import open_suite
    from harness.paths import store_folder
    from harness.runs.disagreement import disagreement, example_rows

    one, two = (
        named_row(name, suite, submissions, store, local=False, with_local=True).recorded
        for name in (candidate, reference)
    )
    stamp = one.record.suite
    found = disagreement(
        one,
        two,
        open_suite(suite, data_root),
        store=store_folder(store),
        cell=cell or stamp.cells[-1],
        seed=stamp.seeds[0] if seed is None else seed,
        most=most,
    )
    if output == "json":
        say(dumps(asdict(found), indent=1))
        return
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    say(
        f"{found.candidate} and {found.reference} on {found.suite}, {found.cell}, seed "
        f"{found.seed}: of {found.inputs} test inputs {found.candidate} alone has "
        f"{found.candidate_right} right, {found.reference} alone {found.reference_right}; "
        f"{found.both_wrong} are wrong in two ways."
    )
    table = Table("Row", "Class", found.candidate, found.reference, box=SIMPLE_HEAD, pad_edge=False)
    for line in example_rows(found):
        table.add_row(*line)
    stdout().print(table)

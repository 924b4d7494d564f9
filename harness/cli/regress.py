"""``tailmark regress``: a gate for continuous integration, with an exit code for each answer."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from harness.cli import options
from harness.cli.comparing import named_row
from harness.cli.console import remark, say, stdout
from harness.cli.rankings import DEFAULT_SUITE, metric_key

if TYPE_CHECKING:
    from harness.rankings.regress import Regression

Form = Literal["text", "json", "csv", "markdown", "junit", "html"]


def regress(
    candidate: Annotated[
        str,
        typer.Argument(
            help="Entry or entry+variant; with @committed, @local or @REVISION behind it; the path "
            "of a record; runs:/ID or models:/NAME/VERSION of MLflow."
        ),
    ],
    against: Annotated[str, typer.Option(help="What it is held against, named likewise.")],
    suite: options.Suite = DEFAULT_SUITE,
    metric: Annotated[
        list[str] | None,
        typer.Option("--metric", "-m", help="Metric key; may be repeated. Default: the primary."),
    ] = None,
    margin: Annotated[float, typer.Option(help="It may be worse by this much.")] = 0.005,
    cell: Annotated[
        list[str] | None,
        typer.Option("--cell", "-c", help="Cells that decide by themselves; default: all."),
    ] = None,
    until_settled: Annotated[
        bool,
        typer.Option("--until-settled", help="Run both, adding seeds until it can be told."),
    ] = False,
    max_seeds: Annotated[
        int, typer.Option(help="With --until-settled: seeds at which it ends in any case.")
    ] = 20,
    output: Annotated[Form, typer.Option("--format", help="How to answer.")] = "text",
    trust: options.Trust = False,
    local: options.Local = False,
    with_local: options.WithLocal = False,
    submissions: options.Submissions = None,
    store: options.Store = None,
    data_root: options.DataRoot = None,
) -> None:
    """Gate a candidate: exit code 0 no regression, 1 regression, 3 cannot tell, 2 a mistake.

    The interval of the paired difference decides: no regression when all of it lies above
    −margin, a regression when all of it lies below 0 and it reaches beyond the margin. A single
    cell is held to 5 % over all cells.

    With --until-settled both sides are run here, first with three seeds, then with one more at a
    time, until the answer stands. The error of 5 % holds over all looks together.
    """
    from harness.rankings.export import rows_text
    from harness.rankings.regress import (
        EXIT_CODES,
        html_text,
        junit_text,
        regression_rows,
    )
    from harness.rankings.regress import regress as gate

    if until_settled:
        from harness.runs.sequence import settle

        found = settle(
            candidate,
            against,
            suite,
            most=max_seeds,
            keys=list(metric or (None,)),
            margin=margin,
            cells=cell,
            submissions=submissions,
            store=store,
            data_root=data_root,
            trust=trust,
            told=remark,
        ).found
    else:
        pair = [
            (name, named_row(name, suite, submissions, store, local=local, with_local=with_local))
            for name in (candidate, against)
        ]
        keys: list[str | None] = [metric_key(n, [row for _, row in pair]) for n in metric or ()]
        found = gate(pair[0], pair[1], keys=keys or [None], margin=margin, cells=cell)
    if output == "text":
        _print(found)
    elif output == "junit":
        say(junit_text(found))
    elif output == "html":
        say(html_text(found))
    else:
        say(rows_text(regression_rows(found), output))
    if code := EXIT_CODES[found.state]:
        raise typer.Exit(code)


def _print(found: "Regression") -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from harness.rankings.display import cell_label, difference_text, metric_title
    from harness.rankings.regress import advice

    say(f"{found.candidate} against {found.reference} on {found.suite}: {found.state}")
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for head, justify in (("Metric", "left"), ("Cell", "left"), ("Difference", "right"),
                          ("95 % interval", "right"), ("State", "left")):  # fmt: skip
        table.add_column(head, justify=justify)  # type: ignore[arg-type]
    for each in found.findings:
        ends = (difference_text(v, each.metric) for v in (each.verdict.low, each.verdict.high))
        table.add_row(
            metric_title(each.metric),
            "mean over cells" if each.cell is None else cell_label(each.cell),
            difference_text(each.verdict.difference, each.metric),
            " … ".join(ends),
            each.state,
        )
    stdout().print(table)
    first = found.findings[0]
    say(f"Margin: {difference_text(found.margin, first.metric).lstrip('+')}.")
    if first.verdict.detectable is not None:
        least = difference_text(first.verdict.detectable, first.metric).lstrip("+")
        say(f"Smallest difference found with 80 % power: {least}.")
    if words := advice(found):
        say(words)
    for title, ours, theirs in found.costs:
        say(f"{title[0].upper()}{title[1:]}: {_amount(ours)} against {_amount(theirs)}.")


def _amount(value: float) -> str:
    """Return a cost in digits, never in powers of ten."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.4g}"

"""``tailmark``: the commands. Each imports what it needs when it is called, so help is instant."""

import os
from typing import Annotated

import typer

from harness.cli import (
    board,
    comparing,
    data,
    disagree,
    entries,
    macs,
    planning,
    power,
    published,
    rankings,
    regress,
    rescore,
    review,
    running,
    store,
    submit,
    tables,
)
from harness.cli.console import correctable, say

app = typer.Typer(
    name="tailmark",
    help=(
        "Measure classifiers where data are rough: long-tailed, mislabelled, shifted, "
        "out of distribution; with error bars, from evidence that anyone can recompute."
    ),
    epilog=(
        "Start with: tailmark run nearest-mean logistic-regression (seconds), then "
        "tailmark rank --local --against-committed; from a checkout, make demo runs eight entries. "
        "Submit an entry: tailmark new, check, run, submit."
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(value: bool | None) -> None:
    if value:
        from harness import __version__

        say(f"tailmark {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool | None,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = None,
) -> None:
    pass


app.command(
    "list", help="List data sets, suites, metrics, methods, scores, corruptions or entries."
)(tables.list_things)
app.command("new", help="Write the card of a new entry, with comments, ready to fill in.")(
    entries.new
)
app.command("check", help="Check entries: cards, files, checksums. Runs nothing of theirs.")(
    entries.check
)
app.command("run", help="Run entries on a suite; what is in the store is not done again.")(
    running.run
)
app.command("plan", help="Say what a run would do and take: jobs, what is kept, time, memory.")(
    planning.plan
)
app.command("rescore", help="Recompute records from stored predictions, without any model.")(
    rescore.rescore
)
app.command(
    "submit", help="Copy records from the store to submissions/, ready for a pull request."
)(submit.submit)
app.command("store", help="Say what the store holds; drop features that take too much room.")(
    store.store
)
app.command(
    "review", help="Review a pull request to the submissions: what changes, what is refused."
)(review.review)
app.command("rank", help="Print a suite's ranking: value, 95 % interval, ranks, tie classes.")(
    rankings.rank
)
app.command("compare", help="Compare two rows: paired differences and a verdict, cell by cell.")(
    comparing.compare
)
app.command("disagree", help="Show test inputs on which two entries decide differently.")(
    disagree.disagree
)
app.command("regress", help="Gate a candidate: exit code 0 no regression, 1 one, 3 cannot tell.")(
    regress.regress
)
app.command("power", help="Say how many seeds a difference needs to be seen, before any training.")(
    power.power
)
app.command("macs", help="Count multiply-accumulates for records that do not hold them yet.")(
    macs.macs
)
app.command("board", help="Open the leaderboard in the browser.")(board.board)
app.command("log", help="Mirror records to MLflow, or rebuild its database from them.")(running.log)
app.command("conformance", help="Published numbers beside ours, with how the protocols differ.")(
    published.conformance
)
app.command("claims", help="What the literature claims: does it hold on these records?")(
    published.claims
)
app.add_typer(data.app, name="data", help="List, prepare, verify and show data sets and splits.")


def main() -> None:
    """Run the command line; what a user can correct is one sentence and exit code 2."""
    os.environ["MPLBACKEND"] = "agg"  # pictures go to files; a backend for windows may be absent
    with correctable():
        app()


if __name__ == "__main__":
    main()

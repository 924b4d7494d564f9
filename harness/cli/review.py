"""``tailmark review``: what a pull request to the submissions changes, and what is refused."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from harness.cli import options
from harness.cli.console import printable, say, stdout

if TYPE_CHECKING:
    from harness.runs.review import Review, ReviewedRow, Standing

Form = Literal["text", "markdown", "json"]
HEADS = ("Row", "Suite", "Before", "Now", "Ranks before", "Now", "Tier before", "Now")


def review(
    base: Annotated[
        str, typer.Option(help="Branch, tag or commit that the change is meant for.")
    ] = "origin/main",
    output: Annotated[Form, typer.Option("--format", help="How to answer.")] = "text",
    allow: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-address",
            help="Beginning of addresses that evidence may be fetched from besides https:// and "
            "hf://; may be repeated.",
        ),
    ] = None,
    max_bytes: Annotated[
        int, typer.Option(min=1, help="Largest file of evidence that is fetched.")
    ] = 4 << 30,
    maintainer: Annotated[
        bool,
        typer.Option("--maintainer", help="Files may go, and the maintainers' lists may change."),
    ] = False,
    processes: options.Recomputing = 1,
    submissions: options.Submissions = None,
    store: options.Store = None,
    data_root: options.DataRoot = None,
) -> None:
    """Review what the working tree changes below the submissions.

    Cards and files of touched entries are checked, every number is recomputed from the
    predictions, and rows are ranked before and after. Nothing of an entry is executed. Exit code
    0: nothing stands against the change (tiers say what was verified). 1: something is refused.
    2: a mistake, such as a revision that does not exist.
    """
    from harness.cli.progress import recomputing
    from harness.runs.review import review as found_in

    found = found_in(
        base,
        submissions=submissions,
        store=store,
        data_root=data_root,
        maintainer=maintainer,
        allowed=allow or (),
        most=max_bytes,
        progress=recomputing,
        processes=processes,
    )
    {"text": _text, "markdown": _markdown, "json": _json}[output](found)
    if found.problems:
        raise typer.Exit(1)


def _verdict(found: "Review") -> str:
    files = f"{len(found.changes)} file{'' if len(found.changes) == 1 else 's'} changed"
    if not found.problems:
        return f"{files} since {found.base[:12]}: nothing is refused"
    return f"{files} since {found.base[:12]}: {len(found.problems)} refused"


def _text(found: "Review") -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    say(_verdict(found) + ".")
    for problem in found.problems:
        say(f"refused: {problem}.")
    if found.rows:
        table = Table(box=SIMPLE_HEAD, pad_edge=False)
        for place, head in enumerate(HEADS):
            table.add_column(head, justify="left" if place < 2 or place > 5 else "right")
        for row in found.rows:
            table.add_row(*_cells(row))
        stdout().print(table)
    for line in _below(found):
        say(line)


def _below(found: "Review") -> list[str]:
    """Return what stands below the table: why rows are not ranked, flags, and notes."""
    lines = []
    for row in found.rows:
        if row.after is not None:
            lines += [f"not ranked: {row.name} on {row.suite} — {row.after.why}"] * bool(
                row.after.why
            )
            lines += [f"look again: {row.name} on {row.suite} — {f}" for f in row.after.flags]
    return lines + [f"note: {note}" for note in found.notes]


def _cells(row: "ReviewedRow") -> list[str]:
    pair = (row.before, row.after)
    values = [_value(each, row.key) for each in pair]
    ranks = ["" if each is None else each.ranks for each in pair]
    tiers = ["" if each is None else each.tier for each in pair]
    return [row.name, row.suite, *values, *ranks, *tiers]


def _value(standing: "Standing | None", key: str) -> str:
    from harness.rankings.display import value_text

    if standing is None:
        return "—"
    return "not ranked" if standing.value is None else value_text(standing.value, key)


def _markdown(found: "Review") -> None:
    say(f"### tailmark review\n\n{_verdict(found)}.\n")
    for problem in found.problems:
        say(f"- **refused:** {_plain(problem)}")
    if found.problems:
        say()
    if found.rows:
        say(f"| {' | '.join(HEADS)} |")
        say("|---|---|--:|--:|--:|--:|---|---|")
        for row in found.rows:
            say(f"| {' | '.join(_plain(cell) for cell in _cells(row))} |")
        say()
    for line in _below(found):
        say(f"- {_plain(line)}")


def _plain(text: str) -> str:
    """Return text that no reader of Markdown takes for a link, an image or a new cell."""
    kept = printable(text).replace("\n", " ").replace("&", "&amp;").replace("<", "&lt;")
    return "".join(f"\\{c}" if c in "\\`*[]!|#@" else c for c in kept)


def _json(found: "Review") -> None:
    body = asdict(found)
    for change in body["changes"]:
        change["path"] = change["path"].as_posix()
    say(json.dumps(body, indent=1, ensure_ascii=False))

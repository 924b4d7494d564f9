"""``tailmark submit``: from this machine's record to the folder of a pull request."""

from typing import Annotated

import typer

from harness.cli import options
from harness.cli.console import say


def submit(
    names: Annotated[list[str], typer.Argument(help="Entries that were run.")],
    suite: options.Suite = "digits-v1",
    evidence: Annotated[
        str | None,
        typer.Option(
            help="Publish the predictions: address of the folder that they will lie in "
            "(https://…, hf://datasets/…, runs:/RUN/…, file:///…)."
        ),
    ] = None,
    maintainer: Annotated[
        bool, typer.Option("--maintainer", help="Also list the record as run again by you.")
    ] = False,
    partial: Annotated[
        bool, typer.Option("--partial", help="Also records of some cells, each with every seed.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Keep no jobs that only the committed record has.")
    ] = False,
    processes: options.Recomputing = 1,
    submissions: options.Submissions = None,
    store: options.Store = None,
    data_root: options.DataRoot = None,
) -> None:
    """Copy records from the store to the submissions, ready for a pull request.

    Before that every number is computed again from the stored predictions: a record that does not
    follow from them is refused. Jobs that only the committed record has are kept where they may
    stand beside the new ones; else it is refused. With --evidence the predictions are packed into
    one file, whose address and sha256 the record then names, so that others can do the same.
    """
    from harness.cli.progress import recomputing
    from harness.runs.handing_in import hand_in

    for name in names:
        with recomputing(name) as progress:
            done = hand_in(
                name,
                suite,
                submissions=submissions,
                store=store,
                data_root=data_root,
                maintainer=maintainer,
                partial=partial,
                replace=replace,
                evidence=evidence,
                progress=progress,
                processes=processes,
            )
        kept = f" ({done.kept})" if done.kept else ""
        say(f"Wrote {done.record} and {done.record.with_suffix('.npz').name}{kept}.")
        if done.archive is not None:
            say(f"Packed its predictions: {done.archive} ({done.archive.stat().st_size:,} bytes).")
        if done.step:
            say(f"Next: {done.step}")
    say(
        "Next: commit the files and see what reviewers will see: tailmark review --base origin/main"
    )
    say("Then open a pull request.")

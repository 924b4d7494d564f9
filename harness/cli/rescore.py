"""``tailmark rescore``: do a record's numbers follow from its predictions?"""

from typing import Annotated

import typer

from harness.cli import options
from harness.cli.console import say


def rescore(
    names: Annotated[
        list[str] | None, typer.Argument(help="Entries, by name or folder; none: all.")
    ] = None,
    suite: options.Suite = "digits-v1",
    fetch: Annotated[
        bool,
        typer.Option(
            "--fetch", help="Take submitted records, and the predictions at their addresses."
        ),
    ] = False,
    max_bytes: Annotated[int, typer.Option(min=1, help="Largest file that --fetch takes.")] = 4
    << 30,
    write: Annotated[
        bool, typer.Option("--write", help="Put the recomputed records into the store.")
    ] = False,
    maintainer: Annotated[
        bool,
        typer.Option("--maintainer", help="Also list what reproduces as recomputed by you."),
    ] = False,
    processes: options.Recomputing = 1,
    submissions: options.Submissions = None,
    store: options.Store = None,
    data_root: options.DataRoot = None,
) -> None:
    """Recompute records from predictions and say whether they reproduce.

    Only what a record says is compared; metrics that are newer than the record are named as new.
    Predictions come from this machine's store, or with --fetch from where the record says: a file
    that does not have the record's sha256 is not opened. What reproduces has the tier rescored on
    this machine from then on. Exit code 0: all reproduce. 2: one does not, or a mistake.
    """
    from harness.cli.progress import recomputing
    from harness.paths import records_folder, store_folder, submissions_folder
    from harness.records.records import write_record
    from harness.records.trust import RESCORED, add_to_list
    from harness.runs.evidence import renote
    from harness.runs.rescore import rescore as rescore_one

    differing = 0
    for outcome in rescore_one(
        names or (),
        suite,
        submissions=submissions,
        store=store,
        data_root=data_root,
        renew=write,
        fetch=max_bytes if fetch else None,
        progress=recomputing,
        processes=processes,
    ):
        say(outcome.sentence)
        differing += not outcome.same
        if write:
            folder = records_folder(store_folder(store)) / outcome.entry / "results"
            say(f"Wrote {write_record(outcome.recomputed, folder)}.")
            renote(store_folder(store), outcome.recomputed)
        if maintainer and outcome.same:
            add_to_list(submissions_folder(submissions), outcome.before.record, RESCORED)
    if differing and not write:
        raise typer.Exit(2)

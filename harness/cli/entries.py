"""``tailmark new``, ``check`` and ``submit``."""

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options
from harness.cli.console import remark, say


def new(
    name: Annotated[str, typer.Argument(help="Lower-case letters, digits and dashes.")],
    kind: Annotated[
        str, typer.Option("--kind", "-k", help="method, model or predictions.")
    ] = "method",
    source: Annotated[
        Path | None,
        typer.Option("--from", help="Folder of predictions to list on the card, with sha256 sums."),
    ] = None,
    submissions: options.Submissions = None,
) -> None:
    """Write a card.

    With --kind predictions --from FOLDER every file of predictions below FOLDER is listed. Files
    are named '<cell>-s<seed>/<pool>.npz' (or .npy, .csv, .parquet), such as
    'digits-exp10-clean-s0/test.npz' and 'digits-exp10-clean-s0/ood/near/digits89.npz', or in one
    folder 'digits-exp10-clean-s0-ood-near-digits89.npz'. They are copied into the entry's folder
    unless they lie there already. See docs/predictions.md.
    """
    from harness.paths import submissions_folder

    root = submissions_folder(submissions)
    if source is not None:
        _new_from(root, name, kind, source)
        return
    from harness.models.cards.cards import new_entry

    path = new_entry(root, name, kind)
    say(f"Wrote {path}.")
    say(
        f"Next: fill it in, then: tailmark check {name}; tailmark run {name}; tailmark rank --local"
    )


def _new_from(root: Path, name: str, kind: str, source: Path) -> None:
    from harness.errors import CardError
    from harness.models.cards.collected import new_from

    if kind != "predictions":
        raise CardError(
            f"--from lists files of predictions; got --kind {kind}. Add: --kind predictions"
        )
    path, found = new_from(root, name, source)
    jobs = {key.partition("/")[0] for key in found.files}
    say(f"Wrote {path}: {len(found.files)} files of {len(jobs)} jobs, with their sha256 sums.")
    if found.others:
        remark(f"Left alone, for their names say no job and pool: {', '.join(found.others[:5])}")
    say(f"Next: tailmark check {name}; tailmark run {name}; tailmark rank --local")


def check(
    names: Annotated[
        list[str] | None, typer.Argument(help="Entries, by name or folder; none: all.")
    ] = None,
    suite: Annotated[
        str | None,
        typer.Option("--suite", "-s", help="Check cells, classes and rows against this suite too."),
    ] = None,
    trust: options.Trust = False,
    submissions: options.Submissions = None,
    data_root: options.DataRoot = None,
) -> None:
    """Check cards and files; with a suite also whether they fit its cells, classes and rows."""
    from harness.errors import HarnessError
    from harness.models.cards.cards import check_entry
    from harness.paths import submissions_folder
    from harness.runs.plan import entry_folders, find_entries

    root = submissions_folder(submissions)
    opened = None
    if suite is not None:
        from harness.data.suites.open import open_suite

        opened = open_suite(suite, data_root)
    failures = 0
    for name in names or list(entry_folders(root)) or [None]:  # type: ignore[list-item]
        try:
            found = find_entries([name] if name else [], root, trust=trust)
        except HarnessError as error:
            failures += 1
            remark(f"tailmark: {error}")
            continue
        for entry in found:
            try:
                findings = check_entry(entry.folder, suite=opened, trust=trust)
            except HarnessError as error:
                failures += 1
                remark(f"tailmark: {error}")
                continue
            say(f"{entry.card.name}: ok ({entry.card.kind})")
            for finding in findings:
                say(f"  note: {finding}")
    if failures:
        raise typer.Exit(2)


def submit(
    names: Annotated[list[str], typer.Argument(help="Entries that were run.")],
    suite: options.Suite = "digits-v1",
    maintainer: Annotated[
        bool, typer.Option("--maintainer", help="Also list the record as run again by you.")
    ] = False,
    partial: Annotated[
        bool, typer.Option("--partial", help="Also records of some cells, each with every seed.")
    ] = False,
    submissions: options.Submissions = None,
    store: options.Store = None,
) -> None:
    """Copy records from the store to the submissions."""
    from harness.paths import records_folder, store_folder, submissions_folder
    from harness.records.submit import submit as submit_one

    root, records = submissions_folder(submissions), records_folder(store_folder(store))
    for name in names:
        path = submit_one(
            name, suite, records=records, submissions=root, maintainer=maintainer, partial=partial
        )
        say(f"Wrote {path} and {path.with_suffix('.npz').name}.")
    say("Next: commit the files and open a pull request.")

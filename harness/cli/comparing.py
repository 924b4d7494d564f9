"""``tailmark compare``: two rows of a suite, or two records of one entry, side by side."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options
from harness.cli.console import remark, say, stdout
from harness.cli.rankings import DEFAULT_SUITE, metric_key, read_field

if TYPE_CHECKING:
    from harness.metric_keys import RowName
    from harness.rankings.comparing import Comparison
    from harness.rankings.field import Candidate
    from harness.types import RunRecord


def compare(
    candidate: Annotated[
        str,
        typer.Argument(
            help="Entry or entry+variant; with @committed, @local or @REVISION behind it; the path "
            "of a record; runs:/ID or models:/NAME/VERSION of MLflow."
        ),
    ],
    reference: Annotated[str, typer.Argument(help="What it is compared with, named likewise.")],
    suite: options.Suite = DEFAULT_SUITE,
    metric: options.Metric = None,
    margin: Annotated[
        float, typer.Option(help="Differences inside ± this count as the same.")
    ] = 0.01,
    local: options.Local = False,
    with_local: options.WithLocal = False,
    output: options.Output = "text",
    submissions: options.Submissions = None,
    store: options.Store = None,
) -> None:
    """Compare two rows of a suite: two entries, or two records of one entry.

    The submitted record and this machine's are told apart by what stands behind the name:
    tailmark compare cnn-ce@local cnn-ce@committed. A record that was set aside is named by its
    path: tailmark compare cnn-ce@local .tailmark/records/cnn-ce/earlier/SHA/digits-v1.json.

    This is a view: exit code 0 whatever the verdict, 2 for a mistake. A gate is: tailmark regress
    """
    from harness.rankings.comparing import compare_pair, comparison_rows
    from harness.rankings.export import rows_text

    def find(name: str) -> "tuple[str, Candidate]":
        return name, named_row(name, suite, submissions, store, local=local, with_local=with_local)

    pair = find(candidate), find(reference)
    key = metric and metric_key(metric, [row for _, row in pair])
    found = compare_pair(*pair, key=key, margin=margin)
    if output == "text":
        _print_comparison(found, margin)
        _say_why(*(row.recorded.record for _, row in pair))
    else:
        say(rows_text(comparison_rows(found), output))


def _say_why(one: "RunRecord", other: "RunRecord") -> None:
    """Of two records of one entry, say in what they were computed differently."""
    from harness.records.differences import computed_otherwise

    if one.entry == other.entry and one.record_sha256 != other.record_sha256:
        apart = computed_otherwise(one, other)
        if apart:
            remark(f"note: the two were computed with {'; '.join(apart)}: that moves last digits.")


def named_row(
    name: str,
    suite: str,
    submissions: Path | None,
    store: Path | None,
    *,
    local: bool,
    with_local: bool,
) -> "Candidate":
    """Return the row of a name: in a ranking, a file, a revision, an MLflow run or version."""
    from harness.errors import UnknownNameError
    from harness.metric_keys import RowName
    from harness.rankings.comparing import row_named
    from harness.rankings.field import Candidate

    if name.endswith(".json"):
        from harness.records.records import read_record

        return Candidate(read_record(Path(name)), "", "claimed", False)
    if name.startswith(("runs:", "models:")):
        from harness.tracking.sides import tracked_record

        return Candidate(tracked_record(name, suite, store=store), "", "claimed", False)
    row, _, source = name.partition("@")
    if source not in ("", "committed", "local"):
        return _row_at(RowName.parse(row), source, suite, submissions, store)
    asked = RowName.parse(name)
    if asked.source:
        local, with_local = asked.source == "local", False
    rows = read_field(suite, submissions, store, local=local, with_local=with_local, variants=True)
    if asked.source == "local" and not rows and not rows.left_out:
        raise UnknownNameError(
            f"Expected a record of {asked.entry} on {suite} from this machine; the store has none "
            f"of that suite. Run: tailmark run {asked.entry} --suite {suite}"
        )
    plain = str(RowName(asked.entry, asked.variant))
    try:
        return row_named(rows, plain)
    except UnknownNameError:
        if local or with_local or asked.source:
            raise
        here = read_field(
            suite, submissions, store, local=True, with_local=False, variants=True
        )  # it may only lack the word that says where it is
        if all(row.name != plain for row in here):
            raise
        raise UnknownNameError(
            f"Expected a submitted record of {plain} on {suite}; only this machine has one. Write "
            f"{plain}@local, or add --with-local."
        ) from None


def _row_at(
    row: "RowName", revision: str, suite: str, submissions: Path | None, store: Path | None
) -> "Candidate":
    """Return a row as it was submitted at a revision of the submissions' repository."""
    from harness.errors import UnknownNameError
    from harness.lookup import lookup
    from harness.paths import store_folder, submissions_folder
    from harness.rankings.field import Candidate
    from harness.records.records import read_record
    from harness.records.revisions import Repository

    root = submissions_folder(submissions).resolve()
    repository = Repository.around(root)
    commit = repository.resolved(revision)
    goal = store_folder(store) / "revisions" / commit  # a commit does not change
    goal.mkdir(parents=True, exist_ok=True)
    stem = root.relative_to(repository.root.resolve()) / row.entry / "results" / suite
    repository.extract(commit, [f"{stem}.json", f"{stem}.npz"], goal)
    path = goal / f"{stem}.json"
    if not path.is_file():
        raise UnknownNameError(
            f"{row.entry} has no record of {suite} at {revision} ({commit[:12]}). Name a later "
            "revision."
        )
    recorded = read_record(path)
    lookup("variant", row.variant, recorded.record.variants)
    return Candidate(recorded, row.variant, "claimed", False)


def _print_comparison(found: "Comparison", margin: float) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from harness.rankings.comparing import survival_text, surviving
    from harness.rankings.display import cell_label, difference_text, interval_title, metric_title

    overall = found.overall
    say(
        f"{found.candidate} against {found.reference} · {metric_title(found.key)} · positive: "
        f"{found.candidate} is better"
    )
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("Cell")
    table.add_column("Difference", justify="right")
    table.add_column("95 % interval", justify="right")
    table.add_column("Verdict")
    count = len(found.cells)
    mean = "all cells" if not found.apart else f"mean of {count} cells"
    lines = [(cell_label(name), verdict) for name, verdict in found.cells]
    for label, verdict in lines if count == 1 else [(mean, overall), *lines]:
        low, high = (difference_text(v, found.key) for v in (verdict.low, verdict.high))
        table.add_row(
            label,
            difference_text(verdict.difference, found.key),
            f"{low} … {high}",
            verdict.verdict,
        )
    stdout().print(table)
    if found.apart:
        listed = ", ".join(name for name, _ in found.cells)
        say(f"In common: {count} of {count + len(found.apart)} cells of {found.suite}: {listed}.")
    say(
        f"Intervals: {interval_title(overall.interval_kind)}. Margin of 'same': "
        f"{difference_text(margin, found.key).lstrip('+')}."
    )
    if overall.detectable is not None:
        least = difference_text(overall.detectable, found.key).lstrip("+")
        say(f"Smallest difference found with 80 % power: {least}.")
    if overall.reason is not None:
        say(f"Nothing is told: {overall.reason}.")
    elif overall.verdict == "cannot tell":
        needed = overall.seeds_to_settle
        say(
            f"Seeds that would settle it: {needed}."
            if needed is not None
            else "Not to be settled by seeds: it needs test inputs."
        )
    if count > 1:
        say(survival_text(surviving([found])[0]))
    if found.candidate == found.reference:
        remark("Both names are the same row.")

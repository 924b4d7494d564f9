"""``tailmark run`` and ``log``."""

import signal
import sys
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli import options
from harness.cli.console import interrupted_once, remark, say

if TYPE_CHECKING:
    from harness.runs.results import Results

Names = Annotated[list[str] | None, typer.Argument(help="Entries, by name or folder; none: all.")]


def run(
    names: Names = None,
    suite: options.Suite = "digits-v1",
    cell: options.Cells = None,
    seed: options.Seeds = None,
    processes: Annotated[
        int | None, typer.Option("--processes", "-j", help="Jobs done at once; default: cores.")
    ] = None,
    executor: Annotated[
        str | None,
        typer.Option(help="local, processes or ray: where jobs are done. No result depends on it."),
    ] = None,
    address: Annotated[
        str | None, typer.Option(help="Of a Ray cluster; without: one on this machine.")
    ] = None,
    jobs_per_gpu: Annotated[
        int | None, typer.Option(help="Jobs that share a GPU of a Ray cluster.")
    ] = None,
    time_limit: Annotated[
        float | None,
        typer.Option(min=0, help="Seconds that a job may take before it is stopped as failed."),
    ] = None,
    memory_limit: Annotated[
        int | None,
        typer.Option(
            parser=options.parse_bytes,
            metavar="SIZE",
            help="Memory that a job may take before it is stopped as failed, such as 4GB.",
        ),
    ] = None,
    track: Annotated[
        bool, typer.Option("--track/--no-track", help="Mirror the records to MLflow.")
    ] = True,
    tracking_uri: options.TrackingUri = None,
    trust: options.Trust = False,
    features_budget: options.FeaturesBudget = None,
    submissions: options.Submissions = None,
    store: options.Store = None,
    data_root: options.DataRoot = None,
) -> None:
    """Run entries on a suite; without names all whose card is meant for it.

    Instead of a name: a registered model (models:/name/3, models:/name@alias, runs:/…), a model of
    the Hub (hf://owner/name@commit) or a file (model.onnx, .pt2, .skops, .safetensors) that says
    how it is fed. See docs/loaders.md.
    """
    from harness import run as run_entries
    from harness.cli.progress import Shown
    from harness.paths import store_folder
    from harness.runs.planning import summary

    shown = Shown()
    sentences: list[str] = []
    try:
        with interrupted_once(), shown:
            results = run_entries(
                names or (),
                suite,
                cells=cell,
                seeds=seed,
                store=store,
                submissions=submissions,
                data_root=data_root,
                processes=processes,
                executor=executor,
                address=address,
                jobs_per_gpu=jobs_per_gpu,
                time_limit=time_limit,
                memory_limit=memory_limit,
                trust=trust,
                features_budget=features_budget,
                report=shown.report,
                expected=lambda plans: remark(f"tailmark: {summary(plans)}"),
                started=shown.started,
                finished=shown.finished,
                told=sentences.append,
            )
    except KeyboardInterrupt:
        remark(
            f"Interrupted: {shown.done} of {shown.total} jobs are done and kept. "
            "Run the same command to go on."
        )
        # A handler of Python's is gone while the interpreter ends: a late Ctrl-C would kill it.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        sys.exit(130)
    for sentence in sentences:
        remark(f"tailmark: {sentence}")
    for problem in results.problems:
        remark(f"tailmark: {problem}")
    failed = _say_results(results) + len(results.problems)
    if track:
        _mirror(results, store_folder(store), tracking_uri, submissions)
    if failed:
        raise typer.Exit(2)


def _say_results(results: "Results") -> int:
    """Print one line per record, and each failed job's sentence once; return how many failed."""
    from harness.rankings.declared import declaration_flags
    from harness.records.merging import kept_words

    failed = 0
    for recorded in results:
        record = recorded.record
        done = sum(job.status == "done" for job in record.jobs)
        failed += len(record.jobs) - done
        kept = kept_words(record)
        written = f"record {str(record.record_sha256)[:12]}{f' ({kept})' if kept else ''}"
        say(
            f"{record.entry}: {done} of {len(record.jobs)} jobs on {record.suite.id}, "
            f"{written if done else 'no record: nothing was measured'}"
        )
        for error in dict.fromkeys(job.error for job in record.jobs if job.error):
            remark(f"tailmark: {record.entry}: {error}")
        for flag in declaration_flags(record.facets):
            remark(f"note: {record.entry}: {flag}")
    for sentence in results.remarks():
        remark(f"note: {sentence}")
    return failed


def _mirror(results: "Results", store: Path, uri: str | None, submissions: Path | None) -> None:
    """Mirror to MLflow where it is installed; a server that is away costs only a remark."""
    from importlib.util import find_spec

    from harness.errors import TrackingError
    from harness.runs.api import mirror_all
    from harness.runs.results import Results

    if find_spec("mlflow") is None:
        remark("MLflow is not installed, so nothing was mirrored: pip install 'tailmark[track]'.")
        return
    written = tuple(r for r in results if any(job.status == "done" for job in r.record.jobs))
    found = Results(results.suite, written)
    for outcome in mirror_all(found, store, uri=uri, submissions=submissions).values():
        if isinstance(outcome, TrackingError):
            remark(f"tailmark: {outcome}")


def log(
    names: Names = None,
    suite: options.Suite = "digits-v1",
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Log every record there is, of every suite.")
    ] = False,
    pending: Annotated[
        bool, typer.Option("--pending", help="Log what runs could not log: the server was away.")
    ] = False,
    tracking_uri: options.TrackingUri = None,
    submissions: options.Submissions = None,
    store: options.Store = None,
) -> None:
    """Mirror records to MLflow; what is there already is not logged twice."""
    from harness.errors import TrackingError
    from harness.paths import records_folder, store_folder, submissions_folder
    from harness.records.reading import load_records
    from harness.runs.api import mirror_all
    from harness.runs.results import Results
    from harness.tracking.pending import pending as all_pending

    home = store_folder(store)
    roots = [records_folder(home), submissions_folder(submissions)]
    logged = 0
    wanted: dict[str, Collection[str]] = {one: names or () for one in [suite]}
    if rebuild:
        wanted = {one: names or () for one in _suites_in(roots)}
    elif pending:
        wanted = dict(all_pending(home))
    for one, entries in wanted.items():
        loaded = load_records(one, roots)
        for lost in loaded.left_out:
            remark(f"Left out: {lost}")
        found = [r for r in loaded.records if not entries or r.record.entry in entries]
        outcomes: dict[str, Any] = dict(
            mirror_all(Results(one, tuple(found)), home, uri=tracking_uri, submissions=submissions)
        )
        for outcome in outcomes.values():
            if isinstance(outcome, TrackingError):
                raise outcome
        logged += len(outcomes)
    say(f"{logged} records are in MLflow.")


def _suites_in(roots: list[Path]) -> list[str]:
    return sorted({path.stem for root in roots for path in root.glob("*/results/*.json")})

"""What logging to MLflow takes, beside plain ``mlflow.log_*`` calls of the same numbers.

    python benchmarks/tracking.py                                 # a fresh sqlite file
    python benchmarks/tracking.py --uri postgresql://…            # or a server
    python benchmarks/tracking.py --uri … --workers 4 --entries 500 --metrics 20

Entries are copies of a committed record under other names, with all their jobs, and with all of
their metrics where ``--metrics`` does not say how many of each variant are enough to count runs.
Afterwards every run is counted: none may be lost and none doubled. Bars: an entry's own run in at
most 1 s; a job's in at most 0.12 s on sqlite and 0.25 s elsewhere. They are of wall time on a quiet
machine, so the load is printed, and the processor time of this process, to which a database adds
its own.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
import uuid
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

from harness.connection import connected, tracking_uri
from harness.records.records import Recorded, read_record, sealed
from harness.tracking import contents
from harness.tracking.mirror import mirror
from harness.types import JobRecord, RunRecord

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "submissions" / "cnn-ce" / "results" / "digits-v1.json"
ENTRY_BAR = 1.0
"""Seconds of an entry's own run: params, means, record and figures."""
JOB_BARS = {"sqlite": 0.12, "": 0.25}
"""Seconds of a job's run, by how the address begins."""


def copied(name: str, metrics: int | None = None) -> Recorded:
    """Return the source record under another name, with some of its metrics."""
    found = read_record(SOURCE)
    variants = {
        key: variant.model_copy(
            update={"metrics": dict(islice(variant.metrics.items(), metrics))},
        )
        for key, variant in found.record.variants.items()
    }
    changed = found.record.model_copy(update={"entry": name, "variants": variants})
    return sealed(changed, dict(found.arrays))


def logged(name: str, uri: str, metrics: int | None = None) -> tuple[float, ...]:
    """Mirror one entry; return seconds of its own run and of a job's, wall and processor time."""
    record = copied(name, metrics)
    found: list[float] = []
    ticks: list[tuple[float, float]] = []
    begun = _now()
    mirror(record, uri=uri, progress=lambda done, total: ticks.append(_now()))
    for start, end, times in zip(begun, _now(), zip(*ticks, strict=True), strict=True):
        job = (times[-1] - times[0]) / (len(times) - 1)
        found += [end - start - job * len(times), job]
    return tuple(found)


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def plainly(record: RunRecord, job: JobRecord, uri: str) -> float:
    """Return the seconds of the same params, tags and metrics by MLflow's fluent calls."""
    import mlflow

    mlflow.set_tracking_uri(uri)
    mlflow.set_experiment("plain")
    begun = time.perf_counter()
    with mlflow.start_run():
        mlflow.set_tags(contents.job_tags(record, job, "none"))
        said = contents.job_params(record, job)
        mlflow.log_params({k: v for k, v in said.items() if v is not None})
        mlflow.log_metrics(contents.job_metrics(record, job))
    return time.perf_counter() - begun


def counted(names: list[str], uri: str) -> Counter[str]:
    """Return what is wrong with the runs on the server: entry or jobs lost or doubled."""
    jobs = len(read_record(SOURCE).record.jobs)
    wrong: Counter[str] = Counter()
    with connected(uri) as client:
        experiment = client.get_experiment_by_name("digits-v1").experiment_id
        for name in names:
            role = "tags.`tailmark.entry` = '{}' and tags.`tailmark.role` = 'entry'"
            runs = client.search_runs([experiment], role.format(name))
            wrong["entries lost"] += not runs
            wrong["entries doubled"] += max(len(runs) - 1, 0)
            for run in runs[:1]:
                of = f"tags.`mlflow.parentRunId` = '{run.info.run_id}'"
                found = client.search_runs([experiment], of)
                places = {(r.data.params["cell"], r.data.params["seed"]) for r in found}
                wrong["jobs lost"] += max(jobs - len(places), 0)
                wrong["jobs doubled"] += len(found) - len(places)
    return +wrong


def main() -> None:
    """Print seconds, ratios to the bars, and what is lost; status 1 where one is over."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--uri")
    parser.add_argument("--entries", type=int, default=3)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--metrics", type=int, help="of each variant; default: all")
    asked = parser.parse_args()
    folder = tempfile.TemporaryDirectory()
    uri = tracking_uri(asked.uri or f"sqlite:///{folder.name}/mlflow.db")
    mark = uuid.uuid4().hex[:8]
    names = [f"bench-{mark}-{number}" for number in range(asked.entries)]
    log_one = partial(logged, uri=uri, metrics=asked.metrics)
    log_one(f"bench-{mark}-first")  # tables, imports and fonts are made once
    begun = time.perf_counter()
    if asked.workers > 1:
        # a fork would take over locks and connections of the first entry's threads
        with ProcessPoolExecutor(asked.workers, mp_context=get_context("spawn")) as pool:
            times = list(pool.map(log_one, names))
    else:
        times = [log_one(name) for name in names]
    whole = time.perf_counter() - begun
    entry, job, entry_cpu, job_cpu = map(statistics.median, zip(*times, strict=True))
    source = copied("plain", asked.metrics).record
    plain = statistics.median(plainly(source, each, uri) for each in source.jobs[:5])
    job_0 = source.jobs[0]
    bar = next(bar for start, bar in JOB_BARS.items() if uri.startswith(start))
    wrong = counted(names, uri)
    lines = [
        f"load {os.getloadavg()[0]:.1f}, {asked.workers} workers, {asked.entries} entries x "
        f"{len(source.jobs)} jobs in {whole:.1f} s, {len(contents.job_metrics(source, job_0))} "
        f"metrics a job, {uri.partition(':')[0]}",
        f"entry's own run {entry:.2f} s, target {ENTRY_BAR:.2f} s, ratio {entry / ENTRY_BAR:.2f} "
        f"({entry_cpu:.2f} s of processor time)",
        f"job's run       {job:.3f} s, target {bar:.2f} s, ratio {job / bar:.2f} "
        f"({job_cpu:.3f} s of processor time); plain calls {plain:.3f} s, ratio {job / plain:.2f}",
        f"lost or doubled: {dict(wrong) or 'none'}",
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    raise SystemExit(bool(wrong) or entry > ENTRY_BAR or job > bar)


if __name__ == "__main__":
    main()

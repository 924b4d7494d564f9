"""What the MLflow mirror says of a record: tags, params, metrics and artifacts of its runs.

Nothing here knows MLflow; how it is sent is `harness.tracking.mirror`.
"""

from pathlib import Path
from typing import Any

import numpy as np

from harness.records.records import Recorded, write_record
from harness.types import JobRecord, RunRecord
from harness.types.models import DECLARED

PARAM_LENGTH = 500
"""Longest value that every MLflow store takes."""
PARTIAL = "partial/"
"""Before the names of means over some of a suite's jobs."""
COMPLETE = "tailmark.complete"
"""Tag of an entry's run that holds all of its record, whether jobs of it failed or not."""
WRITER = "tailmark.writer"
"""Tag of an entry's run: which store of which machine writes it, as a hash."""


def job_tags(record: RunRecord, job: JobRecord, parent: str) -> dict[str, str]:
    """Return the tags of a job's run, a child of the entry's.

    Parameters
    ----------
    record : RunRecord
        The entry's record.
    job : JobRecord
        One of its jobs.
    parent : str
        Id of the entry's run.
    """
    return {
        "mlflow.parentRunId": parent,
        "mlflow.source.name": "tailmark",
        "tailmark.role": "job",
        "tailmark.entry": record.entry,
        "tailmark.undefined": str(_undefined(record, job)),
    } | ({"tailmark.error": job.error[:PARAM_LENGTH]} if job.error else {})


def entry_tags(record: RunRecord) -> dict[str, str]:
    """Return the tags of an entry's run; its record's sha256 is what it is found by."""
    undefined = sum(_undefined(record, job) for job in record.jobs)
    return {
        "mlflow.source.name": "tailmark",
        "mlflow.note.content": (
            f"**{record.entry}** on **{record.suite.id}**: {_done(record)} of "
            f"{len(record.suite.cells)} cells × {len(record.suite.seeds)} seeds. Metrics of this "
            "run are means over all of them, where all are defined; those under partial/ are means "
            "over the jobs that were done when not all were. Again from nothing: "
            f"`{_command(record)}`"
        ),
        "tailmark.role": "entry",
        "tailmark.entry": record.entry,
        "tailmark.record_sha256": str(record.record_sha256),
        "tailmark.produced_by": record.produced_by,
        "tailmark.undefined": str(undefined),
        "tailmark.failed": str(failed(record)),
        "tailmark.jobs": f"{len(record.jobs) - failed(record)} of {_wanted(record)}",
    }


def _done(record: RunRecord) -> str:
    done = len(record.jobs) - failed(record)
    return "all jobs" if done == _wanted(record) else f"{done} jobs"


def _command(record: RunRecord) -> str:
    """Return the command that runs the jobs of a record again, as far as options can name them."""
    suite = record.suite
    words = ["tailmark run", record.entry, "--suite", suite.id]
    for flag, every, had in (
        ("--cell", suite.cells, {job.cell for job in record.jobs}),
        ("--seed", suite.seeds, {job.seed for job in record.jobs}),
    ):
        if len(had) < len(every):
            words += [word for k in sorted(had) for word in (flag, str(every[k]))]
    return " ".join(words)


def failed(record: RunRecord) -> int:
    """Return how many of a record's jobs failed."""
    return sum(job.status == "failed" for job in record.jobs)


def _wanted(record: RunRecord) -> int:
    return len(record.suite.cells) * len(record.suite.seeds)


def entry_params(record: RunRecord) -> dict[str, Any]:
    """Return the params of an entry's run: identity, choices and facets."""
    base = record.variants[""]
    return {
        "suite": record.suite.id,
        "suite_sha256": record.suite.sha256,
        "card_sha256": record.card_sha256,
        "produced_by": record.produced_by,
        "ood_score": base.ood_score,
        "selection": base.selection,
        "variants": ", ".join(name for name in record.variants if name) or "none",
    } | {f"facets.{name}": _said(name, value) for name, value in record.facets.items()}


def _said(name: str, value: Any) -> Any:
    """Return a facet as a param; what nobody declared is said in words."""
    return "not declared" if value is None and name in DECLARED else value


def job_params(record: RunRecord, job: JobRecord) -> dict[str, Any]:
    """Return the params of a job's run: what it trained on and what came out."""
    cell = record.suite.cells[job.cell]
    return {
        "entry": record.entry,
        "card_sha256": record.card_sha256,
        "cell": cell,
        "seed": record.suite.seeds[job.seed],
        "split_sha256": job.split_sha256,
        "model_id": job.model_id,
        "weights_sha256": job.weights_sha256,
    } | {f"numerics.{name}": value for name, value in job.numerics.items()}


def _metric_name(variant: str, key: str) -> str:
    """Return a metric's name in MLflow, which refuses the ``+`` of ``la+ts``."""
    return f"{variant.replace('+', '.')}/{key}" if variant else key


def job_metrics(record: RunRecord, job: JobRecord) -> dict[str, float]:
    """Return the job's defined metrics, those of variants under ``<variant>/``."""
    return {
        _metric_name(name, key): value
        for name, variant in record.variants.items()
        for key, grid in variant.metrics.items()
        if (value := grid[job.cell][job.seed]) is not None
    }


def _undefined(record: RunRecord, job: JobRecord) -> int:
    """Return how many of the job's metrics have no value."""
    missing = {
        (item.variant, item.key)
        for item in record.undefined
        if item.cell == job.cell and item.seed in (None, job.seed)
    } | {
        (name, key)
        for name, variant in record.variants.items()
        for key, grid in variant.metrics.items()
        if grid[job.cell][job.seed] is None
    }
    return len(missing)


def means(record: RunRecord) -> dict[str, float]:
    """Return means over cells and seeds of the metrics that are defined in all of them.

    Of a record without all jobs, or with failed ones, they are means over the jobs that were done
    and defined in all of these, and their names begin with ``partial/``: they compare with nothing
    but the same jobs.
    """
    done = [(job.cell, job.seed) for job in record.jobs if job.status == "done"]
    prefix = "" if len(done) == _wanted(record) else PARTIAL
    found = {}
    for name, variant in record.variants.items():
        for key, grid in variant.metrics.items():
            values = [grid[cell][seed] for cell, seed in done]
            if values and None not in values:
                mean = float(np.mean(np.array(values, dtype=float)))
                found[prefix + _metric_name(name, key)] = mean
    return found


def write_artifacts(recorded: Recorded, folder: Path) -> None:
    """Write what belongs to the entry's run: its record and a reliability diagram a variant."""
    from harness.pictures.record import png, reliability_plot

    write_record(recorded, folder / "record")
    figures = folder / "figures"
    figures.mkdir()
    for variant in recorded.record.variants:
        if recorded.detail(variant, "reliability") is not None:
            name = f"reliability-{variant}.png" if variant else "reliability.png"
            (figures / name).write_bytes(png(reliability_plot(recorded, variant=variant), dpi=100))

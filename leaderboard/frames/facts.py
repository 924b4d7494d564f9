"""What a record says of itself as frames: every metric, what has no value and why, its origin."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from harness.metric_keys import metric_name
from harness.metrics.table import METRICS
from harness.rankings.display import metric_title, value_text
from harness.records.reasons import reason_words
from harness.records.records import Recorded
from harness.types import RunRecord
from leaderboard.frames.cells import cell_names

WHOLE = "the whole suite"
"""What stands for every cell or every seed in a list of undefined values."""


def metrics_frame(recorded: Recorded, variant: str) -> pd.DataFrame:
    """Return every metric's mean over seeds in each cell, as people read it.

    Returns
    -------
    DataFrame
        Columns ``metric``, ``key`` and one per cell; a dash where a seed has no value.
    """
    record = recorded.record
    lines = []
    metrics = record.variants[variant].metrics
    for key in sorted(metrics, key=_subject_first):
        grid = metrics[key]
        means = [None if None in seeds else float(np.mean(seeds)) for seeds in grid]  # type: ignore[arg-type]
        lines.append((metric_title(key), key, *(value_text(mean, key) for mean in means)))
    return pd.DataFrame(lines, columns=["metric", "key", *cell_names(record.suite.cells).values()])


def _subject_first(key: str) -> tuple[int, bool, str]:
    """Sort metric keys as the table of metrics does, the test pool as it is before its views."""
    names = list(METRICS)
    name = metric_name(key)
    place = names.index(name) if name in names else len(names)
    return place, not key.startswith("test/"), key


def undefined_frame(record: RunRecord, variant: str) -> pd.DataFrame:
    """Return why values are missing, one line a reason and metric.

    Returns
    -------
    DataFrame
        Columns ``metric``, ``key``, ``cells``, ``reason``.
    """
    cells: dict[tuple[str, str], list[int]] = {}
    for item in record.undefined:
        if item.variant == variant:
            cells.setdefault((item.key, item.reason), []).append(item.cell)
    lines = [
        (metric_title(key), key, _cells_text(record, found), reason_words(record, reason))
        for (key, reason), found in sorted(cells.items())
    ]
    return pd.DataFrame(lines, columns=["metric", "key", "cells", "reason"])


def reasons(record: RunRecord, variant: str, key: str) -> list[tuple[str, str]]:
    """Return the cells in which a metric has no value, with the reason: undefined or failed.

    Parameters
    ----------
    record : RunRecord
        What is read.
    variant, key : str
        Variant and metric key; ``declared`` in the key stands for the variant's own OOD score.
    """
    own = key.replace("/declared/", f"/{record.variants[variant].ood_score}/")
    undefined = undefined_frame(record, variant)
    found = undefined[undefined["key"] == own]
    failed = failed_frame(record)
    return [
        *zip(found["cells"], found["reason"], strict=True),
        *zip(failed["cell"], failed["error"], strict=True),
    ]


def _cells_text(record: RunRecord, found: list[int]) -> str:
    distinct = sorted(set(found))
    if len(distinct) == len(record.suite.cells):
        return WHOLE
    words = list(cell_names(record.suite.cells).values())
    return ", ".join(words[i] for i in distinct)


def failed_frame(record: RunRecord) -> pd.DataFrame:
    """Return the jobs that failed, with the first line of what went wrong."""
    words = list(cell_names(record.suite.cells).values())
    lines = [
        (words[job.cell], record.suite.seeds[job.seed], job.error or "")
        for job in record.jobs
        if job.status == "failed"
    ]
    return pd.DataFrame(lines, columns=["cell", "seed", "error"])


def facts_frame(recorded: Recorded, variant: str) -> pd.DataFrame:
    """Return where the record comes from, as pairs of what and which.

    Returns
    -------
    DataFrame
        Columns ``what`` and ``which``.
    """
    record = recorded.record
    body = record.variants[variant]
    evidence = record.evidence
    pairs: list[tuple[str, Any]] = [
        ("produced by", record.produced_by),
        ("OOD score", body.ood_score),
        ("selection", body.selection),
        ("record sha256", record.record_sha256),
        ("card sha256", record.card_sha256),
        ("suite sha256", record.suite.sha256),
        ("evidence sha256", None if evidence is None else evidence.sha256),
        ("evidence at", None if evidence is None else evidence.url or "run it again"),
        *(("numerics: " + k, v) for k, v in _shared(job.numerics for job in record.jobs).items()),
        *((f"provenance: {k}", _flat(v)) for k, v in sorted(record.provenance.items())),
    ]
    return pd.DataFrame(
        [(what, str(which)) for what, which in pairs if which is not None],
        columns=["what", "which"],
    )


def _shared(given: Any) -> dict[str, str]:
    """Return settings over jobs; where they differ, all that occur."""
    seen: dict[str, list[str]] = {}
    for settings in given:
        for name, value in settings.items():
            if str(value) not in seen.setdefault(name, []):
                seen[name].append(str(value))
    return {name: ", ".join(values) for name, values in sorted(seen.items())}


def _flat(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {v}" for k, v in sorted(value.items()))
    return str(value)

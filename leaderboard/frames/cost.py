"""What an entry costs, as people read it: parameters, training time, images a second."""

from collections.abc import Mapping

import numpy as np

from harness.rankings.display import count_text
from harness.rankings.field import Candidate

KEYS = {
    "parameters": "parameters",
    "train_seconds": "training, seconds per run",
    "inputs_per_second": "images per second",
}
"""Field of a record's cost → what it is."""


def mean_cost(row: Candidate, name: str) -> float | None:
    """Return the mean of one cost over the jobs that have it.

    Parameters
    ----------
    row : Candidate
        A row; a variant costs what its entry costs.
    name : str
        In KEYS.

    Returns
    -------
    float or None
        None where no job has it.
    """
    record = row.recorded.record
    found = [job[name] for job in record.cost if isinstance(job.get(name), (int, float))]
    if not found and name == "parameters" and record.facets.get("parameters"):
        return float(record.facets["parameters"])
    return float(np.mean(found)) if found else None


def cost_texts(rows: Mapping[str, Candidate]) -> dict[str, str]:
    """Return each row's cost in a line; empty where nothing is recorded."""
    return {name: cost_text(row) for name, row in rows.items()}


def cost_text(row: Candidate) -> str:
    """Return a row's cost in a line, such as ``38.3 k parameters · 2.5 s training``."""
    parameters, seconds, speed = (mean_cost(row, name) for name in KEYS)
    parts = []
    if parameters is not None:
        parts.append(f"{count_text(round(parameters))} parameters")
    if seconds is not None:
        parts.append(f"{_seconds(seconds)} training")
    if speed is not None:
        parts.append(f"{count_text(round(speed))} images/s")
    return " · ".join(parts)


def _seconds(value: float) -> str:
    if value >= 3600:
        return f"{value / 3600:.1f} h"
    return f"{value / 60:.1f} min" if value >= 60 else f"{value:.1f} s"


def cost_key(name: str) -> str:
    """Return how a page's address names a cost, beside metric keys."""
    return f"cost/{name}"


COSTS = {cost_key(name): words for name, words in KEYS.items()}
"""Key in an address → what it is, for the axes of trade-offs."""

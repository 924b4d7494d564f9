"""What an entry costs, as people read it: parameters, multiply-accumulates, time, speed."""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from harness.rankings.display import count_text
from harness.rankings.field import Candidate

KEYS = {
    "parameters": "parameters",
    "macs": "multiply-accumulates per input",
    "train_seconds": "training, seconds per run",
    "inputs_per_second": "inputs per second",
}
"""Field of a record's cost → what it is."""


MEANING = {
    "Parameters": "weights of the trained model, backbone included where the harness counted them",
    "Multiply-accumulates (MACs)": "products of convolutions, linear layers and other matrices for "
    "one input as the model is fed, its backbone included; biases, normalisation and activations "
    "are left out. Trees and neighbours have none",
    "Training": "seconds of one run, with the threads and the device of the machine that made the "
    "record; not comparable between machines",
    "Inputs per second": "images or rows passed through the trained model, on that machine",
}
"""Cost → what it is, for people."""


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
    if name == "macs":
        return row.macs.count
    record = row.recorded.record
    found = [job[name] for job in record.cost if isinstance(job.get(name), (int, float))]
    if not found and name == "parameters" and record.facets.get("parameters"):
        return float(record.facets["parameters"])
    return float(np.mean(found)) if found else None


def cost_texts(rows: Mapping[str, Candidate]) -> dict[str, str]:
    """Return each row's cost in a line; empty where nothing is recorded."""
    return {name: cost_text(row) for name, row in rows.items()}


def cost_text(row: Candidate) -> str:
    """Return a row's cost in a line, such as ``38.3 k parameters · 418 k MACs``."""
    parameters, macs, seconds, speed = (mean_cost(row, name) for name in KEYS)
    parts = []
    if parameters is not None:
        parts.append(f"{count_text(round(parameters))} parameters")
    if macs is not None:
        parts.append(f"{count_text(round(macs))} MACs")
    if seconds is not None:
        parts.append(f"{_seconds(seconds)} training")
    if speed is not None:
        parts.append(f"{count_text(round(speed))} inputs/s")
    return " · ".join(parts)


def cost_frame(rows: Iterable[Candidate]) -> pd.DataFrame:
    """Return the costs of rows, one line per row; ``not_counted`` says why they were not counted.

    Returns
    -------
    DataFrame
        Columns ``name``, those of KEYS in natural units (empty where nobody measured them), and
        ``not_counted``.
    """
    lines = [(row.name, *(mean_cost(row, name) for name in KEYS), row.macs.why) for row in rows]
    return pd.DataFrame(lines, columns=["name", *KEYS, "not_counted"])


def not_counted(rows: Iterable[Candidate]) -> dict[str, list[str]]:
    """Return why multiply-accumulates were not counted → names of rows, the commonest first."""
    found: dict[str, list[str]] = {}
    for row in rows:
        if row.macs.count is None:
            found.setdefault(row.macs.why.partition(":")[0], []).append(row.name)
    return dict(sorted(found.items(), key=lambda pair: -len(pair[1])))


def _seconds(value: float) -> str:
    if value >= 3600:
        return f"{value / 3600:.1f} h"
    return f"{value / 60:.1f} min" if value >= 60 else f"{value:.1f} s"


def cost_key(name: str) -> str:
    """Return how a page's address names a cost, beside metric keys."""
    return f"cost/{name}"


COSTS = {cost_key(name): words for name, words in KEYS.items()}
"""Key in an address → what it is, for the axes of trade-offs."""

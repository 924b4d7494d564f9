"""What a record must be before it is believed: whole, inside its suite, values in their range.

A record's own sha256 only says that it was not damaged: whoever edits one can seal it again. What
is checked here needs no suite, no card and no data.
"""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache

import numpy as np
from jaxtyping import Float

from harness.errors import RecordMismatchError, SpecError
from harness.metric_keys import MetricKey, RowName
from harness.metrics.table import METRICS
from harness.types import RunRecord

CELL = re.compile(r"[a-z0-9_.]+-[a-z0-9_.~]+-[a-z0-9_.~-]+")
"""Of split ids: data set, imbalance, noise."""
SUITE = re.compile(r"[a-z0-9][a-z0-9_.-]*")
"""Of suite ids, which are file names."""
SLACK = 1e-9
"""Values hold nine significant digits: a bound may be passed by rounding."""


Values = Mapping[str, np.ndarray]
"""Variant → its metrics (keys, cells, seeds) in their order, NaN where one has no value."""


def check_record(record: RunRecord) -> Values:
    """Refuse a record whose parts do not fit each other.

    Parameters
    ----------
    record : RunRecord
        As read; its sha256 need not be checked yet.

    Returns
    -------
    mapping of str to float array of shape (keys, cells, seeds)
        The metrics of each variant that has some.

    Raises
    ------
    RecordMismatchError
        If names, cells, seeds, jobs, shapes or values are not what the record's own suite and the
        table of metrics allow; the sentence names the first.
    """
    values: dict[str, np.ndarray] = {}
    problem = (
        _names(record)
        or _jobs(record)
        or _grids(record, values)
        or _reasons(record)
        or (None if record.arrays is None else _file(record.arrays.file, record.suite.id))
    )
    if problem:
        raise RecordMismatchError(f"{problem}. Run: tailmark run, or remove the record.")
    return values


def check_arrays(record: RunRecord, arrays: Mapping[str, np.ndarray]) -> None:
    """Refuse replicates that do not have the record's cells and seeds.

    Raises
    ------
    RecordMismatchError
        If a shape or dtype is another, or a spread is missing.
    """
    shape = (len(record.suite.cells), len(record.suite.seeds))
    for name, array in arrays.items():
        kind, _, rest = name.partition("/")
        if kind != "replicates":
            continue
        sd = arrays.get(f"sd/{rest}")
        fits = array.ndim == 3 and array.shape[:2] == shape and array.dtype.kind == "f"
        if not fits or sd is None or sd.shape != shape or sd.dtype.kind != "f":
            raise RecordMismatchError(
                f"{name} should be numbers of shape ({shape[0]}, {shape[1]}, replicates) with "
                f"sd/{rest} of shape {shape}; got {array.dtype} {array.shape}. Run: tailmark run"
            )


def _names(record: RunRecord) -> str | None:
    suite = record.suite
    try:
        whole = RowName.parse(record.entry) == RowName(record.entry)
        for name in record.variants:
            RowName.parse(f"toy+{name}" if name else "toy")
        MetricKey.parse(suite.primary)
    except SpecError as error:
        return str(error).rstrip(".")
    if not whole:
        return f"An entry's name holds no + and no @; got {record.entry!r}"
    if not SUITE.fullmatch(suite.id):
        return f"A suite's id is lower-case letters, digits, - _ and .; got {suite.id!r}"
    wrong = next((cell for cell in suite.cells if not CELL.fullmatch(cell)), None)
    if wrong is not None:
        return f"A cell is <data set>-<imbalance>-<noise>; got {wrong!r}"
    for what, names in (("cells", suite.cells), ("seeds", suite.seeds)):
        if not names or len(set(names)) < len(names):
            return f"A suite's {what} are at least one, each once; got {_listed(names)}"
    if "" not in record.variants:
        return "A record holds the entry itself (variant ''); it is missing"
    lost = [name for name in record.rank_variants if name not in record.variants]
    return f"Ranked variants are among the record's; {lost[0]!r} is not" if lost else None


def _jobs(record: RunRecord) -> str | None:
    cells, seeds = len(record.suite.cells), len(record.suite.seeds)
    if not record.jobs:
        return "A record has at least one job; got none"
    for job in record.jobs:
        if not (0 <= job.cell < cells and 0 <= job.seed < seeds):
            return (
                f"A job's cell and seed are places among {cells} cells and {seeds} seeds; got "
                f"cell {job.cell}, seed {job.seed}"
            )
    (place, often), *_ = Counter((job.cell, job.seed) for job in record.jobs).most_common(1)
    if often > 1:
        return f"A job is recorded once; cell {place[0]}, seed {place[1]} is {often} times"
    return None


def _grids(record: RunRecord, values: dict[str, np.ndarray]) -> str | None:
    """Return what is wrong with the metrics; where nothing is, they are put into `values`."""
    shape = (len(record.suite.cells), len(record.suite.seeds))
    done = np.zeros(shape, dtype=bool)
    for job in record.jobs:
        done[job.cell, job.seed] = job.status == "done"
    for name, body in record.variants.items():
        if not body.metrics:
            continue
        fitting = _all_fit(body.metrics, done)
        if fitting is not None:
            values[name] = fitting
            continue
        for key, grid in body.metrics.items():
            row = f"{key} of {name}" if name else key
            if len(grid) != shape[0] or any(len(line) != shape[1] for line in grid):
                return f"{row} should have {shape[0]} cells × {shape[1]} seeds; it has another form"
            problem = _values(key, np.array(grid, dtype=np.float64), done, record)
            if problem:
                return f"{row} {problem}"
        values[name] = np.array(list(body.metrics.values()), dtype=np.float64)
    return None


def _all_fit(
    metrics: Mapping[str, Sequence[Sequence[float | None]]], done: np.ndarray
) -> Float[np.ndarray, "keys cells seeds"] | None:
    """Return a variant's metrics, all looked at together; None where one may be wrong."""
    try:
        low, high = np.array([_bounds(key) for key in metrics]).T[..., None, None]
        values = np.array(list(metrics.values()), dtype=np.float64)
    except (SpecError, ValueError):  # a key that is none, a grid of another form
        return None
    if values.shape[1:] != done.shape:
        return None
    outside = np.isinf(values) | (values < low - SLACK) | (values > high + SLACK)
    return None if (outside | (~np.isnan(values) & ~done)).any() else values


@lru_cache(maxsize=1 << 14)
def _bounds(key: str) -> tuple[float, float]:
    """Return the range of a metric's values, raising SpecError of a key that cannot be one."""
    metric = METRICS.get(MetricKey.parse(key).metric)
    low, high = (None, None) if metric is None else metric.bounds
    return (-np.inf if low is None else low, np.inf if high is None else high)


def _values(key: str, values: np.ndarray, done: np.ndarray, record: RunRecord) -> str | None:
    try:
        low, high = _bounds(key)
    except SpecError as error:
        return f"is not a metric key: {str(error).rstrip('.')}"
    there = ~np.isnan(values)
    orphans = np.argwhere(there & ~done)
    if len(orphans):
        cell, seed = orphans[0]
        return (
            f"has a value in {record.suite.cells[cell]}, seed {record.suite.seeds[seed]}, where no "
            "job was done"
        )
    found = values[there]
    bad = found[~np.isfinite(found) | (found < low - SLACK) | (found > high + SLACK)]
    return f"should lie in [{low:g}, {high:g}]; got {bad[0]:g}" if len(bad) else None


def _reasons(record: RunRecord) -> str | None:
    cells, seeds = len(record.suite.cells), len(record.suite.seeds)
    for item in record.undefined:
        if not 0 <= item.cell < cells or not (item.seed is None or 0 <= item.seed < seeds):
            return (
                f"A reason names a place among {cells} cells and {seeds} seeds; got cell "
                f"{item.cell}, seed {item.seed}"
            )
        if item.variant not in record.variants:
            return f"A reason names one of the record's variants; got {item.variant!r}"
        try:
            _bounds(item.key)
        except SpecError as error:
            return str(error).rstrip(".")
    return None


def _file(name: str, suite: str) -> str | None:
    wanted = f"{suite}.npz"
    return None if name == wanted else f"The arrays beside it are {wanted}; it names {name!r}"


def _listed(names: Collection[object]) -> str:
    shown = ", ".join(map(str, list(names)[:4]))
    return f"{shown} and more" if len(names) > 4 else shown or "none"

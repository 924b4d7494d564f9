"""How far a ranking would have come out the same: over seeds, cells and halves of the test set."""

from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, fields

import numpy as np
from jaxtyping import Float

from harness.errors import SpecError, Undefined
from harness.rankings.export import Rows
from harness.rankings.field import Candidate, admitted, cell_indices, metric_of, values_of
from harness.stats.agreement import half_stability, stability

Values = Float[np.ndarray, "entries cells seeds"]
ADJUSTED = "la"
"""The correction whose order is compared with that of the entries as they are."""
PER_EPOCH = (
    "records keep test metrics of the scored epoch alone; train-set curves are in their arrays"
)


@dataclass(frozen=True)
class Stability:
    """One thing that could have been otherwise, and what of the order is left."""

    between: str
    """What differs between the orders: ``seeds``, ``cells``, …"""
    tau: float | None
    """Mean Kendall τ_b over all pairs of orders, in [−1, 1], 1 the same; None: undefined."""
    orders: int
    """Orders that were compared."""
    entries: int
    """Rows in each order."""
    reason: str | None = None
    """Why τ has no value."""


def order_stability(
    rows: Sequence[Candidate],
    *,
    suite: str,
    key: str | None = None,
    track: str = "open",
    cells: Sequence[str] | None = None,
) -> list[Stability]:
    """Return how far the order of rows agrees over what could have been otherwise.

    Of the rows that the track lets in, those with a value in every chosen cell and seed count.

    Parameters
    ----------
    rows, suite, key, track, cells
        As in `harness.rankings.ranking.rank`.

    Returns
    -------
    list of Stability
        Seeds (cells averaged), cells (seeds averaged), halves of the test images, cells with
        clean against cells with noisy labels, entries against their logit-adjusted variants,
        epochs. What cannot be compared has no τ and says why.

    Raises
    ------
    UnknownNameError
        If track, metric or cell is unknown.
    SpecError
        If there is no row.
    """
    if not rows:
        raise SpecError(
            f"The stability of a ranking of {suite} needs records; found none. "
            f"Run: tailmark run --suite {suite}"
        )
    stamp = rows[0].recorded.record.suite
    key = key or stamp.primary
    metric_of(key)
    index = cell_indices(stamp.cells, cells, suite)
    field = [row for row in rows if row.ranked and admitted(row, track)]
    whole = [
        (row, found) for row in field if np.isfinite(found := values_of(row, key, index)).all()
    ]
    values = np.stack([found for _, found in whole]) if whole else np.empty((0, len(index), 0))
    noisy = np.array([not stamp.cells[i].split("-")[2].startswith("clean") for i in index])
    n = len(whole)
    return [
        _found("seeds", values.shape[2], n, lambda: stability(values.mean(axis=1))),
        _found("cells", len(index), n, lambda: stability(values.mean(axis=2))),
        _found("halves of the test images", 2, n, lambda: _halves(whole, key, index)),
        _found("clean and noisy labels", 2, n, lambda: _parts(values, noisy)),
        _adjusted(field, key, index),
        Stability("epochs", None, 0, n, PER_EPOCH),
    ]


def _found(between: str, orders: int, entries: int, measure: Callable[[], float]) -> Stability:
    try:
        if entries < 2:
            raise Undefined(f"{entries} rows have a value in every chosen cell; an order needs 2")
        return Stability(between, measure(), orders, entries)
    except Undefined as undefined:
        return Stability(between, None, orders, entries, undefined.reason)


def _halves(whole: Sequence[tuple[Candidate, np.ndarray]], key: str, index: Sequence[int]) -> float:
    """Return τ between halves of the test images, from the stored replicates."""
    streams = [row.recorded.streams(row.variant, row.key(key), index) for row, _ in whole]
    if any(stream is None for stream in streams):
        raise Undefined("no replicates of this metric are stored for some rows")
    deviations = np.stack([stream.mean(axis=0) for stream in streams if stream is not None])
    return half_stability(np.array([found.mean() for _, found in whole]), deviations)


def _parts(values: Values, second: np.ndarray) -> float:
    """Return τ between the order over some cells and that over the others."""
    if second.all() or not second.any():
        raise Undefined("all chosen cells are of one kind")
    sides = [values[:, part].mean(axis=(1, 2)) for part in (~second, second)]
    return stability(np.stack(sides, axis=1))


def _adjusted(field: Sequence[Candidate], key: str, index: Sequence[int]) -> Stability:
    """Return τ between entries as they are and under logit adjustment after the fact."""
    between, pairs = f"entries and their +{ADJUSTED} variants", []
    for row in field:
        record = row.recorded.record
        if row.variant or ADJUSTED not in record.variants:
            continue
        other = Candidate(row.recorded, ADJUSTED, row.tier, row.local)
        pair = [values_of(each, key, index) for each in (row, other)]
        if all(np.isfinite(values).all() for values in pair):
            pairs.append([float(values.mean()) for values in pair])
    return _found(between, 2, len(pairs), lambda: stability(np.array(pairs)))


def stability_rows(found: Sequence[Stability]) -> Rows:
    """Return stabilities for the writer."""
    return Rows(tuple(f.name for f in fields(Stability)), [astuple(each) for each in found])

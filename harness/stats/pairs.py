"""Which pairs of entries differ: all pairs at once, from inner products of their replicates."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import ndtri, stdtrit

from harness.stats.moderation import moderate
from harness.stats.spread import MIN_SEEDS

ALPHA = 0.025
"""Nominal chance that any pair of equal entries is told apart. Half of the 5 % that is promised:
the other half is for entries that vary more than their three seeds show (`benchmarks/truth.py`)."""
HIDDEN = 0.2
"""Where some entries are kept apart for their variance: the chance, over all entries together,
that one of their kind is told apart because its few seeds happened to agree. Far less comes
true, as most entries use up nothing of their share (`benchmarks/truth.py`)."""
ROWS_AT_ONCE = 128
"""Entries set against all others in one block: its arrays stay in the processor's cache."""

Block = Float[np.ndarray, "rows columns"]


@dataclass(frozen=True)
class Products:
    """Inner products of all entries' centred streams; variances of differences follow."""

    mean: Float[np.ndarray, "k k"]
    """Of streams averaged over seeds."""
    flat: Float[np.ndarray, "k k"]
    """Of all seeds' streams side by side: the sum over seeds; with fewer than 3, `mean` again."""
    seeds: int
    """S."""
    size: int
    """Replicates."""

    def variances(self, rows: slice) -> tuple[Block, Block]:
        """Return V_t and V_c of the differences between some entries and those from there on.

        The sum of a pair's seed-by-seed covariances is S²·V_t; without its diagonal, which is
        the sum of the seeds' own variances, S(S − 1) covariances remain.

        Parameters
        ----------
        rows : slice
            Entries a; the columns are entries rows.start, rows.start + 1, …

        Returns
        -------
        tuple
            Two float arrays of shape (rows, columns).
        """
        total = _squared_distances(self.mean, rows) / (self.size - 1)
        if self.seeds < MIN_SEEDS:
            return total, total
        own = _squared_distances(self.flat, rows) / (self.size - 1)
        shared = (self.seeds**2 * total - own) / (self.seeds * (self.seeds - 1))
        return total, np.maximum(shared, 0, out=shared)


def products(streams: Float[np.ndarray, "entries seeds replicates"]) -> Products:
    """Return the inner products of all entries' streams, each centred first.

    Parameters
    ----------
    streams : float array of shape (entries, seeds, replicates)
        Replicates averaged over cells.
    """
    entries, seeds, size = streams.shape
    centred = streams - streams.mean(axis=2, keepdims=True)
    mean = centred.mean(axis=1)
    flat = centred.reshape(entries, -1)
    mean_products = mean @ mean.T
    return Products(
        mean_products, flat @ flat.T if seeds >= MIN_SEEDS else mean_products, seeds, size
    )


def _squared_distances(gram: Float[np.ndarray, "k k"], rows: slice) -> Block:
    """Return squared distances from some rows to those from there on, from inner products."""
    squares = gram.diagonal()
    sums = np.add.outer(squares[rows], squares[rows.start :])
    distances = sums - 2 * gram[rows, rows.start :]
    # Rows that are equal leave rounding of this size, and no difference is that small.
    distances[distances < 1e-12 * sums] = 0
    return distances


def differing(
    values: Float[np.ndarray, "entries cells seeds"],
    streams: Float[np.ndarray, "entries seeds replicates"],
    *,
    deterministic: Bool[np.ndarray, " entries"] | None = None,
) -> Bool[np.ndarray, "entries entries"]:
    """Return which pairs of entries differ, at the level `ALPHA` over all pairs together.

    |D| > c·√V: all pairs are the family, because the data choose whom the first is compared with,
    so c belongs to ALPHA/(K(K − 1)/2). c is the mean of the normal quantile, weighted with V_c,
    and of each entry's Student quantile, weighted with its seed variance (Cochran and Cox): an
    entry whose spread is known from few degrees of freedom is told apart late, whomever it stands
    beside. From 3 seeds on, seed variances are moderated over the field. Beside entries that vary
    far more than the rest, the others must also be further apart than one of that kind would
    reach (`Moderated.reach`). With fewer seeds only deterministic entries are told apart.

    Parameters
    ----------
    values : float array of shape (entries, cells, seeds)
        The metric.
    streams : float array of shape (entries, seeds, replicates)
        Replicates averaged over cells.
    deterministic : bool array of shape (entries,), optional
        Entries whose seeds are known to change nothing; matters with fewer than 3 seeds.

    References
    ----------
    PROTOCOL section 5, "Tie classes" (second edition); Smyth 2004 and Phipson et al. 2016 for the
    moderated variances; Cochran and Cox 1957.
    """
    entries, seeds = len(values), values.shape[2]
    overall = values.mean(axis=(1, 2))
    alpha = ALPHA / max(1, entries * (entries - 1) // 2)
    normal = float(-ndtri(alpha / 2))
    decided = decidable(values, deterministic)
    moderated, df, reach = np.zeros(entries), np.full(entries, np.inf), np.zeros(entries)
    if seeds >= MIN_SEEDS:
        field = moderate(values)
        moderated, df, reach = field.variances, field.df, field.reach(HIDDEN / entries, seeds)
    finite = np.where(np.isinf(df), 1.0, df)
    student = np.where(np.isinf(df), normal, -stdtrit(finite, alpha / 2))
    part, weighted = moderated / seeds, moderated / seeds * student
    inner = products(streams)
    differ = np.zeros((entries, entries), dtype=bool)
    for start in range(0, entries, ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        distance = np.abs(np.subtract.outer(overall[rows], overall[start:]))
        total, shared = inner.variances(rows)
        seed = np.add.outer(part[rows], part[start:])
        quantiles = np.add.outer(weighted[rows], weighted[start:]) + shared * normal
        with np.errstate(divide="ignore", invalid="ignore"):
            critical = np.where(shared + seed > 0, quantiles / (shared + seed), normal)
        bound = critical * np.sqrt(np.maximum(total, shared + seed))
        if reach.any():
            bound = np.maximum(bound, np.maximum.outer(reach[rows], reach[start:]))
        differ[rows, start:] = (distance > bound) & np.outer(decided[rows], decided[start:])
    # One triangle decides for both: a pair must not differ in one direction only.
    upper = np.triu(differ, 1)
    return upper | upper.T


def decidable(
    values: Float[np.ndarray, "entries cells seeds"],
    deterministic: Bool[np.ndarray, " entries"] | None = None,
) -> Bool[np.ndarray, " entries"]:
    """Return whose spread over seeds is known: all with 3 seeds, else deterministic entries.

    Parameters
    ----------
    values : float array of shape (entries, cells, seeds)
        The metric.
    deterministic : bool array of shape (entries,), optional
        Declared so; one whose seeds differ all the same is not believed.
    """
    if values.shape[2] >= MIN_SEEDS:
        return np.ones(len(values), dtype=bool)
    if deterministic is None:
        return np.zeros(len(values), dtype=bool)
    equal: Bool[np.ndarray, " entries"] = (values == values[..., :1]).all(axis=(1, 2))
    return equal & deterministic

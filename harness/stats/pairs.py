"""Which pairs of entries differ: all pairs at once, from inner products of their replicates."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import ndtri, stdtr, stdtrit

from harness.stats.moderation import moderate
from harness.stats.spread import MIN_SEEDS

ALPHA = 0.05
"""Chance that any pair of equal entries is told apart."""
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
) -> Bool[np.ndarray, "entries entries"]:
    """Return which pairs of entries differ, at 5 % over all pairs together.

    p = 2·T_ν(−|D|/√V) ≤ 0.05/(K(K − 1)/2): all pairs are the family, because the data choose
    whom the first is compared with. From 3 seeds on, seed variances are moderated over the field.

    Parameters
    ----------
    values : float array of shape (entries, cells, seeds)
        The metric.
    streams : float array of shape (entries, seeds, replicates)
        Replicates averaged over cells.

    References
    ----------
    PROTOCOL section 5, "Tie classes"; Smyth 2004 for the moderated variances.
    """
    entries, seeds = len(values), values.shape[2]
    overall = values.mean(axis=(1, 2))
    alpha = ALPHA / max(1, entries * (entries - 1) // 2)
    # Without seed variances of their own, v = 0 leaves V = V_t and ν = ∞.
    spread = (np.zeros(entries), np.inf)
    moderated, df = moderate(values) if seeds >= MIN_SEEDS and entries > 1 else spread
    inner = products(streams)
    differ = np.zeros((entries, entries), dtype=bool)
    for start in range(0, entries, ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        distance = np.abs(np.subtract.outer(overall[rows], overall[start:]))
        total, shared = inner.variances(rows)
        seed = np.add.outer(moderated[rows], moderated[start:]) / seeds
        shared += seed
        with np.errstate(divide="ignore", invalid="ignore"):
            pair_df = np.where(seed > 0, df * np.square(shared / seed), np.inf)
        differ[rows, start:] = _beyond(distance, np.maximum(total, shared), pair_df, alpha)
    # One triangle decides for both: a pair must not differ in one direction only.
    upper = np.triu(differ, 1)
    return upper | upper.T


def _beyond(
    distance: Block, variance: Block, df: Block, alpha: float
) -> Bool[np.ndarray, "rows columns"]:
    """Return where 2·T_df(−distance/√variance) ≤ alpha.

    T's distribution function is slow, so it is asked only where the quantiles for the bounds of
    `df` disagree.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(distance > 0, distance / np.sqrt(variance), 0.0)
    beyond: Bool[np.ndarray, "rows columns"] = ratio >= -ndtri(alpha / 2)
    least = float(df.min())
    if not np.isinf(least):
        unsure = beyond & (ratio < -stdtrit(least, alpha / 2))
        beyond[unsure] = 2 * stdtr(df[unsure], -ratio[unsure]) <= alpha
    return beyond

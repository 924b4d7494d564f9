"""Where the uncertainty of a suite value comes from: the test set, and the seeds of training.

Three numbers carry everything in this package (PROTOCOL section 5): V_t, the variance over the
shared weightings; V_c, the part of it that all seeds share; and w, the variance that the seeds add
to the mean.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from harness.errors import SpecError, Undefined

Kind = Literal["seeds and test set", "test-set only"]
MIN_SEEDS = 3
"""With fewer seeds their variance is not estimated and intervals are `test-set only`."""


@dataclass(frozen=True)
class Spread:
    """Variance components of a mean over cells and seeds, or of a difference of two."""

    total: float
    """V_t: variance over the weightings of the mean over seeds."""
    shared: float
    """V_c: mean covariance of two seeds' replicates, not below 0."""
    seed: float
    """w: variance of the mean that comes from seeds, s²/S; 0 with fewer than 3 seeds."""
    seed_df: float
    """Degrees of freedom of w; infinite when w is 0."""
    seeds: int
    """S."""

    @property
    def kind(self) -> Kind:
        """Return what an interval from this spread covers."""
        return "seeds and test set" if self.seeds >= MIN_SEEDS else "test-set only"

    @property
    def variance(self) -> float:
        """Return V = max(V_t, V_c + w); V_t with fewer than 3 seeds."""
        return max(self.total, self.shared + self.seed) if self.seeds >= MIN_SEEDS else self.total

    @property
    def excess(self) -> float:
        """Return V − V_t: what only the few seeds tell of, and no replicate."""
        return self.variance - self.total

    def critical(self, p: float) -> float:
        """Return the quantile by which ``√V`` is multiplied: between the normal's and Student's t.

        V_t is known from a thousand replicates and counts with the normal quantile, the excess is
        known from S − 1 degrees of freedom and counts with Student's t, each by its share of V
        (Cochran and Cox). Welch and Satterthwaite's t covers 92 to 99 % at three seeds, this
        93 to 97 % (`benchmarks/truth.py`).

        Parameters
        ----------
        p : float
            Upper probability, e.g. 0.975.

        References
        ----------
        Cochran and Cox 1957, "Experimental designs".
        """
        variance = self.variance
        if variance == 0 or self.excess == 0:
            return t_quantile(p, np.inf)
        normal, student = t_quantile(p, np.inf), t_quantile(p, self.seed_df)
        return (self.total * normal + self.excess * student) / variance

    def reach(self, p: float) -> float:
        """Return the half width of the two-sided interval with upper probability `p`."""
        return self.critical(p) * float(np.sqrt(self.variance))


def spread(
    values: Float[np.ndarray, "cells seeds"],
    replicates: Float[np.ndarray, "cells seeds replicates"],
) -> Spread:
    """Return the variance components of the mean over cells and seeds.

    Parameters
    ----------
    values : float array of shape (cells, seeds)
        One metric of one entry, or its difference between two entries.
    replicates : float array of shape (cells, seeds, replicates)
        The metric under every weighting, or its deviation from the value: means do not matter.

    Raises
    ------
    Undefined
        If a value or replicate is missing (NaN).
    """
    check_values(values)
    streams = cell_mean(replicates)
    check_streams(streams)
    return spreads(values[None], streams[None])[0]


def spreads(
    values: Float[np.ndarray, "entries cells seeds"],
    streams: Float[np.ndarray, "entries seeds replicates"],
) -> list[Spread]:
    """Return many entries' variance components, replicates already averaged over cells.

    Cells are independent in their seed part, so their seed variances add with 1/M² and the
    degrees of freedom follow Welch and Satterthwaite.

    Parameters
    ----------
    values : float array of shape (entries, cells, seeds)
        The metric, none missing.
    streams : float array of shape (entries, seeds, replicates)
        At least 2 replicates.
    """
    cells, seeds = values.shape[1:]
    centred = streams - streams.mean(axis=2, keepdims=True)
    covariance = centred @ centred.transpose(0, 2, 1) / (streams.shape[2] - 1)  # (K, S, S)
    totals = covariance.mean(axis=(1, 2)).tolist()
    if seeds < MIN_SEEDS:
        return [Spread(total, total, 0.0, float("inf"), seeds) for total in totals]
    own = np.trace(covariance, axis1=1, axis2=2)
    shared = (covariance.sum(axis=(1, 2)) - own) / (seeds * (seeds - 1))
    parts = values.astype(np.float64).var(axis=2, ddof=1) / (seeds * cells**2)  # (K, M)
    columns = totals, np.maximum(shared, 0).tolist(), parts.sum(axis=1).tolist()
    return [
        Spread(total, common, seed, welch_df(part, seeds - 1.0), seeds)
        for total, common, seed, part in zip(*columns, parts, strict=True)
    ]


def welch_df(parts: Float[np.ndarray, " m"], df: float) -> float:
    """Return the Welch-Satterthwaite degrees of freedom of a sum of variances, each with `df`."""
    squares = float(parts @ parts)
    return df * float(parts.sum()) ** 2 / squares if squares > 0 else float("inf")


def cell_mean(
    replicates: Float[np.ndarray, "cells seeds replicates"],
) -> Float[np.ndarray, "seeds replicates"]:
    """Return the seeds' replicate streams averaged over cells, as float64."""
    wide = replicates.astype(np.float32) if replicates.dtype == np.float16 else replicates
    return np.asarray(wide.mean(axis=0), dtype=np.float64)


def check_values(values: Float[np.ndarray, "cells seeds"]) -> None:
    """Raise Undefined when a cell or seed has no value."""
    missing = np.argwhere(~np.isfinite(values))
    if values.size == 0:
        raise Undefined("there is no cell or no seed")
    if len(missing):
        cell, seed = missing[0]
        raise Undefined(f"{len(missing)} of {values.size} values are missing, first: cell {cell}, "
                        f"seed {seed}")  # fmt: skip


def check_streams(streams: Float[np.ndarray, "... seeds replicates"]) -> None:
    """Raise when replicates are too few to have a variance, or not numbers."""
    if streams.shape[-1] < 2:
        raise SpecError(f"replicates must be at least 2; got {streams.shape[-1]}. Use 1000.")
    if not np.isfinite(streams).all():
        raise Undefined("replicates are missing")


def t_quantile(p: float, df: float) -> float:
    """Return the p-quantile of Student's t; of the normal when `df` is infinite."""
    from scipy.special import ndtri, stdtrit  # slow to import, and readers of records need it not

    return float(ndtri(p) if np.isinf(df) else stdtrit(df, p))

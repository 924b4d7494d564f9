"""Results of one variant in one job, as evaluation files them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from jaxtyping import Float

from harness.stats.weightings import weightings
from harness.types import MetricResult, Pool, Weightings


@dataclass
class Scored:
    """Results of one variant in one job.

    Keys are metric keys (SPEC section 1). Values are in natural units.
    """

    metrics: dict[str, float] = field(default_factory=dict)
    """Metric key → value."""
    undefined: dict[str, str] = field(default_factory=dict)
    """Metric key → why it has no value."""
    replicates: dict[str, Float[np.ndarray, " b"]] = field(default_factory=dict)
    """Metric key → the metric under every weighting."""
    details: dict[str, np.ndarray] = field(default_factory=dict)
    """Counts behind the board's pictures."""
    facets: dict[str, object] = field(default_factory=dict)
    """Facets that the variant changes."""

    def take(self, prefix: str, results: Mapping[str, MetricResult]) -> None:
        """File results under `prefix`: a value, or the reason why there is none."""
        for name, result in results.items():
            if result.value is None:
                self.undefined[f"{prefix}/{name}"] = result.reason or "undefined"
            else:
                self.metrics[f"{prefix}/{name}"] = result.value

    def take_replicates(
        self, prefix: str, found: Mapping[str, Float[np.ndarray, " b"] | MetricResult]
    ) -> None:
        """File replicates under `prefix`, those that exist."""
        for name, values in found.items():
            if not isinstance(values, MetricResult):
                self.replicates[f"{prefix}/{name}"] = values

    def lack(self, prefix: str, names: Iterable[str], reason: str) -> None:
        """File one reason for several metrics."""
        self.undefined |= {f"{prefix}/{name}": reason for name in names}


def mean_of(
    found: Mapping[str, Mapping[str, MetricResult]], keys: Iterable[str], empty: str
) -> dict[str, MetricResult]:
    """Return the unweighted mean of each metric; undefined when it is undefined in one of them.

    Parameters
    ----------
    found : mapping of str to mapping of str to MetricResult
        Set or pool → metric → result.
    keys : iterable of str
        Metrics to average.
    empty : str
        Reason when there is nothing to average.
    """
    means: dict[str, MetricResult] = {}
    for key in keys:
        results = {name: metrics[key] for name, metrics in found.items()}
        missing = [f"{name}: {r.reason}" for name, r in results.items() if r.value is None]
        values = [r.value for r in results.values() if r.value is not None]
        if missing or not values:
            means[key] = MetricResult(None, missing[0] if missing else empty)
        else:
            means[key] = MetricResult(float(np.mean(values)))
    return means


@lru_cache(maxsize=32)
def _pool_weightings(fingerprint: str, labels: bytes | None, n: int) -> Weightings:
    classes = None if labels is None else np.frombuffer(labels, dtype=np.int64)
    return weightings(fingerprint, classes, n=n)


def pool_weightings(pool: Pool) -> Weightings:
    """Return the shared weightings of a pool, kept for the process's next job.

    A corrupted copy has its original's, so that their difference is paired.
    """
    labels = None if pool.labels is None else pool.labels.astype(np.int64).tobytes()
    return _pool_weightings(pool.base or pool.fingerprint, labels, len(pool))

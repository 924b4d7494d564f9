"""Results of one variant in one job, and how they are kept so that nothing is evaluated twice."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float

from harness.keys import sha256_of
from harness.models.methods.code import code_sha256
from harness.models.store.store import Store
from harness.stats.weightings import weightings
from harness.types import EntryCard, MetricResult, Pool, Weightings

EVALUATOR = "harness.runs.evaluate.evaluate:evaluate"


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


@cache
def _evaluator_code() -> str:
    return code_sha256(EVALUATOR)


def result_key(
    suite_sha256: str,
    split_sha256: str,
    card: EntryCard,
    evidence: Mapping[str, str],
    fingerprints: Mapping[str, str],
) -> str:
    """Return the key of one job's results: evidence, what it is compared with, and our own code.

    Parameters
    ----------
    suite_sha256, split_sha256 : str
        Identities of suite and split.
    card : EntryCard
        For the declared score, the ranked variants, and whether it adapts.
    evidence : mapping of str to str
        Pool → evidence key, or content for given predictions.
    fingerprints : mapping of str to str
        Pool → fingerprint, labels included; other truth → content.
    """
    return sha256_of(
        {
            "code": _evaluator_code(),
            "suite": suite_sha256,
            "split": split_sha256,
            "score": card.ood_score,
            "variants": list(card.rank_variants),
            "transductive": card.facets.transductive,
            "evidence": dict(evidence),
            "pools": dict(fingerprints),
        }
    )


def save_scored(store: Store, key: str, scored: Mapping[str, Scored], note: str) -> None:
    """Keep a job's results in the store."""
    arrays: dict[str, np.ndarray] = {}
    value: dict[str, Any] = {}
    for name, found in scored.items():
        title = name or "base"
        value[name] = {
            "metrics": found.metrics,
            "undefined": found.undefined,
            "facets": found.facets,
        }
        arrays |= {f"{title}|replicates|{k}": v for k, v in found.replicates.items()}
        arrays |= {f"{title}|details|{k}": v for k, v in found.details.items()}
    store.save_result(key, value, arrays, note=note)


def load_scored(store: Store, key: str) -> dict[str, Scored] | None:
    """Return a job's results from the store, or None."""
    kept = store.load_result(key)
    if kept is None:
        return None
    value, arrays = kept
    scored = {name: Scored(**body) for name, body in value.items()}
    for member, array in arrays.items():
        title, kind, name = member.split("|", 2)
        getattr(scored["" if title == "base" else title], kind)[name] = array
    return scored

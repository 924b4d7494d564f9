"""Results of one variant in one job, and how they are kept so that nothing is evaluated twice."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Float

from harness.keys import sha256_of
from harness.models.code import code_sha256
from harness.models.store import Store
from harness.types import EntryCard, MetricResult

EVALUATOR = "harness.runs.evaluate:evaluate"


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
        For the declared score and the ranked variants.
    evidence : mapping of str to str
        Pool → evidence key, or content for given predictions.
    fingerprints : mapping of str to str
        Pool → fingerprint, labels included.
    """
    return sha256_of(
        {
            "code": _evaluator_code(),
            "suite": suite_sha256,
            "split": split_sha256,
            "score": card.ood_score,
            "variants": list(card.rank_variants),
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

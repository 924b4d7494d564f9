"""Results as the store keeps them, so that nothing is evaluated twice."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from harness.keys import KEY_VERSION, content, sha256_of
from harness.models.methods.code import code_sha256
from harness.models.store.store import Store
from harness.runs.evaluate.scored import Scored
from harness.types import EntryCard, Predictions, Split
from harness.types.pools import Pools

EVALUATOR = "harness.runs.evaluate.evaluate:evaluate"


@cache
def evaluator_code() -> str:
    """Return the identity of our own arithmetic: metrics, scores, statistics, evaluation.

    Readers of data are not part of it (`harness.types.pools`): what they read is in the key by
    its contents.
    """
    return code_sha256(EVALUATOR)


def result_key(
    opened: Pools,
    split: Split,
    card: EntryCard,
    evidence: Mapping[str, str],
    fingerprints: Mapping[str, str],
) -> str:
    """Return the key of one job's results: evidence, what it is compared with, and our own code.

    Parameters
    ----------
    opened : Pools
        What the job is measured on.
    split : Split
        What it trained on.
    card : EntryCard
        For the declared score, the ranked variants, whether it adapts and what it saw before.
    evidence : mapping of str to str
        Pool → evidence key, or content for given predictions (`given_evidence`).
    fingerprints : mapping of str to str
        Pool → fingerprint, labels included.
    """
    groups = opened.test_groups
    return sha256_of(
        {
            "v": KEY_VERSION,
            "code": evaluator_code(),
            "suite": opened.suite.sha256,
            "split": split.sha256,
            "num_classes": split.num_classes,
            "chance": opened.noise_chance(split),
            "score": card.ood_score,
            "variants": list(card.rank_variants),
            "extra": sorted(card.extra),
            "transductive": card.facets.transductive,
            "pretraining": card.facets.pretraining,
            "evidence": dict(evidence),
            "pools": dict(fingerprints),
            "groups": None if groups is None else content({"groups": groups}),
            "truths": {
                name: content({"shares": truth.shares, "kept": truth.kept})
                for name, truth in opened.truths.items()
            },
            "absent_truths": dict(opened.absent_truths),
        }
    )


def given_evidence(predictions: Mapping[str, Predictions]) -> dict[str, str]:
    """Return the content of predictions that no model of ours made, features included.

    Parameters
    ----------
    predictions : mapping of str to Predictions
        Pool → what was handed in.
    """
    return {name: content(found.arrays()) for name, found in predictions.items()}


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

"""From one job's predictions to its results: arithmetic on evidence, never a model.

Everything here is a function of (suite, split, predictions, card); where the predictions came
from, in which batches and in how many processes, cannot matter.
"""

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
from jaxtyping import Float

from harness.data.noise import noise_chance
from harness.data.shift import view_weights
from harness.data.suites import OpenSuite
from harness.errors import Undefined
from harness.metrics.groups import GROUPS, class_groups
from harness.metrics.measure import (
    measure,
    measure_noise,
    measure_ood,
    measure_oscr,
    replicate,
    replicate_ood,
)
from harness.metrics.outputs import Outputs
from harness.runs.details import job_details
from harness.runs.scored import Scored
from harness.scores.ood import OOD_SCORES, ood_scores
from harness.scores.posthoc import apply_variant
from harness.stats.weightings import weightings
from harness.types import EntryCard, MetricResult, Pool, Predictions, Split, Suite, View, Weightings

PLAIN = (
    "accuracy",
    "balanced_accuracy",
    "worst_class_recall",
    "gmean",
    "macro_f1",
    "mcc",
    "auroc",
    "auroc_ovo",
    "average_precision",
    "nll",
    "brier",
    "ece",
    "ece_null",
    "ece_mass",
    "classwise_ece",
    "mce",
    "aurc",
    "augrc",
    "classes_scored",
)
"""Metrics on the test pool that every suite has (metrics_version 1)."""
SHIFTED = ("accuracy", "nll", "brier", "ece", "auroc")
"""Metrics under label shift: the others do not change under class weights."""
OOD = ("ood_auroc", "ood_ap_out", "ood_ap_in", "ood_fpr95")
"""OOD metrics for every score and set."""
OOD_COMPATIBLE = ("ood_fpr95_id_positive", "ood_aupr_trapezoid_out", "ood_aupr_trapezoid_in")
"""Published variants, for the declared score only."""
VARIANTS = ("la", "ts")
"""Post-hoc variants that every entry is offered; the card's rank_variants are added."""
BASE = ""
"""The entry itself, among its variants."""


@lru_cache(maxsize=32)
def _pool_weightings(fingerprint: str, labels: bytes | None, n: int) -> Weightings:
    classes = None if labels is None else np.frombuffer(labels, dtype=np.int64)
    return weightings(fingerprint, classes, n=n)


def pool_weightings(pool: Pool) -> Weightings:
    """Return the shared weightings of a pool, kept for the process's next job."""
    labels = None if pool.labels is None else pool.labels.astype(np.int64).tobytes()
    return _pool_weightings(pool.fingerprint, labels, len(pool))


def test_metrics(suite: Suite) -> tuple[str, ...]:
    """Return the metrics of the test pool: the plain ones and those of the suite's groups."""
    groups = GROUPS[suite.groups]
    return (
        *PLAIN,
        *(f"{kind}_{group}" for kind in ("recall", "ece", "ece_null") for group in groups),
    )


def headline(suite: Suite) -> tuple[str, ...]:
    """Return the metrics of the test pool whose replicates are stored."""
    return ("balanced_accuracy", "auroc", "nll", "ece", suite.tail_metric)


def variants_of(card: EntryCard) -> tuple[str, ...]:
    """Return the variants that an entry is evaluated under; the entry itself comes first."""
    return (BASE, *dict.fromkeys((*card.rank_variants, *VARIANTS)))


def evaluate(
    opened: OpenSuite, split: Split, predictions: Mapping[str, Predictions], card: EntryCard
) -> dict[str, Scored]:
    """Return the results of one job: the entry's own and those of its post-hoc variants.

    Parameters
    ----------
    opened : OpenSuite
        Pools with their clean labels.
    split : Split
        What the job trained on.
    predictions : mapping of str to Predictions
        Pool name → evidence. ``test`` is required; what needs another pool that is not there
        is undefined with the reason.
    card : EntryCard
        Declared OOD score and ranked variants.

    Returns
    -------
    dict of str to Scored
        ``""`` and the variants.
    """
    results = {BASE: _evaluate_base(opened, split, predictions, card)}
    for name in variants_of(card)[1:]:
        results[name] = _evaluate_variant(name, opened, split, predictions, card)
    return results


def _evaluate_base(
    opened: OpenSuite, split: Split, predictions: Mapping[str, Predictions], card: EntryCard
) -> Scored:
    scored = Scored()
    outputs = _on_test(scored, opened, split, predictions["test"], headline(opened.suite))
    for name in OOD_SCORES:
        declared = name == card.ood_score
        _on_ood(scored, opened, split, predictions, name, outputs, declared=declared)
    _on_train(scored, split, predictions.get("train"))
    scored.details |= job_details(
        opened, split, outputs, _declared(opened, split, predictions, card)
    )
    return scored


def _evaluate_variant(
    name: str,
    opened: OpenSuite,
    split: Split,
    predictions: Mapping[str, Predictions],
    card: EntryCard,
) -> Scored:
    """Evaluate a post-hoc variant: the test pool, its views and the declared OOD score."""
    scored = Scored()
    ranked = name in card.rank_variants
    pool = opened.calibration
    given = predictions.get("calibration")
    labels = None if pool is None else pool.labels
    calibration = None if labels is None or given is None else (given, labels)
    try:
        pools, scored.facets = apply_variant(
            name, predictions, calibration=calibration, observed_counts=split.observed_counts
        )
    except Undefined as undefined:
        scored.lack("test", test_metrics(opened.suite), undefined.reason)
        return scored
    kept = headline(opened.suite) if ranked else ()
    outputs = _on_test(scored, opened, split, pools["test"], kept)
    _on_ood(scored, opened, split, pools, card.ood_score, outputs, declared=ranked)
    if ranked:
        scored.details |= job_details(opened, split, outputs, _declared(opened, split, pools, card))
    return scored


def _on_test(
    scored: Scored,
    opened: OpenSuite,
    split: Split,
    predictions: Predictions,
    kept: tuple[str, ...],
) -> Outputs:
    """Measure the test pool as it is and under every view; keep replicates of `kept`."""
    suite, labels = opened.suite, opened.test.labels
    assert labels is not None, "a test pool has labels"
    outputs = outputs_of(labels[predictions.row], predictions)
    groups = class_groups(split.clean_counts, suite.groups)
    scored.take("test", measure(outputs, test_metrics(suite), groups=groups))
    scored.take_replicates(
        "test", replicate(outputs, kept, pool_weightings(opened.test), groups=groups)
    )
    for name in suite.views:
        weights = view_weights(View.parse(name), split.clean_counts, labels[predictions.row])
        scored.take(name, measure(outputs, SHIFTED, weights=weights))
    return outputs


def outputs_of(labels: np.ndarray, predictions: Predictions) -> Outputs:
    """Return the metric engine's view of predictions and their clean labels."""
    make = Outputs.from_logits if predictions.kind == "logits" else Outputs.from_probs
    return make(labels, predictions.values)


def _declared(
    opened: OpenSuite, split: Split, pools: Mapping[str, Predictions], card: EntryCard
) -> dict[str, Float[np.ndarray, " n"]]:
    """Return the declared score of the test pool and every OOD pool; empty when undefined."""
    try:
        return _scores(card.ood_score, opened, split, pools)
    except Undefined:
        return {}


def _scores(
    name: str, opened: OpenSuite, split: Split, predictions: Mapping[str, Predictions]
) -> dict[str, Float[np.ndarray, " n"]]:
    wanted = ["test", *(pool for pool in opened.ood if pool in predictions)]
    train = predictions.get("train")
    return ood_scores(
        name, {pool: predictions[pool] for pool in wanted}, train=train, observed=split.observed
    )


def _on_ood(
    scored: Scored,
    opened: OpenSuite,
    split: Split,
    predictions: Mapping[str, Predictions],
    name: str,
    outputs: Outputs,
    *,
    declared: bool,
) -> None:
    """Measure one OOD score on every set, and near and far as unweighted means over their sets."""
    keys = (*OOD, *(OOD_COMPATIBLE if declared else ()), *(("oscr",) if declared else ()))
    places = {"near": opened.suite.near, "far": opened.suite.far}
    try:
        scores = _scores(name, opened, split, predictions)
    except Undefined as undefined:
        for place, sets in places.items():
            for where in (place, *sets):
                scored.lack(f"ood/{where}/{name}", keys, undefined.reason)
        return
    for place, sets in places.items():
        found: dict[str, dict[str, MetricResult]] = {}
        for ood_set in sets:
            pool = f"ood/{place}/{ood_set}"
            if pool in scores:
                found[ood_set] = _one_set(scores["test"], scores[pool], outputs, keys)
            else:
                absent = MetricResult(None, f"no predictions for pool {pool}")
                found[ood_set] = dict.fromkeys(keys, absent)
            scored.take(f"ood/{ood_set}/{name}", found[ood_set])
        scored.take(f"ood/{place}/{name}", _mean_over_sets(found, keys))
        if declared:
            _ood_replicates(scored, opened, scores, place, name)


def _one_set(
    id_scores: Float[np.ndarray, " n"],
    ood: Float[np.ndarray, " m"],
    outputs: Outputs,
    keys: tuple[str, ...],
) -> dict[str, MetricResult]:
    found = measure_ood(id_scores, ood)
    if "oscr" in keys:
        found = {**found, "oscr": measure_oscr(outputs.correct, id_scores, ood)}
    return {key: found[key] for key in keys}


def _mean_over_sets(
    found: Mapping[str, Mapping[str, MetricResult]], keys: tuple[str, ...]
) -> dict[str, MetricResult]:
    """Average each metric over sets; undefined when it is undefined on one of them."""
    means: dict[str, MetricResult] = {}
    for key in keys:
        results = {name: metrics[key] for name, metrics in found.items()}
        missing = [f"{name}: {r.reason}" for name, r in results.items() if r.value is None]
        values = [r.value for r in results.values() if r.value is not None]
        if missing or not values:
            means[key] = MetricResult(None, missing[0] if missing else "the suite names no set")
        else:
            means[key] = MetricResult(float(np.mean(values)))
    return means


def _ood_replicates(
    scored: Scored,
    opened: OpenSuite,
    scores: Mapping[str, Float[np.ndarray, " n"]],
    place: str,
    name: str,
) -> None:
    pools = [pool for pool in opened.ood if pool.startswith(f"ood/{place}/")]
    if f"ood/{place}/{name}/ood_auroc" not in scored.metrics:
        return
    base = pool_weightings(opened.test)
    found = [
        replicate_ood(scores["test"], scores[pool], base, pool_weightings(opened.ood[pool]))
        for pool in pools
    ]
    stacks = [r for each in found if isinstance(r := each["ood_auroc"], np.ndarray)]
    if len(stacks) == len(pools):
        scored.replicates[f"ood/{place}/{name}/ood_auroc"] = np.mean(np.stack(stacks), axis=0)


NOISE = ("memorised", "memorised_chance", "clean_train_accuracy")


def _on_train(scored: Scored, split: Split, predictions: Predictions | None) -> None:
    """Compare predictions on the training split with observed and clean labels."""
    if predictions is None:
        scored.lack("train", NOISE, "no predictions for pool train")
        return
    outputs = outputs_of(split.observed, predictions)
    try:
        chance, reason = noise_chance(split), None
    except Undefined as undefined:
        chance, reason = None, undefined.reason
    results = measure_noise(outputs, split.observed, split.clean, chance=chance, reason=reason)
    scored.take("train", results)

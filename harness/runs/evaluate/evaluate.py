"""From one job's predictions to its results: arithmetic on evidence, never a model.

Everything here is a function of (suite, split, predictions, card); where the predictions came
from, in which batches and in how many processes, cannot matter.
"""

from collections.abc import Mapping

from harness.errors import Undefined
from harness.metrics.certified import CORRECTED, STATISTIC, certified_results
from harness.metrics.engine.outputs import Outputs
from harness.metrics.groups import CONFUSED, GROUPS, class_groups
from harness.metrics.measure import (
    measure,
    measure_conformal,
    measure_noise,
    measure_structure,
    replicate,
)
from harness.metrics.replicates import REPLICATED
from harness.metrics.table import METRICS
from harness.metrics.weighted import Group
from harness.runs.evaluate.asked import asked_of
from harness.runs.evaluate.details import job_details
from harness.runs.evaluate.ood import on_familiar, on_ood
from harness.runs.evaluate.scored import Scored, pool_weightings
from harness.runs.evaluate.shift import (
    on_covariate,
    on_groups,
    on_repair,
    on_truths,
    on_views,
    outputs_of,
)
from harness.scores.ood import Fits, handed_out
from harness.scores.posthoc import apply_variant
from harness.types import EntryCard, MetricResult, Predictions, Split, Suite
from harness.types.pools import Pools

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
"""Metrics on the test pool that every record has (metrics_version 1)."""
FITTED = "the correction was fitted on the calibration pool, which prediction sets need untouched"
"""Why a corrected entry has no prediction sets."""
VARIANTS = ("la", "ts")
"""Post-hoc variants that every entry is offered; the card's rank_variants are added."""
MANY_CELLS = 16
"""Suites with more cells than this store replicates of balanced accuracy and AUROC alone: of five
metrics, those of the sixty tables of keel-v1 are 1.8 MB for each entry, of two 0.7 MB. The others
are ordered there by value, without an interval."""
BASE = ""
"""The entry itself, among its variants."""


def test_metrics(suite: Suite) -> tuple[str, ...]:
    """Return the metrics of the test pool: the plain ones and those of the suite's groups."""
    groups = GROUPS[suite.groups]
    return (
        *PLAIN,
        *(f"{kind}_{group}" for kind in ("recall", "ece", "ece_null") for group in groups),
    )


def headline(suite: Suite) -> tuple[str, ...]:
    """Return the metrics of the test pool whose replicates are stored."""
    if len(suite.cells) > MANY_CELLS:
        return ("balanced_accuracy", "auroc")
    return ("balanced_accuracy", "auroc", "nll", "ece", suite.tail_metric)


def variants_of(card: EntryCard) -> tuple[str, ...]:
    """Return the variants that an entry is evaluated under; the entry itself comes first."""
    return (BASE, *dict.fromkeys((*card.rank_variants, *VARIANTS)))


def evaluate(
    opened: Pools, split: Split, predictions: Mapping[str, Predictions], card: EntryCard
) -> dict[str, Scored]:
    """Return the results of one job: the entry's own and those of its post-hoc variants.

    Parameters
    ----------
    opened : Pools
        With their clean labels.
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
    opened: Pools, split: Split, predictions: Mapping[str, Predictions], card: EntryCard
) -> Scored:
    scored, asked = Scored(), asked_of(opened.suite, card)
    fits: Fits = {}
    outputs = _on_test(scored, opened, split, predictions, card, headline(opened.suite))
    scores = {
        name: on_ood(
            scored,
            opened,
            split,
            predictions,
            name,
            outputs,
            asked,
            declared=name == card.ood_score,
            fits=fits,
        )
        for name in dict.fromkeys((*asked.scores, *handed_out(predictions["test"])))
    }
    on_familiar(scored, opened, predictions, card)
    radii = predictions["test"].statistics.get(STATISTIC)
    scored.take("test", certified_results(outputs, radii, asked.extra("certified")))
    _on_train(scored, opened, split, predictions.get("train"), asked.extra("train"))
    scored.details |= job_details(opened, split, outputs, scores[card.ood_score])
    return scored


def _evaluate_variant(
    name: str,
    opened: Pools,
    split: Split,
    predictions: Mapping[str, Predictions],
    card: EntryCard,
) -> Scored:
    """Evaluate a post-hoc variant: the test pool, its shifts and the declared OOD score."""
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
    outputs = _on_test(scored, opened, split, pools, card, kept)
    asked = asked_of(opened.suite, card)
    scored.lack("test", asked.extra("certified"), CORRECTED)
    scores = on_ood(scored, opened, split, pools, card.ood_score, outputs, asked, declared=ranked)
    if ranked:
        scored.details |= job_details(opened, split, outputs, scores)
    return scored


def _on_test(
    scored: Scored,
    opened: Pools,
    split: Split,
    pools: Mapping[str, Predictions],
    card: EntryCard,
    kept: tuple[str, ...],
) -> Outputs:
    """Measure the test pool, as it is and under every shift; keep replicates of `kept`."""
    labels, predictions = opened.test.labels, pools["test"]
    assert labels is not None, "a test pool has labels"
    outputs = outputs_of(labels[predictions.row], predictions, opened.num_classes)
    groups = class_groups(split.clean_counts, opened.suite.groups)
    asked = asked_of(opened.suite, card)
    extra = asked.extra("labels", "probs")
    extra = tuple(k for k in extra if k not in CONFUSED or CONFUSED[k][0] in groups)
    scored.take("test", measure(outputs, (*test_metrics(opened.suite), *extra), groups=groups))
    named = (k for k in METRICS if k in asked.kept & REPLICATED and k not in kept)
    kept = (*kept, *named) if kept else kept
    scored.take_replicates(
        "test", replicate(outputs, kept, pool_weightings(opened.test), groups=groups)
    )
    on_views(scored, opened, split, pools, outputs, transductive=bool(card.facets.transductive))
    on_covariate(scored, opened, pools, replicates=bool(kept))
    on_truths(scored, opened, outputs, replicates=bool(kept))
    on_groups(scored, opened.test_groups, outputs)
    scored.take("test", measure_structure(outputs, opened.ordered, opened.hierarchy))
    _on_sets(scored, opened, pools, outputs, groups, asked.extra("conformal"))
    return outputs


def _on_sets(
    scored: Scored,
    opened: Pools,
    pools: Mapping[str, Predictions],
    outputs: Outputs,
    groups: Mapping[str, Group],
    keys: tuple[str, ...],
) -> None:
    """Measure prediction sets, whose thresholds come from the calibration pool."""
    if not keys:
        return
    pool, given = opened.calibration, pools.get("calibration")
    calibration = None
    if pool is not None and given is not None and pool.labels is not None:
        calibration = outputs_of(pool.labels[given.row], given, opened.num_classes)
    found = measure_conformal(outputs, calibration, groups, keys)
    if scored.facets.get("saw_clean_labels"):
        found = dict.fromkeys(found, MetricResult(None, FITTED))
    scored.take("test", found)


NOISE = ("memorised", "memorised_chance", "clean_train_accuracy")
LABEL_ERRORS = tuple(
    f"label_error_{kind}_{by}" for by in ("loss", "margin") for kind in ("auroc", "ap")
)
"""Metrics on the training split that every record has, the second only with predictions on it."""


def _on_train(
    scored: Scored,
    opened: Pools,
    split: Split,
    predictions: Predictions | None,
    extra: tuple[str, ...],
) -> None:
    """Compare predictions on the training split with observed and clean labels."""
    if predictions is None:
        scored.lack("train", (*NOISE, *extra), "no predictions for pool train")
        return
    outputs = outputs_of(split.observed, predictions, split.num_classes)
    chance, reason = opened.noise_chance(split)
    results = measure_noise(
        outputs,
        split.observed,
        split.clean,
        chance=chance,
        reason=reason,
        keys=(*NOISE, *LABEL_ERRORS, *extra),
    )
    scored.take("train", results)
    on_repair(scored, split, outputs)

"""Test-time shift: label shift, corrupted copies, groups of images, other truths, repair."""

import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from jaxtyping import Int

from harness.data.splits.unlearning import TARGET
from harness.data.worlds.label_shift import shifted_rows, view_weights
from harness.errors import Undefined
from harness.metrics import repair, subgroups, truths
from harness.metrics.engine.decisions import Decisions
from harness.metrics.engine.outputs import Outputs
from harness.metrics.measure import measure, replicate, result_of
from harness.runs.evaluate.scored import Scored, mean_of, pool_weightings
from harness.types import MetricResult, Pool, Predictions, Split, View
from harness.types.pools import Pools

SHIFTED = ("accuracy", "nll", "brier", "ece", "auroc")
"""Metrics under label shift: the others do not change under class weights."""
COVARIATE = ("accuracy", "balanced_accuracy", "nll", "ece")
"""Metrics of each corrupted copy of the test pool."""
COPIES = "covariate"
"""First part of keys about copies of the test pool with other inputs."""
DRAWN = "subsampled"
"""First part of keys about views of which images were thrown away, as published."""
PATCHED = "test@patched"
"""The test pool with the poison's patch: an attack, in no mean over shifts."""
ONE_STATE = (
    "a transductive entry adapts to each view: reweighting one pass would score another state"
)
_SEVERITY = re.compile(r"-([1-5])$")


def outputs_of(
    labels: Int[np.ndarray, " n"], predictions: Predictions, num_classes: int
) -> Outputs:
    """Return the metric engine's view of predictions and their clean labels."""
    if predictions.kind == "decisions":
        return Decisions.of(labels, predictions.values, num_classes, predictions.confidence)
    make = Outputs.from_logits if predictions.kind == "logits" else Outputs.from_probs
    return make(labels, predictions.values)


def on_views(
    scored: Scored,
    opened: Pools,
    split: Split,
    pools: Mapping[str, Predictions],
    outputs: Outputs,
    *,
    transductive: bool,
) -> None:
    """Measure label shift: the whole pool reweighted by class, and the published draw.

    Parameters
    ----------
    scored : Scored
        Receives ``<view>/<metric>``, and ``subsampled/<view>/<metric>`` for transductive entries
        and in suites that ask for it.
    opened : Pools
        The test pool.
    split : Split
        Its clean counts rank the classes.
    pools : mapping of str to Predictions
        Pool → evidence; a transductive entry's has ``test@<view>``.
    outputs : Outputs
        Of the test pool.
    transductive : bool
        Whether the entry adapts on test inputs: its reweighted views have no value.
    """
    predictions = pools["test"]
    for name in opened.suite.views:
        view = View.parse(name)
        if transductive:
            scored.lack(name, SHIFTED, ONE_STATE)
            drawn = opened.subsampled(split, name)
            if drawn.name in pools:
                found = measure(_outputs_on(drawn, pools[drawn.name]), SHIFTED)
            else:
                found = _absent(drawn, SHIFTED)
            scored.take(f"{DRAWN}/{name}", found)
            continue
        weights = view_weights(view, split.clean_counts, outputs.y_true)
        scored.take(name, measure(outputs, SHIFTED, weights=weights))
        if opened.suite.subsampled:
            rows = shifted_rows(view, split.clean_counts, opened.test)
            at = np.flatnonzero(np.isin(predictions.row, rows))
            few = outputs_of(outputs.y_true[at], _rows(predictions, at), outputs.c)
            scored.take(f"{DRAWN}/{name}", measure(few, SHIFTED))


def _rows(predictions: Predictions, at: Int[np.ndarray, " m"]) -> Predictions:
    sure = predictions.confidence
    return replace(
        predictions,
        values=predictions.values[at],
        row=predictions.row[at],
        features=None,
        statistics={},
        confidence=None if sure is None else sure[at],
    )


def _outputs_on(pool: Pool, predictions: Predictions) -> Outputs:
    assert pool.labels is not None, "a copy of the test pool has its labels"
    return outputs_of(pool.labels[predictions.row], predictions, len(pool.class_names))


def _absent(pool: Pool, keys: tuple[str, ...]) -> dict[str, MetricResult]:
    return dict.fromkeys(keys, MetricResult(None, f"no predictions for pool {pool.name}"))


def on_covariate(
    scored: Scored, opened: Pools, pools: Mapping[str, Predictions], *, replicates: bool
) -> None:
    """Measure every copy of the test pool with other inputs, and their unweighted means.

    Parameters
    ----------
    scored : Scored
        Receives ``covariate/<name>/<metric>``, ``covariate/severity-<s>/<metric>`` and
        ``covariate/mean/<metric>``.
    opened : Pools
        ``covariate``: name → pool.
    pools : mapping of str to Predictions
        Pool → evidence.
    replicates : bool
        Whether to keep replicates of the mean balanced accuracy.
    """
    found: dict[str, dict[str, MetricResult]] = {}
    stacks = []
    for name, pool in opened.covariate.items():
        short = name.partition("@")[2]
        where = f"{COPIES}/{short}"
        if name not in pools:
            found[short] = _absent(pool, COVARIATE)
            scored.take(where, found[short])
            continue
        outputs = _outputs_on(pool, pools[name])
        found[short] = measure(outputs, COVARIATE)
        scored.take(where, found[short])
        if name == PATCHED:
            scored.take(where, {"attack_success": _attack(outputs)})
        elif replicates:
            key = "balanced_accuracy"
            stacks.append(replicate(outputs, (key,), pool_weightings(pool))[key])
    shifts = {short: results for short, results in found.items() if f"test@{short}" != PATCHED}
    if not shifts:
        return
    by_severity: dict[str, dict[str, dict[str, MetricResult]]] = {"mean": shifts}
    for short, results in shifts.items():
        if severity := _SEVERITY.search(short):
            by_severity.setdefault(f"severity-{severity[1]}", {})[short] = results
    for group, members in by_severity.items():
        scored.take(f"{COPIES}/{group}", mean_of(members, COVARIATE, "no corrupted pool"))
    each = [stack for stack in stacks if isinstance(stack, np.ndarray)]
    if len(each) == len(shifts):
        scored.replicates[f"{COPIES}/mean/balanced_accuracy"] = np.mean(each, axis=0)


def _attack(outputs: Outputs) -> MetricResult:
    return result_of(lambda: repair.attack_success(outputs.y_pred, outputs.y_true, TARGET))


def on_truths(scored: Scored, opened: Pools, outputs: Outputs, *, replicates: bool) -> None:
    """Measure the test pool against other truths of its images.

    Parameters
    ----------
    scored : Scored
        Receives ``truth/<name>/agreement``, ``…/published_accuracy`` and ``…/soft_nll``; where the
        truth is exact also ``…/rare_probability_error``.
    opened : Pools
        ``truths`` and the reasons for those that are absent.
    outputs : Outputs
        Of the whole test pool, in its order.
    replicates : bool
        Whether to keep replicates of the agreement.
    """
    keys = ("agreement", "published_accuracy", "soft_nll")
    for name, reason in opened.absent_truths.items():
        scored.lack(f"truth/{name}", keys, reason)
    for name, truth in opened.truths.items():
        where, shares, kept = f"truth/{name}", truth.shares, truth.kept
        predicted = outputs.y_pred
        scored.take(
            where,
            {
                "agreement": result_of(lambda: truths.agreement(predicted, shares, kept)),  # noqa: B023
                "published_accuracy": result_of(lambda: _published(outputs, kept)),  # noqa: B023
                "soft_nll": result_of(
                    lambda: truths.soft_nll(outputs.log_probs, shares, kept)  # noqa: B023
                ),
            },
        )
        if truth.exact:
            scored.take(
                where,
                {
                    "rare_probability_error": result_of(
                        lambda: truths.rare_probability_error(np.exp(outputs.log_probs), shares)  # noqa: B023
                    )
                },
            )
        if replicates:
            weights = pool_weightings(opened.test)
            found = truths.replicate_agreement(predicted, shares, kept, weights)
            scored.take_replicates(where, {"agreement": found})


def _published(outputs: Outputs, kept: np.ndarray) -> float:
    if not kept.any():
        raise Undefined("no image has an answer")
    return float(outputs.correct[kept].mean())


def on_groups(scored: Scored, groups: Int[np.ndarray, " n"] | None, outputs: Outputs) -> None:
    """Measure groups of test images where the suite has them.

    Parameters
    ----------
    scored : Scored
        Receives ``groups/worst_group_accuracy`` and ``groups/subgroup_gap``.
    groups : int array of shape (n,) or None
        Group of each test image; None: the suite has none.
    outputs : Outputs
        Of the whole test pool, in its order.
    """
    if groups is None:
        return
    functions = {
        "worst_group_accuracy": subgroups.worst_group_accuracy,
        "subgroup_gap": subgroups.subgroup_gap,
    }
    scored.take(
        "groups",
        {k: result_of(lambda f=f: f(outputs.correct, groups)) for k, f in functions.items()},  # type: ignore[misc]
    )


def on_repair(scored: Scored, split: Split, outputs: Outputs) -> None:
    """Measure how many corrupted training rows are predicted as they truly are.

    Parameters
    ----------
    scored : Scored
        Receives ``train/corrected`` where the split reveals corrupted rows.
    split : Split
        Its corrupted rows are those with a wrong label or a patch.
    outputs : Outputs
        Of the training split.
    """
    if split.known is None:
        return
    corrupted = split.flipped if split.patched is None else split.flipped | split.patched
    found = result_of(lambda: repair.corrected(outputs.y_pred[corrupted], split.clean[corrupted]))
    scored.take("train", {"corrected": found})

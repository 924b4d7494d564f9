"""Out of distribution: every score on every set, near and far, full spectrum, familiarity."""

from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Float

from harness.data.worlds.familiar import familiar_sets, linear_separability
from harness.errors import Undefined
from harness.metrics.engine.outputs import Outputs
from harness.metrics.measure import (
    measure_ood,
    measure_open_set,
    replicate_ood,
    result_of,
)
from harness.metrics.ood_replicates import OOD_REPLICATES
from harness.runs.evaluate.asked import Asked
from harness.runs.evaluate.scored import Scored, mean_of, pool_weightings
from harness.runs.evaluate.shift import PATCHED
from harness.scores.ood import GIVEN, MISSING, Fits, given_scores, ood_scores
from harness.types import EntryCard, MetricResult, Predictions, Split
from harness.types.pools import Pools

OOD = ("ood_auroc", "ood_ap_out", "ood_ap_in", "ood_fpr95")
"""OOD metrics for every score and set."""
OOD_COMPATIBLE = ("ood_fpr95_id_positive", "ood_aupr_trapezoid_out", "ood_aupr_trapezoid_in")
"""Published variants, for the declared score only."""
FULL_SPECTRUM = "fsood"
"""First part of keys under which covariate-shifted ID images count as ID."""
PROBE = "linear_probe"
"""Stands where a score stands: a line fitted on the set itself, which no detector may see."""


def _scores(
    name: str,
    opened: Pools,
    split: Split,
    predictions: Mapping[str, Predictions],
    fits: Fits,
    *,
    declared: bool,
) -> dict[str, Float[np.ndarray, " n"]]:
    pools = [*opened.ood, *(opened.covariate if declared else ())]
    wanted = ["test", *(pool for pool in pools if pool in predictions)]
    train = predictions.get("train")
    found = {pool: predictions[pool] for pool in wanted}
    if declared and (name == GIVEN or found["test"].kind == "decisions"):
        return given_scores(found)
    return ood_scores(name, found, train=train, observed=split.observed, fits=fits)


def on_ood(
    scored: Scored,
    opened: Pools,
    split: Split,
    predictions: Mapping[str, Predictions],
    name: str,
    outputs: Outputs,
    asked: Asked,
    *,
    declared: bool,
    fits: Fits | None = None,
) -> dict[str, Float[np.ndarray, " n"]]:
    """Measure one OOD score on every set, and near and far as unweighted means over their sets.

    Parameters
    ----------
    scored : Scored
        Receives ``ood/<near|far|set>/<score>/<metric>``; for a declared score where the test pool
        has corrupted copies also ``fsood/…``, with these as ID beside it.
    opened : Pools
        Pools.
    split : Split
        What the job trained on.
    predictions : mapping of str to Predictions
        Pool → evidence.
    name : str
        Key of OOD_SCORES.
    outputs : Outputs
        Of the test pool.
    asked : Asked
        Metrics beside the standard ones, for the declared score.
    declared : bool
        Whether it is the entry's declared score: that one has replicates and more metrics.
    fits : Fits, optional
        What the job's other scores have fitted on the same predictions.

    Returns
    -------
    dict of str to float array
        Pool → scores, larger for OOD; empty when the score is undefined.
    """
    levels = (*OOD, *(OOD_COMPATIBLE if declared else ()))
    open_set = ("oscr", *asked.extra("ood")) if declared else ()
    keys = (*levels, *open_set)
    try:
        known = {} if fits is None else fits
        scores = _scores(name, opened, split, predictions, known, declared=declared)
    except Undefined as undefined:
        for where in _places(opened):
            scored.lack(f"ood/{where}/{name}", keys, undefined.reason)
            if declared and _shifts(opened):
                scored.lack(f"{FULL_SPECTRUM}/{where}/{name}", OOD, undefined.reason)
        return {}

    def one(ood: Float[np.ndarray, " m"]) -> dict[str, MetricResult]:
        found = measure_ood(scores["test"], ood, keys=levels)
        if open_set:
            found |= measure_open_set(outputs.correct, scores["test"], ood, keys=open_set)
        return found

    _on_sets(scored, opened, scores, ("ood", name), keys, one)
    if declared:
        for place in ("near", "far"):
            kept = tuple(k for k in OOD_REPLICATES if k == "ood_auroc" or k in asked.kept)
            _ood_replicates(scored, opened, scores, f"ood/{place}/{name}", kept, outputs)
    if declared and _shifts(opened):
        _on_full_spectrum(scored, opened, scores, name)
    return scores


def _shifts(opened: Pools) -> list[str]:
    """Return the covariate-shifted ID pools: a patched one is under attack."""
    return [name for name in opened.covariate if name != PATCHED]


def _places(opened: Pools) -> list[str]:
    near, far = opened.suite.near, opened.suite.far
    return ["near", *near, "far", *far]


def _on_sets(
    scored: Scored,
    opened: Pools,
    scores: Mapping[str, Float[np.ndarray, " n"]],
    where: tuple[str, str],
    keys: tuple[str, ...],
    measure: Callable[[Float[np.ndarray, " m"]], dict[str, MetricResult]],
) -> None:
    """File what `measure` says of every OOD set's scores, and its means over near and far."""
    root, name = where
    for place, sets in (("near", opened.suite.near), ("far", opened.suite.far)):
        found: dict[str, dict[str, MetricResult]] = {}
        for ood_set in sets:
            pool = f"ood/{place}/{ood_set}"
            absent = MetricResult(None, f"no predictions for pool {pool}")
            found[ood_set] = (
                measure(scores[pool]) if pool in scores else dict.fromkeys(keys, absent)
            )
            scored.take(f"{root}/{ood_set}/{name}", found[ood_set])
        scored.take(f"{root}/{place}/{name}", mean_of(found, keys, "the suite names no set"))


def _on_full_spectrum(
    scored: Scored, opened: Pools, scores: Mapping[str, Float[np.ndarray, " n"]], name: str
) -> None:
    """Measure OOD detection where covariate-shifted ID images count as ID.

    The ID side is the test pool and all its corrupted copies, every image alike.
    """
    missing = [pool for pool in _shifts(opened) if pool not in scores]
    if missing:
        for where in _places(opened):
            reason = f"no predictions for pool {missing[0]}"
            scored.lack(f"{FULL_SPECTRUM}/{where}/{name}", OOD, reason)
        return
    inside = np.concatenate([scores["test"], *(scores[pool] for pool in _shifts(opened))])

    def one(ood: Float[np.ndarray, " m"]) -> dict[str, MetricResult]:
        return measure_ood(inside, ood, keys=OOD)

    _on_sets(scored, opened, scores, (FULL_SPECTRUM, name), OOD, one)


def _ood_replicates(
    scored: Scored,
    opened: Pools,
    scores: Mapping[str, Float[np.ndarray, " n"]],
    where: str,
    keys: tuple[str, ...],
    outputs: Outputs,
) -> None:
    """Keep replicates of the mean over the sets of a place, for metrics that have a value there."""
    place = where.split("/")[1]
    pools = [pool for pool in opened.ood if pool.startswith(f"ood/{place}/")]
    valued = [key for key in keys if f"{where}/{key}" in scored.metrics]
    base = pool_weightings(opened.test)
    found = [
        replicate_ood(
            scores["test"],
            scores[pool],
            base,
            pool_weightings(opened.ood[pool]),
            valued,
            correct=outputs.correct,
        )
        for pool in (pools if valued else ())
    ]
    for key in valued:
        stacks = [r for each in found if isinstance(r := each[key], np.ndarray)]
        if len(stacks) == len(pools):
            scored.replicates[f"{where}/{key}"] = np.mean(np.stack(stacks), axis=0)


def on_familiar(
    scored: Scored, opened: Pools, predictions: Mapping[str, Predictions], card: EntryCard
) -> None:
    """Measure the OOD sets that the suite calls familiar: to whom, and how far that carries.

    Parameters
    ----------
    scored : Scored
        Receives ``ood/<set>/linear_probe/ood_auroc`` for every such set, and under
        ``ood/familiar/<score>/`` the means over those that the card's pre-training saw.
    opened : Pools
        `Suite.familiar` maps pre-training data to the sets whose classes it has.
    predictions : mapping of str to Predictions
        Pool → evidence.
    card : EntryCard
        Its declared score, whose values are in `scored`, and its pre-training.
    """
    suite = opened.suite
    named = {name for sets in suite.familiar.values() for name in sets}
    if not named:
        return
    for name, pool in opened.ood.items():
        ood_set = name.rpartition("/")[2]
        if ood_set in named:
            found = result_of(
                lambda n=name, p=pool: _separability(predictions, n, p.fingerprint)  # type: ignore[misc]
            )
            scored.take(f"ood/{ood_set}/{PROBE}", {"ood_auroc": found})
    where = f"ood/familiar/{card.ood_score}"
    try:
        sets = familiar_sets(suite, card.facets.pretraining)
    except Undefined as undefined:
        scored.lack(where, OOD, undefined.reason)
        return
    found_in = {name: _taken(scored, f"ood/{name}/{card.ood_score}") for name in sets}
    scored.take(where, mean_of(found_in, OOD, "the pre-training saw none of the OOD sets"))


def _taken(scored: Scored, where: str) -> dict[str, MetricResult]:
    """Return what is already filed under a prefix."""
    keys = {key: f"{where}/{key}" for key in OOD}
    return {
        key: MetricResult(scored.metrics.get(full), scored.undefined.get(full))
        for key, full in keys.items()
    }


def _separability(predictions: Mapping[str, Predictions], ood_pool: str, key: str) -> float:
    sides = []
    for pool in ("test", ood_pool):
        if pool not in predictions:
            raise Undefined(f"no predictions for pool {pool}")
        features = predictions[pool].features
        if features is None:
            raise Undefined(MISSING["features"])
        sides.append(features)
    return linear_separability(*sides, key=key)

"""OOD scores by name: a literal table, and the one way to compute a score on all pools.

Every score is larger for OOD. Nothing is fitted on anything but training evidence.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64, Int

from harness.errors import PredictionsError, Undefined
from harness.lookup import lookup
from harness.scores import feature_scores as features
from harness.scores import geometry, layers, neighbours, prototypes, shaping
from harness.scores import output_scores as outputs
from harness.types import Predictions

Need = Literal["logits", "probs", "features", "head", "train", "odin", "layers", "gram"]

Fits = dict[Callable[..., Any], Any]
"""Function that fits a score → what it found on the training evidence of one job. Scores with the
same function share it: of features with 1,280 numbers the two that do take a second or more."""

GIVEN = "given"
"""Name of a score that predictions bring along: the ``conf`` of given decisions."""

MISSING: dict[str, str] = {
    "probs": "only predicted classes were given, without probabilities",
    "conf": "no confidence was given beside predicted classes",
    "logits": "only probabilities were given, and logits are never made from probabilities",
    "features": "no features were stored",
    "head": "the last linear layer was not stored",
    "odin": "the model hands out no gradients",
    "layers": "the model hands out no intermediate layers",
    "gram": "the model hands out no intermediate layers",
    "train": "there are no predictions on the training split",
    "observed": "the observed training labels were not given",
}
"""Why a score has no value, by what is missing."""


@dataclass(frozen=True)
class OODScore:
    """One row of the table."""

    key: str
    """Name in metric keys."""
    title: str
    """As people write it."""
    needs: frozenset[Need]
    """What it reads; ``probs`` means logits or probabilities."""
    score: Callable[..., Float64[np.ndarray, " n"]]
    """``(predictions)`` or ``(predictions, fitted)`` → float64 (n,), larger is more OOD."""
    source: str
    """Paper."""
    fit: Callable[..., Any] | None = None
    """``(train, observed)`` → what `score` takes as `fitted`; None: nothing is fitted."""
    classes: bool = False
    """Whether `fit` reads observed labels."""


STATISTICS: frozenset[Need] = frozenset({"odin", "layers", "gram"})
"""What only models that look into themselves hand out (`Predictions.statistics`)."""

OOD_SCORES: dict[str, OODScore] = {
    "msp": OODScore("msp", "MSP", frozenset({"probs"}), outputs.msp, "Hendrycks and Gimpel 2017"),
    "max_logit": OODScore(
        "max_logit", "Max logit", frozenset({"logits"}), outputs.max_logit, "Hendrycks et al. 2022"
    ),
    "energy": OODScore(
        "energy", "Energy", frozenset({"logits"}), outputs.energy, "Liu et al. 2020"
    ),
    "entropy": OODScore(
        "entropy", "Entropy", frozenset({"probs"}), outputs.entropy, "Shannon 1948"
    ),
    "gen": OODScore("gen", "GEN", frozenset({"probs"}), outputs.gen, "Liu et al. 2023"),
    "mahalanobis": OODScore(
        "mahalanobis",
        "Mahalanobis",
        frozenset({"features", "train"}),
        features.mahalanobis,
        "Lee et al. 2018",
        fit=features.fit_gaussians,
        classes=True,
    ),
    "relative_mahalanobis": OODScore(
        "relative_mahalanobis",
        "Relative Mahalanobis",
        frozenset({"features", "train"}),
        features.relative_mahalanobis,
        "Ren et al. 2021",
        fit=features.fit_gaussians,
        classes=True,
    ),
    "knn": OODScore(
        "knn",
        "kNN",
        frozenset({"features", "train"}),
        neighbours.knn,
        "Sun et al. 2022",
        fit=neighbours.fit_knn,
    ),
    "vim": OODScore(
        "vim",
        "ViM",
        frozenset({"logits", "features", "head", "train"}),
        features.vim,
        "Wang et al. 2022",
        fit=features.fit_vim,
    ),
    "react": OODScore(
        "react",
        "ReAct",
        frozenset({"logits", "features", "head", "train"}),
        features.react,
        "Sun et al. 2021",
        fit=features.fit_react,
    ),
    "klm": OODScore(
        "klm",
        "KL matching",
        frozenset({"probs", "train"}),
        prototypes.klm,
        "Hendrycks et al. 2022",
        fit=prototypes.fit_klm,
    ),
    "openmax": OODScore(
        "openmax",
        "OpenMax",
        frozenset({"logits", "train"}),
        prototypes.openmax,
        "Bendale and Boult 2016",
        fit=prototypes.fit_openmax,
        classes=True,
    ),
    "she": OODScore(
        "she",
        "SHE",
        frozenset({"probs", "features", "train"}),
        prototypes.she,
        "Zhang et al. 2023",
        fit=prototypes.fit_she,
        classes=True,
    ),
    "cosine": OODScore(
        "cosine",
        "Cosine to class means",
        frozenset({"features", "train"}),
        prototypes.cosine,
        "Techapanurak et al. 2020",
        fit=prototypes.fit_cosine,
        classes=True,
    ),
    "weight_cosine": OODScore(
        "weight_cosine",
        "Cosine to weights",
        frozenset({"logits", "features", "head"}),
        geometry.weight_cosine,
        "Techapanurak et al. 2020",
    ),
    "dice": OODScore(
        "dice",
        "DICE",
        frozenset({"logits", "features", "head", "train"}),
        shaping.dice,
        "Sun and Li 2022",
        fit=shaping.fit_dice,
    ),
    "ash_p": OODScore(
        "ash_p",
        "ASH-P",
        frozenset({"logits", "features", "head"}),
        shaping.ash_p,
        "Djurisic et al. 2023",
    ),
    "ash_b": OODScore(
        "ash_b",
        "ASH-B",
        frozenset({"logits", "features", "head"}),
        shaping.ash_b,
        "Djurisic et al. 2023",
    ),
    "ash_s": OODScore(
        "ash_s",
        "ASH-S",
        frozenset({"logits", "features", "head"}),
        shaping.ash_s,
        "Djurisic et al. 2023",
    ),
    "scale": OODScore(
        "scale",
        "SCALE",
        frozenset({"logits", "features", "head"}),
        shaping.scale,
        "Xu et al. 2024",
    ),
    "gradnorm": OODScore(
        "gradnorm",
        "GradNorm",
        frozenset({"logits", "features"}),
        geometry.gradnorm,
        "Huang et al. 2021",
    ),
    "nnguide": OODScore(
        "nnguide",
        "NNGuide",
        frozenset({"logits", "features", "train"}),
        neighbours.nnguide,
        "Park et al. 2023",
        fit=neighbours.fit_nnguide,
    ),
    "fdbd": OODScore(
        "fdbd",
        "fDBD",
        frozenset({"logits", "features", "head", "train"}),
        geometry.fdbd,
        "Liu and Qin 2024",
        fit=geometry.fit_fdbd,
    ),
    "neco": OODScore(
        "neco",
        "NECO",
        frozenset({"logits", "features", "train"}),
        geometry.neco,
        "Ben Ammar et al. 2024",
        fit=geometry.fit_neco,
    ),
    "residual": OODScore(
        "residual",
        "Residual",
        frozenset({"logits", "features", "head", "train"}),
        features.residual,
        "Wang et al. 2022",
        fit=features.fit_vim,
    ),
    "pnml": OODScore(
        "pnml",
        "pNML",
        frozenset({"logits", "features", "train"}),
        geometry.pnml,
        "Bibas et al. 2021",
        fit=geometry.fit_pnml,
    ),
    "odin": OODScore(
        "odin", "ODIN", frozenset({"odin"}), layers.odin, "Liang, Li and Srikant 2018"
    ),
    "layer_mahalanobis": OODScore(
        "layer_mahalanobis",
        "Mahalanobis over layers",
        frozenset({"layers", "train"}),
        layers.layer_mahalanobis,
        "Lee et al. 2018",
        fit=layers.fit_layers,
        classes=True,
    ),
    "gram": OODScore(
        "gram",
        "Gram matrices",
        frozenset({"logits", "gram", "train"}),
        layers.gram,
        "Sastry and Oore 2020",
        fit=layers.fit_gram,
    ),
}
"""All OOD scores."""
STANDARD = frozenset(
    {"msp", "max_logit", "energy", "entropy", "gen", "mahalanobis", "relative_mahalanobis", "knn"}
    | {"vim", "react"}
)
"""Scores that every record has; the others are computed where a card declares one or asks for it,
or a suite does."""


def handed_out(predictions: Predictions) -> tuple[str, ...]:
    """Return the scores whose statistics a model handed out, which asks for them by doing so."""
    if not predictions.statistics:
        return ()
    names = {name.split("_")[0] for name in predictions.statistics}
    there = {"odin": "odin", "layer": "layers", "gram": "gram"}
    given = {there[name] for name in names if name in there}
    return tuple(name for name, score in OOD_SCORES.items() if score.needs & given)


def ood_scores(
    name: str,
    pools: Mapping[str, Predictions],
    *,
    train: Predictions | None = None,
    observed: Int[np.ndarray, " m"] | None = None,
    fits: Fits | None = None,
) -> dict[str, Float64[np.ndarray, " _"]]:
    """Return one score of every input of every pool.

    Parameters
    ----------
    name : str
        Key of OOD_SCORES.
    pools : mapping of str to Predictions
        The ID test pool and OOD pools, all scored with the same fitted parameters.
    train : Predictions, optional
        Of the training split, for scores that are fitted.
    observed : int array of shape (m,), optional
        Observed label of every row of `train`.
    fits : Fits, optional
        What other scores of the same `train` and `observed` have fitted; read and added to.

    Returns
    -------
    dict of str to float64 array of shape (n,)
        In the order of `pools`; larger is more OOD.

    Raises
    ------
    Undefined
        If what the score needs is missing; the reason says what.
    UnknownNameError
        If there is no such score.
    PredictionsError
        If arrays do not fit each other or a score is not finite.
    """
    if name == GIVEN:
        raise Undefined(MISSING["conf"])
    entry = lookup("OOD score", name, OOD_SCORES)
    for pool, predictions in pools.items():
        _check_needs(entry, predictions, pool)
    if entry.fit is None:
        return {p: _finite(entry.score(x), name, p) for p, x in pools.items()}
    fitted = _fit(entry, train, observed, {} if fits is None else fits)
    return {p: _finite(entry.score(x, fitted), name, p) for p, x in pools.items()}


def given_scores(pools: Mapping[str, Predictions]) -> dict[str, Float64[np.ndarray, " _"]]:
    """Return the score that decisions bring along: minus their confidence.

    Parameters
    ----------
    pools : mapping of str to Predictions
        The ID test pool and OOD pools.

    Returns
    -------
    dict of str to float64 array of shape (n,)
        In the order of `pools`; larger is more OOD.

    Raises
    ------
    Undefined
        If a pool has no confidence.
    """
    found = {}
    for pool, predictions in pools.items():
        if predictions.confidence is None:
            raise Undefined(f"{MISSING['conf']} ({pool})")
        found[pool] = -predictions.confidence.astype(np.float64)
    return found


def _fit(
    entry: OODScore,
    train: Predictions | None,
    observed: Int[np.ndarray, " m"] | None,
    fits: Fits,
) -> Any:
    if train is None:
        raise Undefined(MISSING["train"])
    _check_needs(entry, train, "train")
    assert entry.fit is not None
    if not entry.classes:
        if entry.fit not in fits:
            fits[entry.fit] = entry.fit(train)
        return fits[entry.fit]
    if observed is None:
        raise Undefined(MISSING["observed"])
    if len(observed) != len(train.values):
        raise PredictionsError(
            f"observed has {len(observed)} labels, train has {len(train.values)} rows. "
            "Give one observed label for each row of the training split."
        )
    if entry.fit not in fits:
        fits[entry.fit] = entry.fit(train, observed)
    return fits[entry.fit]


def _check_needs(entry: OODScore, predictions: Predictions, pool: str) -> None:
    absent = {
        "probs": predictions.kind == "decisions",
        "logits": predictions.kind != "logits",
        "features": predictions.features is None,
        "head": predictions.head is None,
        "odin": "odin" not in predictions.statistics,
        "layers": "layer_0" not in predictions.statistics,
        "gram": "gram_0" not in predictions.statistics,
    }
    for need, missing in absent.items():
        if missing and need in entry.needs:
            raise Undefined(f"{MISSING[need]} ({pool})")


def _finite(scores: Float64[np.ndarray, " n"], name: str, pool: str) -> Float64[np.ndarray, " n"]:
    bad = np.flatnonzero(~np.isfinite(scores))
    if len(bad):
        raise PredictionsError(
            f"{name} on {pool} must be finite; row {bad[0]} is {scores[bad[0]]}. "
            "Check the logits or features of that row."
        )
    return scores

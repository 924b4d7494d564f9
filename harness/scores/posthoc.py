"""Post-hoc variants of an entry: ``ts``, ``vs``, ``iso``, ``la`` and chains such as ``la+ts``.

A variant is arithmetic on cached predictions: no new pass. What is fitted, is fitted on the
calibration pool's clean labels (and says so in a facet) or on observed training counts.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float64, Int
from scipy.special import log_softmax, softmax

from harness.errors import PredictionsError, SpecError, Undefined
from harness.lookup import unknown
from harness.scores.affine import (
    apply_affine,
    fit_temperature,
    fit_vector,
    log_values,
    prior_shift,
)
from harness.types import Predictions

FOLDS = 5
"""Parts of the calibration pool of which each is left out once."""
Fit = Callable[[Predictions, Int[np.ndarray, " n"]], Any]


@dataclass(frozen=True)
class Correction:
    """One row of the table."""

    key: str
    """Name in variants."""
    title: str
    """As people write it."""
    needs: Literal["calibration", "counts"]
    """Clean labels of the calibration pool, or observed training counts."""
    apply: Callable[[Predictions, Any], Predictions]
    """``(predictions, fitted)`` → corrected predictions."""
    source: str
    """Paper."""
    fit: Fit | None = None
    """``(calibration, clean labels)`` → fitted; None for prior adjustment."""


def fit_isotonic(calibration: Predictions, labels: Int[np.ndarray, " n"]) -> list[Any]:
    """Return one increasing function of the probability for every class.

    Values stay between 1/(n + 2) and 1 − 1/(n + 2), the chances that n images of one kind leave to
    the other (rule of succession): isotonic regression itself gives exactly 0 below its first
    positive, and an image of that class then costs what the clipping of logarithms decides.

    Parameters
    ----------
    calibration : Predictions
        Of shape (n, c).
    labels : int array of shape (n,)
        Clean class index.

    Raises
    ------
    Undefined
        If a class has no image in the calibration pool: it would never be predicted again.

    References
    ----------
    Zadrozny and Elkan 2002, "Transforming classifier scores into accurate multiclass probability
    estimates" (one class against the rest, normalised).
    """
    from sklearn.isotonic import (
        IsotonicRegression,
    )  # slow to import, and only this correction needs it

    probs = _probabilities(calibration)
    absent = np.flatnonzero(np.bincount(labels, minlength=probs.shape[1]) == 0)
    if len(absent):
        raise Undefined(f"class {absent[0]} has no image in the calibration pool")
    least = 1 / (len(labels) + 2)
    return [
        IsotonicRegression(y_min=least, y_max=1 - least, out_of_bounds="clip").fit(
            column, labels == k
        )
        for k, column in enumerate(probs.T)
    ]


def apply_isotonic(predictions: Predictions, fitted: list[Any]) -> Predictions:
    """Return calibrated probabilities, renormalised.

    Parameters
    ----------
    predictions : Predictions
        Of shape (n, c).
    fitted : list
        From `fit_isotonic`.
    """
    probs = _probabilities(predictions)
    raised = np.stack(
        [f.predict(column) for f, column in zip(fitted, probs.T, strict=True)], axis=1
    )
    values = raised / raised.sum(axis=1, keepdims=True)
    return replace(
        predictions, kind="probs", values=values.astype(predictions.values.dtype), head=None
    )


def _probabilities(predictions: Predictions) -> Float64[np.ndarray, "n c"]:
    return np.asarray(softmax(log_values(predictions), axis=1))


VARIANTS: dict[str, Correction] = {
    "ts": Correction(
        "ts",
        "Temperature scaling",
        "calibration",
        apply_affine,
        "Guo et al. 2017",
        fit_temperature,
    ),
    "vs": Correction(
        "vs", "Vector scaling", "calibration", apply_affine, "Guo et al. 2017", fit_vector
    ),
    "iso": Correction(
        "iso",
        "Isotonic regression",
        "calibration",
        apply_isotonic,
        "Zadrozny and Elkan 2002",
        fit_isotonic,
    ),
    "la": Correction("la", "Prior adjustment", "counts", apply_affine, "Menon et al. 2021"),
}
"""All corrections; a variant's name is a chain of them, applied from left to right."""


def corrections(name: str) -> list[tuple[Correction, float]]:
    """Return the chain that a variant's name stands for, with tau of prior adjustments.

    Parameters
    ----------
    name : str
        Keys of VARIANTS joined by ``+``; ``la0.5`` is prior adjustment with tau 0.5.

    Raises
    ------
    UnknownNameError
        If a part is in no table.
    SpecError
        If tau is written in another way than its shortest, or is 0.

    Examples
    --------
    >>> [(c.key, tau) for c, tau in corrections("la0.5+ts")]
    [('la', 0.5), ('ts', 1.0)]
    """
    chain = []
    for part in name.split("+"):
        match = re.fullmatch(r"la(\d+(?:\.\d+)?)", part)
        if match is None and part not in VARIANTS:
            raise unknown("variant", part, VARIANTS)
        tau = float(match[1]) if match else 1.0
        if match and (part != f"la{tau:g}" or tau in (0, 1)):
            good = "la" if tau == 1 else f"la{tau:g}" if tau else "the entry itself"
            raise SpecError(f"tau is written in one way only; got {part!r}. Use {good}.")
        chain.append((VARIANTS["la" if match else part], tau))
    return chain


def apply_variant(
    name: str,
    pools: Mapping[str, Predictions],
    *,
    calibration: tuple[Predictions, Int[np.ndarray, " m"]] | None = None,
    observed_counts: Int[np.ndarray, " c"] | None = None,
) -> tuple[dict[str, Predictions], dict[str, Any]]:
    """Return all pools' predictions under a post-hoc variant, and the facets it adds.

    Parameters
    ----------
    name : str
        A chain such as ``"la+ts"``: later parts are fitted on what earlier ones give.
    pools : mapping of str to Predictions
        Whatever is to be corrected; every row is corrected alike.
    calibration : pair of Predictions and int array of shape (m,), optional
        The calibration pool with its clean labels.
    observed_counts : int array of shape (c,), optional
        Observed training labels of every class.

    Returns
    -------
    tuple
        dict of str to Predictions in the order of `pools`; dict of facets that differ, here
        ``{"saw_clean_labels": True}`` when anything was fitted on clean labels, and
        ``{"worse_out_of_fold": True}`` when that makes calibration images it has not seen worse.

    Raises
    ------
    Undefined
        If what a correction needs is missing; the reason says what.
    UnknownNameError
        If a part of the name is in no table.
    PredictionsError
        If numbers of rows or classes do not fit.
    """
    if any(predictions.kind == "decisions" for predictions in pools.values()):
        raise Undefined("only predicted classes were given: there is nothing to correct")
    if calibration is not None and calibration[0].kind == "decisions":
        calibration = None
    if calibration is not None:
        _check_calibration(*calibration)
    corrected, facets = dict(pools), {}
    for correction, tau in corrections(name):
        if correction.needs == "counts":
            fitted = _fit_counts(correction, corrected, observed_counts, tau)
        elif calibration is None:
            raise Undefined(f"there is no calibration pool, which {correction.key} is fitted on")
        else:
            assert correction.fit is not None
            fitted = correction.fit(*calibration)
            facets["saw_clean_labels"] = True
            if worse_out_of_fold(correction, *calibration):
                facets["worse_out_of_fold"] = True
        corrected = {pool: correction.apply(p, fitted) for pool, p in corrected.items()}
        if calibration is not None:
            calibration = correction.apply(calibration[0], fitted), calibration[1]
    return corrected, facets


def worse_out_of_fold(
    correction: Correction, calibration: Predictions, labels: Int[np.ndarray, " m"]
) -> bool:
    """Return whether a correction makes the NLL of calibration images it was not fitted on worse.

    Every fifth image is left out in turn; a fold on which the correction cannot be fitted keeps its
    probabilities. Only a sign: with few images it may be wrong in either direction.

    Parameters
    ----------
    correction : Correction
        With a `fit`.
    calibration : Predictions
        The calibration pool, of shape (n, c).
    labels : int array of shape (n,)
        Its clean labels.
    """
    assert correction.fit is not None
    left = np.arange(len(labels)) % FOLDS
    before = after = 0.0
    for fold in range(min(FOLDS, len(labels))):
        out = left == fold
        held = _rows(calibration, out)
        before += _nll(held, labels[out])
        try:
            fitted = correction.fit(_rows(calibration, ~out), labels[~out])
        except (Undefined, ValueError):
            after += _nll(held, labels[out])
        else:
            after += _nll(correction.apply(held, fitted), labels[out])
    return after > before


def _rows(predictions: Predictions, kept: Bool[np.ndarray, " n"]) -> Predictions:
    return Predictions(predictions.kind, predictions.values[kept], predictions.row[kept])


def _nll(predictions: Predictions, labels: Int[np.ndarray, " m"]) -> float:
    """Return Σ −ln p(label)."""
    logs = log_softmax(log_values(predictions), axis=1)
    return float(-logs[np.arange(len(labels)), labels].sum())


def _fit_counts(
    correction: Correction,
    pools: Mapping[str, Predictions],
    counts: Int[np.ndarray, " c"] | None,
    tau: float,
) -> Any:
    if counts is None:
        raise Undefined(f"there are no observed training counts, which {correction.key} needs")
    for pool, predictions in pools.items():
        if predictions.values.shape[1] != len(counts):
            raise PredictionsError(
                f"{pool} has {predictions.values.shape[1]} classes, the training counts "
                f"{len(counts)}. Give one count for each class."
            )
    return prior_shift(counts, tau)


def _check_calibration(predictions: Predictions, labels: Int[np.ndarray, " m"]) -> None:
    n, c = predictions.values.shape
    if len(labels) != n or not n:
        raise PredictionsError(
            f"calibration has {n} rows and {len(labels)} labels. Give one clean label per row, "
            "and at least one row."
        )
    if labels.min() < 0 or labels.max() >= c:
        raise PredictionsError(
            f"calibration labels must lie in 0 … {c - 1}; got {labels.min()} … {labels.max()}. "
            "Give class indices."
        )

"""Controls and probes: classifiers of scikit-learn's size, on raw pixels or cached features.

uint8 inputs become pixels in [0, 1], everything else stays as it is; each input is one flat row.
Distances and margins are handed over as logits; the columns of classes without a training row
are the row's minimum minus 50, so that softmax gives them nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from baselines.settings import configure_one, settings_from
from harness.errors import TrainingError
from harness.lookup import lookup
from harness.types.models import FitContext, Output, OutputKind, TrainingData

ABSENT = 50.0
"""Nats below a row's minimum at which a class without a training row stands (SPEC section 2)."""


class Probe:
    """A fitted probe: named arrays and the rule that turns rows into values.

    Parameters
    ----------
    rule : str
        A name in RULES.
    num_classes : int
        C.
    arrays : mapping of str to array
        What the rule needs; ``classes`` (k,) names the classes that had a training row.
    """

    preprocessing = None

    def __init__(self, rule: str, num_classes: int, arrays: Mapping[str, np.ndarray]) -> None:
        self.num_classes = num_classes
        self.meta: Mapping[str, Any] = {"rule": rule, "num_classes": num_classes}
        self.head: Mapping[str, np.ndarray] | None = None
        self._arrays = dict(arrays)
        self._kind, self._rule = lookup("probe rule", rule, RULES)

    def state(self) -> dict[str, np.ndarray]:
        """Return all arrays."""
        return dict(self._arrays)

    def __call__(self, inputs: np.ndarray) -> Output:
        """Return logits or probabilities of a batch (b, …)."""
        values = self._rule(flat_rows(inputs), self._arrays)
        absent = ABSENT if self._kind == "logits" else None
        return Output(self._kind, place(values, self._arrays["classes"], self.num_classes, absent))


def restore(state: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> Probe:
    """Return the probe that `Probe.state` and `Probe.meta` describe."""
    return Probe(meta["rule"], meta["num_classes"], state)


def fit_majority(train: TrainingData, ctx: FitContext) -> Probe:
    """Always predict the most frequent observed class (the lowest index on a tie)."""
    classes, counts = np.unique(train.observed, return_counts=True)
    probs = np.eye(len(classes), dtype=np.float32)[counts.argmax()]
    return Probe("constant", train.num_classes, {"classes": classes, "probs": probs})


def fit_prior(train: TrainingData, ctx: FitContext) -> Probe:
    """Predict the observed class frequencies for every input."""
    classes, counts = np.unique(train.observed, return_counts=True)
    probs = (counts / counts.sum()).astype(np.float32)
    return Probe("constant", train.num_classes, {"classes": classes, "probs": probs})


def fit_nearest_mean(train: TrainingData, ctx: FitContext) -> Probe:
    """Predict the class whose mean is nearest: logits are minus squared Euclidean distances.

    References
    ----------
    Janson et al. 2022, "A Simple Baseline that Questions the Use of Pretrained-Models in
    Continual Learning": no training, no class prior.
    """
    rows, classes = _rows_of(train), np.unique(train.observed)
    means = np.stack([rows[train.observed == k].mean(axis=0) for k in classes])
    return Probe("nearest-mean", train.num_classes, {"classes": classes, "means": means})


@dataclass(frozen=True)
class LogisticSettings:
    """Settings of logistic regression."""

    c: float = 1.0
    """Inverse of the L2 penalty on the sum of losses; > 0."""
    max_iter: int = 200
    """Iterations of L-BFGS."""


def fit_logistic(train: TrainingData, ctx: FitContext) -> Probe:
    """Fit multinomial logistic regression with an L2 penalty; logits are its linear scores."""
    settings = settings_from(LogisticSettings, ctx.config)
    estimator = LogisticRegression(C=settings.c, max_iter=settings.max_iter, tol=1e-3)
    return _linear(estimator, train, ctx, halved=True)


@dataclass(frozen=True)
class SvmSettings:
    """Settings of the linear SVM."""

    c: float = 0.1
    """Inverse of the L2 penalty on the sum of squared hinge losses; > 0."""
    max_iter: int = 200
    """Iterations of liblinear's trust region Newton method."""


def fit_linear_svm(train: TrainingData, ctx: FitContext) -> Probe:
    """Fit one linear SVM a class against the rest; logits are the signed margins.

    References
    ----------
    Razavian et al. 2014, "CNN Features off-the-shelf": a linear SVM on whatever features.
    """
    settings = settings_from(SvmSettings, ctx.config)
    estimator = LinearSVC(C=settings.c, max_iter=settings.max_iter, dual=False, tol=1e-3)
    return _linear(estimator, train, ctx, halved=False)


def place(
    values: Float[np.ndarray, "b k"],
    classes: Int[np.ndarray, " k"],
    num_classes: int,
    absent: float | None,
) -> Float[np.ndarray, "b c"]:
    """Put the columns of k present classes into C columns.

    Parameters
    ----------
    values : float array of shape (b, k)
        One column a present class.
    classes : int array of shape (k,)
        Their class indices.
    num_classes : int
        C.
    absent : float or None
        What an absent class lies below the row's minimum; None: it is 0 (probabilities).
    """
    fill = 0.0 if absent is None else values.min(axis=1, keepdims=True) - absent
    placed = np.broadcast_to(fill, (len(values), num_classes)).astype(values.dtype)
    placed[:, classes] = values
    return placed


def flat_rows(inputs: np.ndarray) -> Float[np.ndarray, "b d"]:
    """Return inputs as flat float32 rows; uint8 is divided by 255."""
    rows = inputs.reshape(len(inputs), -1).astype(np.float32)
    return rows / np.float32(255) if inputs.dtype == np.uint8 else rows


def _rows_of(train: TrainingData) -> Float[np.ndarray, "n d"]:
    return flat_rows(train.inputs.take(np.arange(len(train.inputs))))


def _linear(estimator: Any, train: TrainingData, ctx: FitContext, *, halved: bool) -> Probe:
    """Fit a linear estimator and keep one score a class.

    With two classes scikit-learn keeps one score d; the class scores are then −d and d, halved
    where softmax must give sigmoid(d) back.
    """
    classes = np.unique(train.observed)
    if len(classes) < 2:
        raise TrainingError(
            "A linear classifier needs training rows of at least two classes; all rows carry "
            f"class {classes[0]}. Use fit_majority, or a split with more classes."
        )
    with threadpool_limits(ctx.threads):
        estimator.fit(_rows_of(train), train.observed)
    weight, bias = estimator.coef_, np.broadcast_to(estimator.intercept_, len(estimator.coef_))
    if len(classes) == 2:
        sign = np.array([-1.0, 1.0]) * (0.5 if halved else 1.0)
        weight, bias = sign[:, None] * weight, sign * bias
    arrays = {"weight": weight.astype(np.float32), "bias": bias.astype(np.float32)}
    return Probe("linear", train.num_classes, {"classes": classes, **arrays})


def _constant_rule(rows: np.ndarray, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    return np.tile(arrays["probs"], (len(rows), 1))


def _linear_rule(rows: np.ndarray, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    return rows @ arrays["weight"].T + arrays["bias"]


def _nearest_mean_rule(rows: np.ndarray, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    means = arrays["means"]
    return 2 * rows @ means.T - (rows**2).sum(axis=1, keepdims=True) - (means**2).sum(axis=1)


Rule = Callable[[np.ndarray, Mapping[str, np.ndarray]], np.ndarray]
RULES: dict[str, tuple[OutputKind, Rule]] = {
    "constant": ("probs", _constant_rule),
    "linear": ("logits", _linear_rule),
    "nearest-mean": ("logits", _nearest_mean_rule),
}
"""Name → what its values are, and how rows (b, d) become values (b, k)."""


@dataclass(frozen=True)
class NoSettings:
    """A probe without anything to set."""


SETTINGS: dict[str, type] = {
    "fit_majority": NoSettings,
    "fit_prior": NoSettings,
    "fit_nearest_mean": NoSettings,
    "fit_logistic": LogisticSettings,
    "fit_linear_svm": SvmSettings,
}
"""Trainer function → its settings."""


def configure(function: str, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return all settings of a trainer function, defaults filled in."""
    return configure_one(SETTINGS, function, overrides)

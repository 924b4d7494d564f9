"""What probes return: named arrays, how an input becomes a row, and how a row becomes logits.

Distances and margins are handed over as logits; the columns of classes without a training row
are the row's minimum minus 50, so that softmax gives them nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy.special import expit, logsumexp
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from baselines.probes import head_rules, trees
from baselines.probes.transforms import TRANSFORMS, Arrays, Scale, learn_columns, learn_scaled
from baselines.settings import Checked, Method, S, method
from harness.data.pools.tables import TableInputs
from harness.errors import TrainingError
from harness.lookup import lookup
from harness.types.models import FitContext, Output, OutputKind, TrainingData

ABSENT = 50.0
"""Nats below a row's minimum at which a class without a training row stands (SPEC section 2)."""


class Probe:
    """A fitted probe.

    Parameters
    ----------
    rule : str
        A name in RULES.
    num_classes : int
        C.
    arrays : mapping of str to array
        What rule and transform need; ``classes`` (k,) names the classes with a training row.
    transform : str, default="flat"
        A name in `transforms.TRANSFORMS`.
    """

    preprocessing = None
    head: Mapping[str, np.ndarray] | None = None

    def __init__(
        self,
        rule: str,
        num_classes: int,
        arrays: Mapping[str, np.ndarray],
        transform: str = "flat",
    ) -> None:
        self.num_classes = num_classes
        self.meta: Mapping[str, Any] = {
            "rule": rule,
            "num_classes": num_classes,
            "transform": transform,
        }
        self._arrays = dict(arrays)
        self._kind, self._rule = lookup("probe rule", rule, RULES)
        self._transform = lookup("transform", transform, TRANSFORMS)

    def state(self) -> dict[str, np.ndarray]:
        """Return all arrays."""
        return dict(self._arrays)

    def __call__(self, inputs: np.ndarray) -> Output:
        """Return logits or probabilities of a batch (b, …)."""
        values = self._rule(self._transform(inputs, self._arrays), self._arrays)
        absent = ABSENT if self._kind == "logits" else None
        return Output(self._kind, place(values, self._arrays["classes"], self.num_classes, absent))


def restore(state: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> Probe:
    """Return the probe that `Probe.state` and `Probe.meta` describe."""
    return Probe(meta["rule"], meta["num_classes"], state, meta["transform"])


def probing(
    settings: type[S],
) -> Callable[[Callable[[TrainingData, FitContext, S], Probe]], Method[S]]:
    """Make a method of a function that fits a probe."""
    return method(settings, restore)


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


@dataclass(frozen=True)
class Rows:
    """Training inputs as rows, with what turns test inputs into rows of the same kind."""

    values: Float[np.ndarray, "n d"]
    """One row per input."""
    num_classes: int
    """C."""
    transform: str
    """A name in `transforms.TRANSFORMS`."""
    learnt: Mapping[str, np.ndarray]
    """What the transform learnt from the training rows."""

    def probe(self, rule: str, arrays: Mapping[str, np.ndarray]) -> Probe:
        """Return the probe of a rule that was fitted on these rows."""
        both = arrays.keys() & self.learnt.keys()
        assert not both, f"rule {rule} and transform {self.transform} share arrays: {both}"
        return Probe(rule, self.num_classes, {**arrays, **self.learnt}, self.transform)


class Scaled(Checked):
    """Settings of a probe that may be told how to scale its rows."""

    scale: Scale = "auto"
    """``auto``, ``none``, ``standard``, ``minmax`` or ``overlap``: see `transforms.Scale`."""


def rows_of(
    train: TrainingData,
    transform: str | None = None,
    arrays: Arrays | None = None,
    *,
    scale: Scale = "auto",
) -> Rows:
    """Return all training inputs as rows.

    Parameters
    ----------
    train : TrainingData
        Tables are filled, scaled and spread out by what their training rows say.
    transform : str, optional
        A name in `transforms.TRANSFORMS`; None: ``columns`` for a table, else ``flat``.
    arrays : mapping of str to array, optional
        What the transform needs.
    scale : str, default="auto"
        Where no transform is named: a word of `transforms.Scale`.
    """
    learnt = dict(arrays or {})
    if transform is None and isinstance(train.inputs, TableInputs):
        transform, learnt = "columns", learn_columns(train.inputs, scale)
    inputs = train.inputs.take(np.arange(len(train.inputs)))
    if transform is None and scale not in ("auto", "none"):
        transform, learnt = "scaled", learn_scaled(TRANSFORMS["flat"](inputs, {}), scale)
    transform = transform or "flat"
    return Rows(TRANSFORMS[transform](inputs, learnt), train.num_classes, transform, learnt)


@dataclass(frozen=True)
class Fitted:
    """A linear estimator's weight and bias for each class with a training row."""

    classes: Int[np.ndarray, " k"]
    weight: Float[np.ndarray, "k d"]
    bias: Float[np.ndarray, " k"]

    def arrays(self) -> dict[str, np.ndarray]:
        """Return them as the arrays of the rule ``linear``."""
        return {
            "classes": self.classes,
            "weight": self.weight.astype(np.float32),
            "bias": self.bias.astype(np.float32),
        }


def fit_linear(
    estimator: Any,
    rows: Float[np.ndarray, "n d"],
    labels: Int[np.ndarray, " n"],
    ctx: FitContext,
    *,
    halved: bool,
) -> Fitted:
    """Fit a linear estimator of scikit-learn's and return one score per class.

    With two classes scikit-learn keeps one score d; the class scores are then −d and d, halved
    where softmax must give sigmoid(d) back.

    Raises
    ------
    TrainingError
        If there is only one class.
    """
    classes = np.unique(labels)
    if len(classes) < 2:
        raise TrainingError(
            "A linear classifier needs training rows of at least two classes; all rows carry "
            f"class {classes[0]}. Use fit_majority, or a split with more classes."
        )
    with threadpool_limits(ctx.threads):
        estimator.fit(rows, labels)
    weight = estimator.coef_
    bias = np.broadcast_to(estimator.intercept_, len(weight))
    if len(classes) == 2:
        sign = np.array([-1.0, 1.0]) * (0.5 if halved else 1.0)
        weight, bias = sign[:, None] * weight, sign * bias
    return Fitted(classes, weight, bias)


def _constant(rows: np.ndarray, arrays: Arrays) -> np.ndarray:
    return np.tile(arrays["probs"], (len(rows), 1))


def _linear(rows: np.ndarray, arrays: Arrays) -> np.ndarray:
    return rows @ arrays["weight"].T + arrays["bias"]


def _nearest_mean(rows: np.ndarray, arrays: Arrays) -> np.ndarray:
    return -squared_distances(rows, arrays["means"])


def _gaussian(rows: np.ndarray, arrays: Arrays) -> np.ndarray:
    """Log density with a variance a class and feature, plus log prior.

    Differences are squared, not multiplied out: where a variance is next to nothing that would
    leave rounding alone (MNIST: 50.5 % instead of 52.4 %).
    """
    exact = rows.astype(np.float64)
    pairs = zip(arrays["means"], arrays["variances"], strict=True)
    distances = [((exact - mean) ** 2 / variance).sum(axis=1) for mean, variance in pairs]
    return arrays["offset"] - 0.5 * np.stack(distances, axis=1)


def _kernel_densities(rows: np.ndarray, arrays: Arrays) -> np.ndarray:
    """Log of the product over columns of a Gaussian kernel density each, plus log prior."""
    values = np.empty((len(rows), len(arrays["classes"])))
    exact = rows.astype(np.float64)
    for at, widths in enumerate(arrays["widths"]):
        known = arrays["rows"][arrays["labels"] == arrays["classes"][at]]  # (n_k, d)
        total = np.full(len(rows), arrays["offset"][at])
        for column, width in zip(range(known.shape[1]), widths, strict=True):
            gaps = (exact[:, column, None] - known[None, :, column]) / width  # (b, n_k)
            total += logsumexp(-0.5 * gaps**2, axis=1) - np.log(len(known) * width)
        values[:, at] = total
    return values


def _neighbours(rows: np.ndarray, arrays: Arrays) -> np.ndarray:
    """Share of the k nearest training rows that carry each class."""
    known = TRANSFORMS["flat"](arrays["rows"], arrays)
    distances = squared_distances(rows, known)
    k = int(arrays["k"])
    nearest = np.argpartition(distances, min(k, len(known)) - 1, axis=1)[:, :k]  # (b, k)
    votes = arrays["labels"][nearest][:, :, None] == arrays["classes"]  # (b, k, classes)
    return votes.mean(axis=1).astype(np.float32)


def squared_distances(
    rows: Float[np.ndarray, "b d"], points: Float[np.ndarray, "k d"]
) -> Float[np.ndarray, "b k"]:
    """Return squared Euclidean distances."""
    squares = (rows**2).sum(axis=1, keepdims=True) + (points**2).sum(axis=1)
    return squares - 2 * rows @ points.T


def _one_vs_rest(rows: np.ndarray, arrays: Arrays) -> np.ndarray:
    """Return each class's own probability against the rest, made to sum to 1."""
    against_rest = expit(_linear(rows, arrays))
    return against_rest / against_rest.sum(axis=1, keepdims=True)


Rule = Callable[[np.ndarray, Arrays], np.ndarray]


def _root_linear(rows: np.ndarray, arrays: Arrays) -> np.ndarray:
    return _linear(signed_root(rows), arrays)


def signed_root(rows: Float[np.ndarray, "b d"]) -> Float[np.ndarray, "b d"]:
    """Return sign(x)·√|x|: Tukey's ladder of powers at one half, for features at least 0."""
    return np.sign(rows) * np.sqrt(np.abs(rows))


RULES: dict[str, tuple[OutputKind, Rule]] = {
    "constant": ("probs", _constant),
    "linear": ("logits", _linear),
    "one-vs-rest": ("probs", _one_vs_rest),
    "root-linear": ("logits", _root_linear),
    "nearest-mean": ("logits", _nearest_mean),
    "gaussian": ("logits", _gaussian),
    "kernel-densities": ("logits", _kernel_densities),
    "neighbours": ("probs", _neighbours),
    "boosting": ("logits", trees.boosted),
    "forest": ("probs", trees.forest),
    "votes": ("probs", trees.votes),
    "cosine": ("logits", head_rules.cosine),
    "expected-distance": ("logits", head_rules.expected_distance),
    "evidence": ("logits", head_rules.evidence),
    "components": ("logits", head_rules.components),
    "key-value": ("logits", head_rules.key_value),
    "perceptron": ("logits", head_rules.perceptron),
    "sigmoid-units": ("logits", head_rules.sigmoid_units),
    "singular-kernel": ("probs", head_rules.singular_kernel),
    "pattern-misfit": ("logits", head_rules.pattern_misfit),
}
"""Name → what its values are, and how rows (b, d) become values (b, k)."""

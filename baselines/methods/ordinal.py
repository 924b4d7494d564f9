"""Classes in an order: one boundary between each pair of neighbours (PRESTO and its two ends)."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import minimize
from scipy.special import expit
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from baselines.methods.tree import present_classes
from baselines.probes.probe import Scaled, place, rows_of
from baselines.probes.transforms import TRANSFORMS, Arrays
from baselines.settings import Count, Inside, NonNegative, method
from harness.errors import TrainingError
from harness.lookup import lookup
from harness.types.models import FitContext, Output, TrainingData

Rows = Float[np.ndarray, "n d"]
Labels = Int[np.ndarray, " n"]
Weights = Float[np.ndarray, "k d"]
Biases = Float[np.ndarray, " k"]
Flat = Float[np.ndarray, " p"]
Path = Float[np.ndarray, " l"]


class OrdinalSettings(Scaled):
    """Settings of a model with one boundary between neighbouring classes."""

    kind: Literal["presto", "proportional", "separate"] = "presto"
    """``presto``: weights of neighbouring boundaries are drawn together; ``proportional``: they are
    the same (proportional odds); ``separate``: one logistic regression a boundary."""
    penalty: NonNegative | None = None
    """λ of ``presto`` on the L1 norm of the differences, beside the mean loss of a row; None: by
    cross-validation."""
    penalties: Count = 20
    """Values of λ that are tried, from the smallest that makes all weights equal downwards."""
    least: Inside = 0.01
    """The last of them, as a share of the first."""
    folds: Count = 5
    """Folds of the cross-validation; the mean Brier score of the left-out rows decides."""
    shrink_first: bool = False
    """Whether λ is also on the first boundary's weights, as in the authors' published code."""
    l2: NonNegative = 1e-6
    """Half the factor of the squared weights beside the mean loss: where classes can be told apart
    without error, weights stay finite."""
    max_iter: Count = 500
    """Steps for each λ at most."""


class Boundaries:
    """A fitted model: class k or a lower one has probability sigmoid(w_k·x + a_k).

    Parameters
    ----------
    num_classes : int
        C.
    arrays : mapping of str to array
        ``classes`` (k,), ``weight`` (k − 1, d), ``bias`` (k − 1,) and what the transform learnt.
    transform : str
        A name in `transforms.TRANSFORMS`.
    """

    preprocessing = None
    head = None

    def __init__(self, num_classes: int, arrays: Arrays, transform: str) -> None:
        self.num_classes = num_classes
        self.meta: Mapping[str, Any] = {"num_classes": num_classes, "transform": transform}
        self._arrays = dict(arrays)
        self._transform = lookup("transform", transform, TRANSFORMS)

    def state(self) -> dict[str, np.ndarray]:
        """Return all arrays."""
        return dict(self._arrays)

    def __call__(self, inputs: np.ndarray) -> Output:
        """Return probabilities of a batch (b, …)."""
        rows = self._transform(inputs, self._arrays).astype(np.float64)
        values = probabilities(rows @ self._arrays["weight"].T + self._arrays["bias"])
        placed = place(values.astype(np.float32), self._arrays["classes"], self.num_classes, None)
        return Output("probs", placed)


def restore(state: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> Boundaries:
    """Return the model that `Boundaries.state` and `Boundaries.meta` describe."""
    return Boundaries(meta["num_classes"], state, meta["transform"])


def probabilities(scores: Float[np.ndarray, "n k"]) -> Float[np.ndarray, "n c"]:
    """Return class probabilities from the log odds of "class k or lower", one column a boundary.

    Where boundaries cross, as they can away from the training rows, a class between them has
    probability 0: the share below a boundary is never less than below the one before.
    """
    below = np.maximum.accumulate(expit(scores), axis=1)
    return np.diff(below, axis=1, prepend=0, append=1)


@method(OrdinalSettings, restore)
def fit_ordinal(train: TrainingData, ctx: FitContext, settings: OrdinalSettings) -> Boundaries:
    """Fit the boundaries between classes whose indices are in an order.

    logit P(y ≤ k) = a_k + x·β_k. PRESTO minimises the mean −ln P(y) plus λ·Σ|β_k − β_(k−1)| by
    accelerated proximal gradient steps, from proportional odds on down the path of λ.

    References
    ----------
    Faletto and Bien 2023, "Predicting Rare Events by Shrinking Towards Proportional Odds",
    arXiv:2305.18700; λ as in their code: twenty values to a hundredth, five folds, Brier score.
    McCullagh 1980, "Regression Models for Ordinal Data" (proportional odds).

    Raises
    ------
    TrainingError
        If the training rows are of one class.
    """
    classes, rows = present_classes(train), rows_of(train, scale=settings.scale)
    if len(classes) < 2:
        raise TrainingError(
            "A boundary needs training rows of at least two classes; all rows carry class "
            f"{classes[0]}. Use fit_majority, or a split with more classes."
        )
    values, labels = rows.values.astype(np.float64), np.searchsorted(classes, train.observed)
    with threadpool_limits(ctx.threads):
        if settings.kind == "separate":
            weight, bias = _separate(values, labels, len(classes), settings)
        else:
            loss = Cumulative(values, labels, len(classes), settings.l2)
            found = loss.proportional(settings.max_iter)
            if settings.kind == "presto" and len(classes) > 2:
                path = _path(loss, found, settings)
                if settings.penalty is None:
                    path = path[: _chosen(values, labels, path, ctx.seed, settings) + 1]
                *_, found = along(loss, found, path, settings)
            weight, bias = loss.boundaries(found)
    arrays = {"classes": classes, "weight": weight, "bias": bias}
    return Boundaries(train.num_classes, {**arrays, **rows.learnt}, rows.transform)


@dataclass(frozen=True)
class Cumulative:
    """The smooth part of the loss over a_1 …, β_1 and the differences β_k − β_(k−1), all flat."""

    rows: Rows
    labels: Labels
    num_classes: int
    l2: float

    def parts(self, flat: Flat) -> tuple[Biases, Weights]:
        """Return the biases (k,), and β_1 and the differences as rows of (k, d)."""
        k = self.num_classes - 1
        return flat[:k], flat[k:].reshape(k, -1)

    def boundaries(self, flat: Flat) -> tuple[Weights, Biases]:
        """Return the weights (k, d) and biases (k,) of every boundary."""
        bias, steps = self.parts(flat)
        return np.cumsum(steps, axis=0), bias.copy()

    def __call__(self, flat: Flat) -> tuple[float, Flat]:
        """Return the mean −ln P(y), with half l2 on the boundaries' squared weights, and its slope.

        Infinite where a row's own class has no probability left.
        """
        weight, bias = self.boundaries(flat)
        n, at = len(self.rows), np.arange(len(self.rows))
        below = np.ones((n, self.num_classes + 1))
        below[:, 0] = 0
        below[:, 1:-1] = expit(self.rows @ weight.T + bias)
        own = below[at, self.labels + 1] - below[at, self.labels]
        if not (own > 0).all():
            return np.inf, np.zeros_like(flat)
        bend = below * (1 - below)  # 0 at both ends
        pull = np.zeros_like(below)
        pull[at, self.labels + 1] -= bend[at, self.labels + 1] / own
        pull[at, self.labels] += bend[at, self.labels] / own
        pull = pull[:, 1:-1] / n  # (n, k): slope by each boundary's score
        slopes = pull.T @ self.rows + self.l2 * weight
        steps = np.cumsum(slopes[::-1], axis=0)[::-1]  # a step moves every later boundary
        value = -np.log(own).mean() + 0.5 * self.l2 * (weight**2).sum()
        return float(value), np.concatenate([pull.sum(axis=0), steps.ravel()])

    def start(self) -> Flat:
        """Return the biases that give every row the classes' shares; all weights are 0.

        Every class has a row.
        """
        counts = np.bincount(self.labels, minlength=self.num_classes)
        shares = np.cumsum(counts)[:-1] / len(self.labels)
        bias = np.log(shares / (1 - shares))
        return np.concatenate([bias, np.zeros(self.rows.shape[1] * (self.num_classes - 1))])

    def proportional(self, max_iter: int) -> Flat:
        """Return the minimum with all differences 0: proportional odds."""
        free = self.num_classes - 1 + self.rows.shape[1]
        whole = self.start()

        def restricted(flat: Flat) -> tuple[float, Flat]:
            value, slope = self(np.concatenate([flat, whole[free:]]))
            return (value if np.isfinite(value) else 1e10), slope[:free]

        options = {"maxiter": max_iter, "maxfun": 2 * max_iter, "ftol": 1e-12, "gtol": 1e-7}
        found = minimize(restricted, whole[:free], jac=True, method="L-BFGS-B", options=options)
        return np.concatenate([found.x, whole[free:]])


def _separate(
    rows: Rows, labels: Labels, num_classes: int, settings: OrdinalSettings
) -> tuple[Weights, Biases]:
    """Fit "class k or lower" as a logistic regression, boundary by boundary."""
    lines = []
    for k in range(num_classes - 1):
        one = Cumulative(rows, (labels > k).astype(np.int64), 2, settings.l2)
        lines.append(one.boundaries(one.proportional(settings.max_iter)))
    return np.concatenate([w for w, _ in lines]), np.concatenate([b for _, b in lines])


def _path(loss: Cumulative, found: Flat, settings: OrdinalSettings) -> Path:
    """Return the values of λ to go along, falling, to the one that is asked for."""
    penalised = _penalised(loss, settings)
    if settings.shrink_first:  # all weights are 0 at the first λ: only biases are fitted
        found = loss.start()
    first = float(np.abs(loss(found)[1][penalised]).max())
    if settings.penalty is None:
        return first * np.geomspace(1, settings.least, settings.penalties)
    if settings.penalty >= first:
        return np.array([settings.penalty])
    above = np.geomspace(first, max(settings.penalty, first * 1e-4), settings.penalties)
    return np.append(above[:-1], settings.penalty)


def _penalised(loss: Cumulative, settings: OrdinalSettings) -> np.ndarray:
    """Return which of the flat parameters λ is on."""
    k, d = loss.num_classes - 1, loss.rows.shape[1]
    free = k if settings.shrink_first else k + d
    return np.arange(k + k * d) >= free


def along(loss: Cumulative, found: Flat, path: Path, settings: OrdinalSettings) -> Iterator[Flat]:
    """Go along falling λ, each minimum from the one before.

    Parameters
    ----------
    loss : Cumulative
        Smooth part of the loss.
    found : float array
        Where to start: proportional odds.
    path : float array
        Values of λ, falling.
    settings : OrdinalSettings
        What λ is on, and the steps at most.

    Yields
    ------
    float array
        Flat parameters at each λ.
    """
    penalised = _penalised(loss, settings)
    for penalty in path:
        found = proximal(loss, found, penalty * penalised, settings.max_iter)
        yield found


def proximal(
    loss: Callable[[Flat], tuple[float, Flat]], start: Flat, penalty: Flat, max_iter: int
) -> Flat:
    """Minimise loss + Σ penalty_j·|θ_j| by accelerated proximal gradient steps.

    The step is halved until the loss lies below its bound there; where the sum rises, the next
    step goes without momentum. It ends when ten steps gain less than 1e-7 of the value.

    References
    ----------
    Beck and Teboulle 2009, "A Fast Iterative Shrinkage-Thresholding Algorithm"; restarts of
    O'Donoghue and Candès 2015.
    """
    here, ahead, momentum, step = start, start, 1.0, 1.0
    best = last = loss(start)[0] + float(penalty @ np.abs(start))
    for iteration in range(1, max_iter + 1):
        value, slope = loss(ahead)
        if not np.isfinite(value):  # momentum went too far: from where it is finite
            ahead, momentum = here, 1.0
            value, slope = loss(ahead)
        while True:
            moved = _shrunk(ahead - step * slope, step * penalty)
            gap = moved - ahead
            bound = value + float(slope @ gap) + float(gap @ gap) / (2 * step)
            reached = loss(moved)[0]
            if reached <= bound + 1e-12 * abs(bound) or step < 1e-12:
                break
            step /= 2
        total = reached + float(penalty @ np.abs(moved))
        if total > best and momentum > 1:
            ahead, momentum = here, 1.0
            continue
        if not total <= best:  # no step from here gains
            break
        following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = moved + (momentum - 1) / following * (moved - here)
        here, momentum, best, step = moved, following, total, 1.1 * step
        if iteration % 10 == 0:
            if last - best <= 1e-7 * abs(best):
                break
            last = best
    return here


def _shrunk(values: Flat, by: Flat) -> Flat:
    """Return values drawn towards 0 by at most `by`, the proximal map of Σ by·|θ|."""
    return np.sign(values) * np.maximum(np.abs(values) - by, 0)


def _chosen(rows: Rows, labels: Labels, path: Path, seed: int, settings: OrdinalSettings) -> int:
    """Return which λ of a path has the least mean Brier score on left-out rows, the first on ties.

    A fold is left out whose other rows lack a class: its boundary could not be fitted.
    """
    c = int(labels.max()) + 1
    fold = np.random.default_rng(seed).permutation(len(labels)) % settings.folds
    scores = []
    for k in range(settings.folds):
        held, kept = fold == k, fold != k
        if len(np.unique(labels[kept])) < c or not held.any():
            continue
        loss = Cumulative(rows[kept], labels[kept], c, settings.l2)
        start = loss.proportional(settings.max_iter)
        scores.append(
            [
                _brier(loss, found, rows[held], labels[held])
                for found in along(loss, start, path, settings)
            ]
        )
    if not scores:
        return 0  # nothing can be left out: proportional odds
    return int(np.argmin(np.mean(scores, axis=0)))


def _brier(loss: Cumulative, found: Flat, rows: Rows, labels: Labels) -> float:
    weight, bias = loss.boundaries(found)
    given = probabilities(rows @ weight.T + bias)
    return float(((given - np.eye(loss.num_classes)[labels]) ** 2).sum(axis=1).mean())

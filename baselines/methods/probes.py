"""Controls and linear probes: on raw pixels, or on another entry's cached features.

uint8 inputs become pixels in [0, 1], tables are filled, scaled and spread out by their training
rows, everything else stays as it is; each input is one flat row.
"""

from typing import Literal

import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from baselines.probes.probe import Fitted, Probe, Scaled, fit_linear, probing, rows_of
from baselines.settings import Checked, Count, Positive
from harness.types.models import FitContext, TrainingData


class NoSettings(Checked):
    """A probe without anything to set."""


@probing(NoSettings)
def fit_majority(train: TrainingData, ctx: FitContext, settings: NoSettings) -> Probe:
    """Always predict the most frequent observed class (the lowest index on a tie)."""
    classes, counts = np.unique(train.observed, return_counts=True)
    probs = np.eye(len(classes), dtype=np.float32)[counts.argmax()]
    return Probe("constant", train.num_classes, {"classes": classes, "probs": probs})


@probing(NoSettings)
def fit_prior(train: TrainingData, ctx: FitContext, settings: NoSettings) -> Probe:
    """Predict the observed class frequencies for every input."""
    classes, counts = np.unique(train.observed, return_counts=True)
    probs = (counts / counts.sum()).astype(np.float32)
    return Probe("constant", train.num_classes, {"classes": classes, "probs": probs})


@probing(Scaled)
def fit_nearest_mean(train: TrainingData, ctx: FitContext, settings: Scaled) -> Probe:
    """Predict the class whose mean is nearest: logits are minus squared Euclidean distances.

    References
    ----------
    Janson et al. 2022, "A Simple Baseline that Questions the Use of Pretrained-Models in
    Continual Learning": no training, no class prior.
    """
    rows, classes = rows_of(train, scale=settings.scale), np.unique(train.observed)
    means = np.stack([rows.values[train.observed == k].mean(axis=0) for k in classes])
    return rows.probe("nearest-mean", {"classes": classes, "means": means})


class LogisticSettings(Scaled):
    """Settings of logistic regression."""

    c: Positive = 1.0
    """Inverse of the L2 penalty on the sum of losses; > 0."""
    max_iter: Count = 200
    """Iterations of L-BFGS."""
    balanced: bool = False
    """Whether a row weighs n/(k·n_y), so that all classes weigh alike."""


@probing(LogisticSettings)
def fit_logistic(train: TrainingData, ctx: FitContext, settings: LogisticSettings) -> Probe:
    """Fit multinomial logistic regression with an L2 penalty; logits are its linear scores."""
    estimator = LogisticRegression(
        C=settings.c,
        max_iter=settings.max_iter,
        tol=1e-3,
        class_weight="balanced" if settings.balanced else None,
    )
    rows = rows_of(train, scale=settings.scale)
    fitted = fit_linear(estimator, rows.values, train.observed, ctx, halved=True)
    return rows.probe("linear", fitted.arrays())


class OneVsRestSettings(Scaled):
    """Settings of one logistic regression a class."""

    c: Positive = 1.0
    """Inverse of the L2 penalty on the sum of losses, bias included; > 0."""
    max_iter: Count = 200
    """Iterations of L-BFGS for each class."""


@probing(OneVsRestSettings)
def fit_one_vs_rest(train: TrainingData, ctx: FitContext, settings: OneVsRestSettings) -> Probe:
    """Fit one logistic regression a class against the rest, with a penalised bias.

    Probabilities are those of the single classifiers, made to sum to 1.

    References
    ----------
    Xiao et al. 2017, "Fashion-MNIST", table 3: ``multi_class = ovr`` of scikit-learn with
    liblinear, which penalises the bias like a weight.
    """
    rows = rows_of(train, scale=settings.scale)
    with_one = np.concatenate([rows.values, np.ones((len(rows.values), 1), np.float32)], axis=1)
    classes = np.unique(train.observed)
    lines = []
    for k in classes:
        estimator = LogisticRegression(
            C=settings.c,
            max_iter=settings.max_iter,
            tol=1e-5,
            fit_intercept=False,
        )
        one = fit_linear(estimator, with_one, np.equal(train.observed, k) * 1, ctx, halved=False)
        lines.append(one.weight[1])
    weight = np.stack(lines)
    return rows.probe("one-vs-rest", Fitted(classes, weight[:, :-1], weight[:, -1]).arrays())


class SvmSettings(Scaled):
    """Settings of the linear SVM."""

    c: Positive = 0.1
    """Inverse of the L2 penalty on the sum of squared hinge losses; > 0."""
    max_iter: Count = 200
    """Iterations of the solver."""
    solver: Literal["liblinear", "lbfgs"] = "liblinear"
    """liblinear's trust region Newton method, one class after another, or L-BFGS on all classes
    at once: the same optimum, twenty times sooner where rows are tens of thousands."""


@probing(SvmSettings)
def fit_linear_svm(train: TrainingData, ctx: FitContext, settings: SvmSettings) -> Probe:
    """Fit one linear SVM a class against the rest; logits are the signed margins.

    References
    ----------
    Razavian et al. 2014, "CNN Features off-the-shelf": a linear SVM on whatever features.
    """
    if settings.solver == "lbfgs":
        return _svm_at_once(train, ctx, settings)
    estimator = LinearSVC(C=settings.c, max_iter=settings.max_iter, dual=False, tol=1e-3)
    rows = rows_of(train, scale=settings.scale)
    fitted = fit_linear(estimator, rows.values, train.observed, ctx, halved=False)
    return rows.probe("linear", fitted.arrays())


def _svm_at_once(train: TrainingData, ctx: FitContext, settings: SvmSettings) -> Probe:
    """Minimise ½‖w‖² + C·Σ max(0, 1 − y·f)² of every class against the rest, biases penalised."""
    rows = rows_of(train, scale=settings.scale)
    ones = np.ones((len(rows.values), 1), np.float32)
    inputs = np.concatenate([rows.values, ones], axis=1)  # (n, d + 1)
    classes = np.unique(train.observed)
    signs = np.where(train.observed[:, None] == classes, 1.0, -1.0)  # (n, k)

    def objective(flat: Float[np.ndarray, " p"]) -> tuple[float, Float[np.ndarray, " p"]]:
        weight = flat.reshape(inputs.shape[1], len(classes))
        short = np.maximum(0.0, 1 - signs * (inputs @ weight.astype(inputs.dtype)))
        value = 0.5 * (weight**2).sum() + settings.c * (short**2).sum(dtype=np.float64)
        pull = inputs.T @ (signs * short).astype(inputs.dtype)
        return float(value), (weight - 2 * settings.c * pull).ravel()

    with threadpool_limits(ctx.threads):
        found = minimize(
            objective,
            np.zeros(inputs.shape[1] * len(classes)),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": settings.max_iter, "maxfun": 2 * settings.max_iter},
        )
    weight = found.x.reshape(inputs.shape[1], len(classes)).T
    return rows.probe("linear", Fitted(classes, weight[:, :-1], weight[:, -1]).arrays())

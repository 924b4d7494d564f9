"""A network of one hidden layer that is trained block after block, each on what is left: GBNN."""

import warnings

import numpy as np
from jaxtyping import Float, Int
from scipy.special import expit, softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from baselines.methods.tree import present_classes
from baselines.probes.probe import Probe, Scaled, probing, rows_of
from baselines.settings import Count, NonNegative, Positive, UpTo1
from harness.types.models import FitContext, TrainingData


class BoostedNetwork(Scaled):
    """Settings of GBNN."""

    rounds: Count = 40
    """T, the blocks that are trained one after another."""
    units: Count = 5
    """J, sigmoid units of a block."""
    learning_rate: Positive = 0.5
    """η, factor of every block's Newton step; > 0."""
    subsample: UpTo1 = 0.5
    """Share of the training rows that a block is fitted to, drawn for each block."""
    iterations: Count = 200
    """Iterations of L-BFGS for a block at most."""
    l2: NonNegative = 1e-4
    """Half the factor of a block's squared weights over its rows; ≥ 0."""
    kept: UpTo1 = 1.0
    """Share of the blocks, the first ones, that predict; at least one does."""


@probing(BoostedNetwork)
def fit_boosted_network(train: TrainingData, ctx: FitContext, settings: BoostedNetwork) -> Probe:
    """Boost blocks of sigmoid units, then merge them into one network of T·J units.

    Two classes have one score, which starts at its log odds; more classes start at zero. A block is
    fitted by least squares to the loss's negative gradient, and added with a Newton step.

    References
    ----------
    Emami and Martínez-Muñoz 2019, "Sequential Training of Neural Networks with Gradient Boosting",
    arXiv:1909.12098; there J is 1 and η 1 by default.
    """
    classes, rows = present_classes(train), rows_of(train, scale=settings.scale)
    labels = np.searchsorted(classes, train.observed)
    wanted = np.eye(len(classes))[labels]
    start = np.zeros(len(classes))
    if len(classes) == 2:
        wanted = wanted[:, 1:]
        start = np.log(wanted.mean(axis=0)) - np.log(1 - wanted.mean(axis=0))
    values = rows.values.astype(np.float64)
    scores = np.tile(start, (len(values), 1))
    generator = np.random.default_rng(ctx.seed)
    inner, outer, bias = [], [], start
    for _ in range(max(1, round(settings.rounds * settings.kept))):
        residual, bend = gradients(scores, wanted)
        drawn = _drawn(generator, len(values), settings.subsample)
        block = _block(values[drawn], residual[drawn], ctx, settings, generator)
        added = (expit(values @ block[0] + block[1]) @ block[2]) + block[3]
        step = settings.learning_rate * newton_step(added, residual, bend)
        scores = scores + step * added
        inner.append(np.vstack([block[0], block[1]]))
        outer.append(step * block[2])
        bias = bias + step * block[3]
    merged = np.concatenate(inner, axis=1)  # (d + 1, T·J)
    arrays = {
        "classes": classes,
        "inner": merged[:-1].T,
        "inner_bias": merged[-1],
        "outer": np.concatenate(outer).T,
        "outer_bias": bias,
    }
    return rows.probe("sigmoid-units", arrays)


def gradients(
    scores: Float[np.ndarray, "n s"], wanted: Float[np.ndarray, "n s"]
) -> tuple[Float[np.ndarray, "n s"], Float[np.ndarray, "n s"]]:
    """Return cross-entropy's negative gradient y − p and the Hessian's diagonal p·(1 − p).

    Parameters
    ----------
    scores, wanted : float array of shape (n, s)
        One column where there are two classes (the log odds of the second), else one per class.
    """
    p = expit(scores) if scores.shape[1] == 1 else softmax(scores, axis=1)
    return wanted - p, p * (1 - p)


def newton_step(
    added: Float[np.ndarray, "n s"],
    residual: Float[np.ndarray, "n s"],
    bend: Float[np.ndarray, "n s"],
) -> float:
    """Return Σ f·r / Σ f²·p(1 − p), the step along f; 0 where nothing but rounding is left below.

    On separable rows p reaches 0 and 1. The mean of p(1 − p), weighted by f², is then smaller than
    the error of p itself, and the quotient without bound. The authors' code divides all the same.
    """
    squares = added**2
    below = float((squares * bend).sum())
    if below <= np.finfo(np.float64).eps * float(squares.sum()):
        return 0.0
    return float((added * residual).sum()) / below


def _drawn(generator: np.random.Generator, n: int, share: float) -> Int[np.ndarray, " m"]:
    """Return distinct rows, at least one, in their order."""
    return np.sort(generator.choice(n, max(1, int(share * n)), replace=False))


def _block(
    rows: Float[np.ndarray, "m d"],
    residual: Float[np.ndarray, "m s"],
    ctx: FitContext,
    settings: BoostedNetwork,
    generator: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return weights (d, J) and (J, s) of a fitted block, each followed by its biases."""
    network = MLPRegressor(
        hidden_layer_sizes=(settings.units,),
        activation="logistic",
        solver="lbfgs",
        alpha=settings.l2,
        tol=0.0,
        max_iter=settings.iterations,
        random_state=int(generator.integers(2**31)),
    )
    with threadpool_limits(ctx.threads), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the iterations are a setting
        network.fit(rows, residual if residual.shape[1] > 1 else residual[:, 0])
    (first, second), (hidden, out) = network.coefs_, network.intercepts_
    return first, hidden, second, out

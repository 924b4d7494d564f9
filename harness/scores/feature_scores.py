"""OOD scores from penultimate features; all are larger for OOD.

Parameters come from training evidence only: features of the training split, observed labels, the
stored last linear layer. float64 inside, in blocks of rows where a product is large.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Float64, Int

from harness.errors import PredictionsError, Undefined
from harness.scores.output_scores import free_energy
from harness.types import Predictions

REACT_QUANTILE = 0.9
"""Share of training activations that ReAct leaves alone (the paper's p = 90)."""
NUMBERS_AT_ONCE = 1 << 22
"""Elements of the largest temporary matrix: 32 MB in float64."""


@dataclass(frozen=True)
class Seen:
    """What two scores of one fit need of the same predictions, computed once."""

    kept: dict[int, tuple[Predictions, Float64[np.ndarray, " _"]]] = field(default_factory=dict)
    """By the identity of predictions, which are held so that it stays theirs."""

    def of(
        self, predictions: Predictions, make: Callable[[], Float64[np.ndarray, " n"]]
    ) -> Float64[np.ndarray, " n"]:
        """Return a number for each row: made now, or a copy of what was made before.

        Parameters
        ----------
        predictions : Predictions
            The same object for the same numbers.
        make : callable
            Computes them.
        """
        found = self.kept.get(id(predictions))
        if found is None:
            found = self.kept[id(predictions)] = predictions, make()
        return found[1].copy()


@dataclass(frozen=True)
class Gaussians:
    """Class means and tied covariance of training features, and one Gaussian for all of them.

    Factors whiten: the squared Mahalanobis distance is ‖(f − mean) @ factor‖².
    """

    means: Float64[np.ndarray, "k d"]
    """Of classes that have an observed training image."""
    factor: Float64[np.ndarray, "d r"]
    """Whitens by the within-class covariance."""
    mean: Float64[np.ndarray, "1 d"]
    """Of all training features."""
    background: Float64[np.ndarray, "d s"]
    """Whitens by the covariance of all training features."""
    seen: Seen = field(default_factory=Seen, compare=False, repr=False)
    """Squared distances to the nearest class mean."""


def fit_gaussians(train: Predictions, observed: Int[np.ndarray, " n"]) -> Gaussians:
    """Return the class statistics that both Mahalanobis scores use.

    Parameters
    ----------
    train : Predictions
        Of the training split, with features (n, d).
    observed : int array of shape (n,)
        Observed (noisy) label of every row.

    References
    ----------
    Lee et al. 2018, "A Simple Unified Framework for Detecting Out-of-Distribution Samples and
    Adversarial Attacks", arXiv:1807.03888.
    """
    return gaussians_of(features_of(train), observed)


def gaussians_of(
    features: Float64[np.ndarray, "n d"], observed: Int[np.ndarray, " n"]
) -> Gaussians:
    """Return the class statistics of features, which may be a layer's as well."""
    _, index, sizes = np.unique(observed, return_inverse=True, return_counts=True)
    # Sums by class through sorted runs: a (k, n) indicator would be large.
    order = np.argsort(index, kind="stable")
    sums = np.add.reduceat(features[order], np.cumsum(sizes) - sizes, axis=0)
    means = sums / sizes[:, None]
    mean = features.mean(axis=0, keepdims=True)
    return Gaussians(means, _whitening(features - means[index]), mean, _whitening(features - mean))


def _whitening(centred: Float64[np.ndarray, "n d"]) -> Float64[np.ndarray, "d r"]:
    """Return F with F Fᵀ = pseudo-inverse of the covariance (divided by n, not n − 1)."""
    values, vectors = np.linalg.eigh(centred.T @ centred / len(centred))
    # The cut of scipy.linalg.pinvh: directions without variance say nothing, instead of all.
    kept = values > values.max() * len(values) * np.finfo(np.float64).eps
    if not kept.any():
        raise Undefined("training features do not vary within classes")
    factor: Float64[np.ndarray, "d r"] = vectors[:, kept] / np.sqrt(values[kept])
    return factor


def squared_distance(
    features: Float64[np.ndarray, "n d"],
    means: Float64[np.ndarray, "k d"],
    factor: Float64[np.ndarray, "d r"],
) -> Float64[np.ndarray, " n"]:
    """Return the smallest squared Mahalanobis distance to any of the means."""
    # Distances around the means' centre: products of large offsets would lose digits.
    centre = means.mean(axis=0)
    whitened, whitened_means = (features - centre) @ factor, (means - centre) @ factor
    squares = np.square(whitened_means).sum(axis=1)
    nearest = np.empty(len(whitened))
    for at, block in in_blocks(whitened, len(means)):
        nearest[at] = (squares - 2 * block @ whitened_means.T).min(axis=1)
    return np.maximum(nearest + np.square(whitened).sum(axis=1), 0)


def mahalanobis(predictions: Predictions, fitted: Gaussians) -> Float64[np.ndarray, " n"]:
    """Return the squared Mahalanobis distance to the nearest class mean, tied covariance.

    Parameters
    ----------
    predictions : Predictions
        With features (n, d).
    fitted : Gaussians
        From `fit_gaussians`.

    References
    ----------
    Lee et al. 2018 (one layer, no input perturbation; sign turned).
    """
    return fitted.seen.of(
        predictions,
        lambda: squared_distance(features_of(predictions), fitted.means, fitted.factor),
    )


def relative_mahalanobis(predictions: Predictions, fitted: Gaussians) -> Float64[np.ndarray, " n"]:
    """Return the Mahalanobis distance to the nearest class minus that to all training data.

    Parameters
    ----------
    predictions : Predictions
        With features (n, d).
    fitted : Gaussians
        From `fit_gaussians`.

    References
    ----------
    Ren et al. 2021, "A Simple Fix to Mahalanobis Distance for Improving Near-OOD Detection",
    arXiv:2106.09022 (sign turned).
    """
    return mahalanobis(predictions, fitted) - squared_distance(
        features_of(predictions), fitted.mean, fitted.background
    )


@dataclass(frozen=True)
class VirtualLogit:
    """What ViM keeps of the training data."""

    origin: Float64[np.ndarray, " d"]
    """Where all logits of the head are equal to 0 in the least-squares sense."""
    residual: Float64[np.ndarray, "d r"]
    """Orthonormal directions outside the principal space."""
    alpha: float
    """Scale that makes the virtual logit as large as the largest logit on training data."""
    seen: Seen = field(default_factory=Seen, compare=False, repr=False)
    """Lengths outside the principal space."""


def fit_vim(train: Predictions) -> VirtualLogit:
    """Return ViM's principal space and scale.

    The principal space has 1000 dimensions from 2048 features on, 512 from 768 on, else half.

    Parameters
    ----------
    train : Predictions
        Of the training split: logits (n, c), features (n, d), head.

    Raises
    ------
    Undefined
        If the training features lie in the principal space but for rounding, as fewer rows than
        its dimensions do: the scale would be that of the rounding.

    References
    ----------
    Wang et al. 2022, "ViM: Out-Of-Distribution with Virtual-logit Matching", arXiv:2203.10807.
    """
    weight, bias = head_of(train)
    features = features_of(train)
    size = features.shape[1]
    dimensions = 1000 if size >= 2048 else 512 if size >= 768 else size // 2
    origin = -np.linalg.pinv(weight) @ bias
    around = features - origin
    energies, vectors = np.linalg.eigh(around.T @ around)  # ascending
    residual = vectors[:, : size - dimensions]
    norms = np.linalg.norm(around @ residual, axis=1)
    rounding = size * np.finfo(np.float64).eps * energies[-1]
    if len(features) <= dimensions or energies[size - dimensions - 1] <= rounding:
        raise Undefined(
            f"the features of {len(features):,} training rows have no part outside a principal "
            f"space of {dimensions:,} dimensions"
        )
    alpha = float(train.values.max(axis=1).astype(np.float64).sum() / norms.sum())
    return VirtualLogit(origin, residual, alpha)


def vim(predictions: Predictions, fitted: VirtualLogit) -> Float64[np.ndarray, " n"]:
    """Return the virtual logit minus the log-sum of the logits.

    A monotone form of the virtual class's softmax probability, which would saturate.

    Parameters
    ----------
    predictions : Predictions
        Logits (n, c) and features (n, d).
    fitted : VirtualLogit
        From `fit_vim`.

    References
    ----------
    Wang et al. 2022.
    """
    virtual = fitted.alpha * residual(predictions, fitted)
    return np.asarray(virtual + free_energy(predictions.values.astype(np.float64)))


def residual(predictions: Predictions, fitted: VirtualLogit) -> Float64[np.ndarray, " n"]:
    """Return the length of the part of the features outside ViM's principal space.

    Parameters
    ----------
    predictions : Predictions
        With features (n, d).
    fitted : VirtualLogit
        From `fit_vim`.

    References
    ----------
    Wang et al. 2022 (Residual).
    """

    def outside() -> Float64[np.ndarray, " n"]:
        offset = (features_of(predictions) - fitted.origin) @ fitted.residual
        return np.asarray(np.linalg.norm(offset, axis=1))

    return fitted.seen.of(predictions, outside)


def fit_react(train: Predictions) -> float:
    """Return the 0.9 quantile of all training activations.

    Parameters
    ----------
    train : Predictions
        Of the training split, with features (n, d).
    """
    return float(np.quantile(features_of(train), REACT_QUANTILE))


def react(predictions: Predictions, fitted: float) -> Float64[np.ndarray, " n"]:
    """Return the free energy of the logits that features cut at a threshold would give.

    Parameters
    ----------
    predictions : Predictions
        Features (n, d) and head.
    fitted : float
        Threshold from `fit_react`.

    References
    ----------
    Sun et al. 2021, "ReAct: Out-of-distribution Detection With Rectified Activations",
    arXiv:2111.12797.
    """
    weight, bias = head_of(predictions)
    return free_energy(np.minimum(features_of(predictions), fitted) @ weight.T + bias)


def features_of(predictions: Predictions) -> Float64[np.ndarray, "n d"]:
    """Return the features as float64; the driver has made sure that there are some."""
    assert predictions.features is not None
    features = predictions.features.astype(np.float64)
    if not np.isfinite(features).all():
        row = int(np.argwhere(~np.isfinite(features))[0, 0])
        raise PredictionsError(
            f"features must be finite; row {row} is not. float16 ends at 65504: "
            "scale the features down before the last layer, or leave them out."
        )
    return features


def head_of(
    predictions: Predictions,
) -> tuple[Float64[np.ndarray, "c d"], Float64[np.ndarray, " c"]]:
    """Return weight and bias of the last linear layer, checked against features and logits."""
    assert predictions.head is not None and predictions.features is not None
    weight, bias = (np.asarray(predictions.head[k], dtype=np.float64) for k in ("weight", "bias"))
    wanted = (predictions.values.shape[1], predictions.features.shape[1])
    if weight.shape != wanted or bias.shape != wanted[:1]:
        raise PredictionsError(
            f"head must have weight {wanted} and bias {wanted[:1]} (classes, features); got "
            f"{weight.shape} and {bias.shape}. Store the layer that makes logits of features."
        )
    return weight, bias


def in_blocks(
    rows: Float[np.ndarray, "n d"], width: int, numbers: int = NUMBERS_AT_ONCE
) -> Iterator[tuple[slice, Float[np.ndarray, "_ d"]]]:
    """Yield rows and their places in blocks of at most `numbers` values, `width` for each row."""
    step = max(1, numbers // max(1, width))
    for start in range(0, len(rows), step):
        at = slice(start, start + step)
        yield at, rows[at]

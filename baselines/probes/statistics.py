"""Class statistics of features: means, variances and covariances, shrunk where rows are few.

One module serves every method that believes class features to be Gaussian.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True)
class ClassStatistics:
    """Per class with at least one row: how many rows, their mean and their spread."""

    classes: Int[np.ndarray, " k"]
    """Class indices, increasing."""
    counts: Int[np.ndarray, " k"]
    """Rows of each."""
    means: Float[np.ndarray, "k d"]
    """Class means."""
    scatters: Float[np.ndarray, "k d d"]
    """Sums of squares and products about the class mean."""

    @property
    def log_prior(self) -> Float[np.ndarray, " k"]:
        """Return log n_k − log n."""
        return np.log(self.counts / self.counts.sum())

    @property
    def shared_covariance(self) -> Float[np.ndarray, "d d"]:
        """Return the pooled covariance, divided by n (maximum likelihood)."""
        return self.scatters.sum(axis=0) / self.counts.sum()

    @property
    def variances(self) -> Float[np.ndarray, "k d"]:
        """Return each class's own variances, divided by n_k."""
        return np.einsum("kii->ki", self.scatters) / self.counts[:, None]

    def covariances(self, strength: float) -> Float[np.ndarray, "k d d"]:
        """Return each class's own covariance, drawn towards the shared one where rows are few.

        (S_k + m·Σ)/(n_k + m): the shared covariance Σ counts as `strength` = m rows.
        """
        added = strength * self.shared_covariance
        return (self.scatters + added) / (self.counts + strength)[:, None, None]


def class_statistics(
    rows: Float[np.ndarray, "n d"], labels: Int[np.ndarray, " n"]
) -> ClassStatistics:
    """Return the statistics of every class that has a row, in float64."""
    classes, counts = np.unique(labels, return_counts=True)
    rows = rows.astype(np.float64)
    means = np.stack([rows[labels == k].mean(axis=0) for k in classes])
    centred = [rows[labels == k] - mean for k, mean in zip(classes, means, strict=True)]
    scatters = np.stack([part.T @ part for part in centred])
    return ClassStatistics(classes, counts, means, scatters)


def shrunk(covariance: Float[np.ndarray, "d d"], share: float) -> Float[np.ndarray, "d d"]:
    """Return (1 − share)·Σ + share·(trace Σ / d)·I, as scikit-learn's shrunk covariance."""
    d = len(covariance)
    return (1 - share) * covariance + share * np.trace(covariance) / d * np.eye(d)


def sampled(
    statistics: ClassStatistics,
    wanted: Int[np.ndarray, " k"],
    generator: np.random.Generator,
    *,
    strength: float,
) -> tuple[Float[np.ndarray, "m d"], Int[np.ndarray, " m"]]:
    """Return rows drawn from each class's Gaussian, and their classes.

    Parameters
    ----------
    statistics : ClassStatistics
        Of the real rows.
    wanted : int array of shape (k,)
        How many rows of each class.
    generator : Generator
        Source of randomness.
    strength : float
        Rows that the shared covariance counts as; above 0 every covariance has full rank.
    """
    parts = []
    covariances = statistics.covariances(strength)
    for mean, covariance, m in zip(statistics.means, covariances, wanted, strict=True):
        parts.append(gaussian_rows(mean, covariance, int(m), generator))
    return np.concatenate(parts), np.repeat(statistics.classes, wanted)


def gaussian_rows(
    mean: Float[np.ndarray, " d"],
    covariance: Float[np.ndarray, "d d"],
    number: int,
    generator: np.random.Generator,
) -> Float[np.ndarray, "m d"]:
    """Return rows of one Gaussian."""
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0))  # (d, d): root @ rootᵀ = Σ
    drawn: np.ndarray = mean + generator.standard_normal((number, len(mean))) @ root.T
    return drawn

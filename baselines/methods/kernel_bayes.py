"""Naive Bayes with a kernel density for every class and column."""

import numpy as np

from baselines.probes.probe import Probe, Scaled, probing, rows_of
from baselines.settings import Positive
from harness.types.models import FitContext, TrainingData


class KernelBayes(Scaled):
    """Settings of naive Bayes with kernel densities."""

    bandwidth: Positive = 1.0
    """Factor of Scott's bandwidth σ·n^(−1/5) of each class and column; > 0."""
    least: Positive = 0.01
    """Narrowest bandwidth, as a share of the column's deviation over all rows; > 0."""


@probing(KernelBayes)
def fit_kernel_naive_bayes(train: TrainingData, ctx: FitContext, settings: KernelBayes) -> Probe:
    """Take columns as independent within a class, each with a Gaussian kernel density.

    Logits are log joint densities without the constant that all classes share.

    References
    ----------
    John and Langley 1995, "Estimating Continuous Distributions in Bayesian Classifiers"; Scott
    1992, "Multivariate Density Estimation", for the bandwidth in one dimension. A narrowest
    bandwidth is ours: a column that is constant in a class has a deviation of 0.
    """
    rows = rows_of(train, scale=settings.scale)
    values = rows.values.astype(np.float64)
    overall = values.std(axis=0)
    floor = settings.least * np.where(overall > 0, overall, 1)
    classes, counts = np.unique(train.observed, return_counts=True)
    deviations = np.stack([values[train.observed == k].std(axis=0) for k in classes])
    widths = settings.bandwidth * deviations * counts[:, None] ** -0.2
    arrays = {
        "classes": classes,
        "rows": values,
        "labels": train.observed,
        "widths": np.maximum(widths, floor),
        "offset": np.log(counts / counts.sum()),
    }
    return rows.probe("kernel-densities", arrays)

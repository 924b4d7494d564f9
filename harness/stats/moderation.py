"""Seed variances of many entries, steadied by each other: three seeds alone say little."""

import numpy as np
from jaxtyping import Float
from scipy.special import digamma, polygamma

from harness.stats.spread import welch_df

PRIOR_DF_AT_MOST = 20.0
"""d0 never exceeds this: a field of entries is not so alike that seeds stop counting."""


def field_variances(
    values: Float[np.ndarray, "entries cells seeds"],
) -> tuple[Float[np.ndarray, " entries"], float]:
    """Return every entry's variance over seeds of its mean over cells, and its df.

    The field's mean of each cell and seed is subtracted first (an easy seed is easy for all),
    which the factor K/(K − 1) makes up for. Cells' variances add with 1/M²; the degrees of
    freedom are Welch and Satterthwaite's for the field's mean variance of every cell, so that
    they are one number for the field: (S − 1) for one cell.

    Parameters
    ----------
    values : float array of shape (entries, cells, seeds)
        At least 2 entries and 2 seeds.

    Returns
    -------
    tuple
        float array of shape (entries,), and the degrees of freedom.
    """
    entries, cells, seeds = values.shape
    rest = values - values.mean(axis=0)
    per_cell = rest.var(axis=2, ddof=1) * entries / (entries - 1)  # (entries, cells)
    return per_cell.sum(axis=1) / cells**2, welch_df(per_cell.mean(axis=0), seeds - 1.0)


def fit_prior(variances: Float[np.ndarray, " entries"], df: float) -> tuple[float, float]:
    """Return the scaled inverse chi-square prior (s0², d0) of a field's variances.

    Moments of ln s²: its spread beyond that of a chi-square with `df` says how much true
    variances differ. No excess: d0 is infinite and s0² the mean variance. Variances far below the
    median (deterministic entries) are raised to 1e-5 of it, as limma does.

    Parameters
    ----------
    variances : float array of shape (entries,)
        At least two, not all zero.
    df : float
        Degrees of freedom of each.

    References
    ----------
    Smyth 2004, "Linear models and empirical Bayes methods for assessing differential expression
    in microarray experiments", section 6.2.
    """
    middle = float(np.median(variances)) or float(variances.mean())
    log_variances = np.log(np.maximum(variances, 1e-5 * middle))
    centred = log_variances - digamma(df / 2) + np.log(df / 2)
    excess = float(centred.var(ddof=1)) - float(polygamma(1, df / 2))
    if excess <= 0:
        return float(variances.mean()), np.inf
    prior_df = 2 * inverse_trigamma(excess)
    return float(np.exp(centred.mean() + digamma(prior_df / 2) - np.log(prior_df / 2))), prior_df


def inverse_trigamma(x: float) -> float:
    """Return y > 0 with trigamma(y) = x, by Newton steps on 1/trigamma.

    References
    ----------
    Smyth 2004, appendix "Inversion of trigamma function".
    """
    if x > 1e7:
        return float(x**-0.5)
    y = 0.5 + 1 / x
    for _ in range(50):
        trigamma = float(polygamma(1, y))
        step = trigamma * (1 - trigamma / x) / float(polygamma(2, y))
        y += step
        if abs(step) < 1e-10 * y:
            break
    return y


def moderate(
    values: Float[np.ndarray, "entries cells seeds"],
) -> tuple[Float[np.ndarray, " entries"], float]:
    """Return the moderated seed variance v of every entry, and its degrees of freedom d.

    v = (d0·s0² + f·s²)/(d0 + f), d = d0 + f, with f = S − 1 for one cell. d0 is at most 20, at
    most the number of entries K, and at most (K − 2)·f: together, K entries have (K − 1)·f
    degrees of freedom after their mean is taken out, and two entries' variances are equal by
    construction, so they lend each other nothing.

    Parameters
    ----------
    values : float array of shape (entries, cells, seeds)
        At least 2 entries and 3 seeds.

    Returns
    -------
    tuple
        float array of shape (entries,), and d (infinite when no entry varies).
    """
    variances, df = field_variances(values)
    if not variances.any():
        return variances, np.inf
    entries = len(variances)
    prior, prior_df = fit_prior(variances, df)
    prior_df = min(prior_df, PRIOR_DF_AT_MOST, float(entries), (entries - 2) * df)
    return (prior_df * prior + df * variances) / (prior_df + df), prior_df + df

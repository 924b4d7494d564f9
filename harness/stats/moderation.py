"""Seed variances of many entries, steadied by each other: three seeds alone say little."""

import numpy as np
from jaxtyping import Float
from scipy.special import fdtrc, gammaln

from harness.stats.spread import welch_df

PRIOR_DF_AT_MOST = 20.0
"""d0 never exceeds this: a field of entries is not so alike that seeds stop counting."""
LEAST_PRIOR_DF = 0.1
"""d0 is not sought below: the prior then weighs a twentieth of two degrees of freedom."""
PRIOR_DFS_TRIED = 100
"""Values of d0 that are tried, in equal ratios: at most 6 % apart."""
OUTLYING = 0.1
"""A variance is outlying when fewer than this many as large are expected in the whole field."""
OUTLIER_ROUNDS = 4
"""How often the prior is fitted without those that were found outlying."""
HALVINGS = 40
"""Narrows ln s0² to 1e-12 of its range."""


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


def fit_prior(
    variances: Float[np.ndarray, " entries"], df: float, most: float
) -> tuple[float, float]:
    """Return the prior (s0², d0) of a field's variances, d0 in (0, most].

    limma's model: s²/s0² follows F with (df, d0) degrees of freedom; large d0 says that entries
    vary alike. Fitted by maximum likelihood over d0, with the best s0² for each. Smyth's moments
    of ln s² make less of two degrees of freedom: entries that vary alike often get a small d0,
    and a clear leader is then not told apart. Variances far below the median (deterministic
    entries) are raised to 1e-5 of it, as limma does.

    Parameters
    ----------
    variances : float array of shape (entries,)
        At least two, not all zero.
    df : float
        Degrees of freedom of each.
    most : float
        Upper end for d0, above 0.

    References
    ----------
    Smyth 2004, "Linear models and empirical Bayes methods for assessing differential expression
    in microarray experiments", section 6 (the model; there fitted by moments).
    """
    middle = float(np.median(variances)) or float(variances.mean())
    raised = np.maximum(variances, 1e-5 * middle)
    tried = np.geomspace(min(LEAST_PRIOR_DF, most), most, PRIOR_DFS_TRIED)
    priors = _prior_variances(raised, df, tried)
    # Log-likelihood a variance, without what depends on neither.
    share = df / (priors * tried)[:, None]
    each = gammaln((df + tried) / 2) - gammaln(tried / 2) - df / 2 * np.log(priors * tried)
    each -= (df + tried) / 2 * np.log1p(share * raised).mean(axis=1)
    best = int(each.argmax())
    return float(priors[best]), float(tried[best])


def _prior_variances(
    variances: Float[np.ndarray, " entries"], df: float, prior_dfs: Float[np.ndarray, " m"]
) -> Float[np.ndarray, " m"]:
    """Return the likeliest s0² for each d0.

    The likelihood's slope in ln s0² is 0 where the mean of (df + d0)·y/(d0 + df·y), y = s²/s0²,
    is 1; that mean falls with s0² and is on either side of 1 at the least and largest s²: halved.
    """
    low = np.full(len(prior_dfs), np.log(variances.min()))
    high = np.full(len(prior_dfs), np.log(variances.max()))
    d0 = prior_dfs[:, None]
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        y = variances * np.exp(-middle)[:, None]
        below = ((df + d0) * y / (d0 + df * y)).mean(axis=1) > 1
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.exp((low + high) / 2)


def moderate(
    values: Float[np.ndarray, "entries cells seeds"],
) -> tuple[Float[np.ndarray, " entries"], Float[np.ndarray, " entries"]]:
    """Return the moderated seed variance v of every entry, and the degrees of freedom of each.

    v = (d0·s0² + f·s²)/(d0 + f), d = d0 + f, with f = S − 1 for one cell. Two kinds of entries
    stand outside: those that do not vary at all (v = 0, d infinite), which say nothing of the
    others; and those that vary more than the rest can explain, which keep their own variance
    (v = s², d = f). d0 is at most 20 and at most K − 2 over the K entries that vary; two alone
    have equal variances by construction and lend each other nothing.

    Parameters
    ----------
    values : float array of shape (entries, cells, seeds)
        At least 3 seeds.

    Returns
    -------
    tuple
        Two float arrays of shape (entries,).

    References
    ----------
    Phipson et al. 2016, "Robust hyperparameter estimation protects against hypervariable genes
    and improves power to detect differential expression" (outliers apart; there by degrees, here
    whole).
    """
    entries = len(values)
    variances, df = np.zeros(entries), np.full(entries, np.inf)
    varying = np.flatnonzero((values != values[..., :1]).any(axis=(1, 2)))
    if len(varying) == 1:
        rest = values[varying].var(axis=2, ddof=1)[0]
        variances[varying] = rest.sum() / values.shape[1] ** 2
        df[varying] = welch_df(rest, values.shape[2] - 1.0)
    elif len(varying):
        variances[varying], df[varying] = _moderated(*field_variances(values[varying]))
    return variances, df


def _moderated(
    variances: Float[np.ndarray, " entries"], f: float
) -> tuple[Float[np.ndarray, " entries"], Float[np.ndarray, " entries"]]:
    """Return v and d of entries that vary, outlying ones with their own variance and `f`."""
    entries = len(variances)
    most = min(PRIOR_DF_AT_MOST, entries - 2.0)
    own = variances, np.full(entries, f)
    if most <= 0 or not variances.any():
        return own
    alike = np.ones(entries, dtype=bool)
    for _ in range(OUTLIER_ROUNDS):
        prior, prior_df = fit_prior(variances[alike], f, min(most, alike.sum() - 2.0))
        # With a prior that says little no variance is outlying: it is taken as at least 4.
        tail = fdtrc(f, max(prior_df, 4.0), variances / prior)
        found = tail * entries > OUTLYING
        if found.sum() < 3 or (found == alike).all():
            break
        alike = found
    moderated = (prior_df * prior + f * variances) / (prior_df + f)
    return np.where(alike, moderated, own[0]), np.where(alike, prior_df + f, f)

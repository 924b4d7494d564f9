"""Seed variances of many entries, steadied by each other: three seeds alone say little."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from scipy.special import betaln, expit, fdtrc, gammaln, stdtrit

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
    in microarray experiments" (the model; there fitted by moments).
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


@dataclass(frozen=True)
class Moderated:
    """Seed variances of a field's entries, and how far each could be off."""

    variances: Float[np.ndarray, " entries"]
    """v of every entry: variance over seeds of its mean over cells."""
    df: Float[np.ndarray, " entries"]
    """d, the degrees of freedom of each; infinite for entries that do not vary."""
    hidden: Float[np.ndarray, " entries"]
    """Chance that an entry varies like those kept apart and its few seeds only happened to agree;
    0 for these themselves, and where none is kept apart."""
    outlying: float
    """Variance of those kept apart, pooled; 0 without any."""
    outlying_df: float
    """Degrees of freedom of that; infinite without any."""

    def reach(self, alpha: float, seeds: int) -> Float[np.ndarray, " entries"]:
        """Return how far from its true mean an entry may lie because it is a hidden outlying one.

        Beyond it lies at most `alpha` of the chance, on both sides together: the chance of being
        hidden, times Student's tail with the variance of those kept apart.

        Parameters
        ----------
        alpha : float
            Nominal chance.
        seeds : int
            Seeds that a mean is over.
        """
        reach = np.zeros(len(self.hidden))
        likely = self.hidden > alpha
        tail = alpha / (2 * self.hidden[likely])
        reach[likely] = -stdtrit(self.outlying_df, tail) * np.sqrt(self.outlying / seeds)
        return reach


def moderate(values: Float[np.ndarray, "entries cells seeds"]) -> Moderated:
    """Return the moderated seed variance v of every entry, and the degrees of freedom of each.

    v = (d0·s0² + f·s²)/(d0 + f), d = d0 + f, with f = S − 1 for one cell. Two kinds of entries
    stand outside: those that do not vary at all (v = 0, d infinite), which say nothing of the
    others; and those that vary more than the rest can explain, which keep their own variance
    (v = s², d = f). d0 is at most 20 and at most K − 2 over the K entries that vary; two alone
    have equal variances by construction and lend each other nothing.

    Three seeds of an entry that varies twelve times as much agree by chance once in twenty times;
    nothing in its own seeds then shows it. The field does: where some entries are kept apart,
    each of the others is one of their kind with a chance that is worked out from its variance
    (two groups: the fitted prior, and those kept apart).

    Parameters
    ----------
    values : float array of shape (entries, cells, seeds)
        At least 3 seeds.

    References
    ----------
    Phipson et al. 2016, "Robust hyperparameter estimation protects against hypervariable genes
    and improves power to detect differential expression" (outliers apart; there by degrees, here
    whole). Efron 2008, "Microarrays, empirical Bayes and the two-groups model", arXiv:0808.0572
    (the chance).
    """
    entries = len(values)
    variances, df = np.zeros(entries), np.full(entries, np.inf)
    moderated = Moderated(variances, df, np.zeros(entries), 0.0, np.inf)
    varying = np.flatnonzero((values != values[..., :1]).any(axis=(1, 2)))
    if len(varying) == 1:
        rest = values[varying].var(axis=2, ddof=1)[0]
        variances[varying] = rest.sum() / values.shape[1] ** 2
        df[varying] = welch_df(rest, values.shape[2] - 1.0)
    elif len(varying):
        found = _moderated(*field_variances(values[varying]))
        variances[varying], df[varying] = found.variances, found.df
        moderated.hidden[varying] = found.hidden
        return replace(moderated, outlying=found.outlying, outlying_df=found.outlying_df)
    return moderated


def _moderated(variances: Float[np.ndarray, " entries"], f: float) -> Moderated:
    """Return v and d of entries that vary, outlying ones with their own variance and `f`."""
    entries = len(variances)
    most = min(PRIOR_DF_AT_MOST, entries - 2.0)
    own = Moderated(variances, np.full(entries, f), np.zeros(entries), 0.0, np.inf)
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
    steadied = (prior_df * prior + f * variances) / (prior_df + f)
    moderated = replace(
        own,
        variances=np.where(alike, steadied, variances),
        df=np.where(alike, prior_df + f, f),
    )
    if alike.all():
        return moderated
    outlying, outlying_df = float(variances[~alike].mean()), f * float((~alike).sum())
    # One more than was seen, of two more: none seen is no proof that there is none.
    share = ((~alike).sum() + 1) / (entries + 2)
    odds = (
        np.log(share / (1 - share))
        + _log_density(variances, f, outlying, outlying_df)
        - _log_density(variances, f, prior, prior_df)
    )
    return replace(
        moderated,
        hidden=np.where(alike, expit(odds), 0.0),
        outlying=outlying,
        outlying_df=outlying_df,
    )


def _log_density(
    variances: Float[np.ndarray, " entries"], df: float, prior: float, prior_df: float
) -> Float[np.ndarray, " entries"]:
    """Return ln density of variances s², s²/s0² of F with (df, d0) degrees of freedom.

    Without the term in s² alone, which two densities of the same variances share.
    """
    ratio = df / (prior_df * prior)
    return np.asarray(
        df / 2 * np.log(ratio)
        - (df + prior_df) / 2 * np.log1p(ratio * variances)
        - betaln(df / 2, prior_df / 2)
    )

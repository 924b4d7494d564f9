"""Slow and obvious: PROTOCOL section 5 written as loops, scipy.stats for distributions."""

import hashlib
import itertools
import math

import numpy as np
from scipy import optimize, stats

HIDDEN = 0.2


def reference_weightings(fingerprint, labels, replicates):
    """Counts and scale, one word at a time."""
    key = hashlib.sha256(f"{fingerprint}|replicates".encode()).digest()
    bits = np.random.PCG64(np.random.SeedSequence(int.from_bytes(key, "big")))
    counts = np.zeros((replicates, len(labels)), dtype=int)
    for b in range(replicates):
        for k in sorted(set(labels)):
            members = [i for i, y in enumerate(labels) if y == k]
            for _ in range(len(members) - 1):
                u = (int(bits.random_raw()) >> 11) / 2**53
                counts[b, members[math.floor(u * len(members))]] += 1
    sizes = [list(labels).count(y) for y in labels]
    return counts, np.array([n / (n - 1) for n in sizes])


def reference_covariance(x, y):
    """Sample covariance with n − 1."""
    mx, my = sum(x) / len(x), sum(y) / len(y)
    return sum((a - mx) * (b - my) for a, b in zip(x, y, strict=True)) / (len(x) - 1)


def reference_components(values, replicates):
    """V_t, V_c, w and its degrees of freedom; values[m][s], replicates[m][s][b]."""
    cells, seeds, size = np.shape(replicates)
    streams = [
        [sum(replicates[m][s][b] for m in range(cells)) / cells for b in range(size)]
        for s in range(seeds)
    ]
    mean_stream = [sum(streams[s][b] for s in range(seeds)) / seeds for b in range(size)]
    total = reference_covariance(mean_stream, mean_stream)
    crossed = [reference_covariance(streams[s], streams[t])
               for s, t in itertools.permutations(range(seeds), 2)]  # fmt: skip
    shared = max(0.0, sum(crossed) / len(crossed))
    parts = [reference_covariance(row, row) / (seeds * cells**2) for row in values]
    seed = sum(parts)
    seed_df = seed**2 / sum(part**2 / (seeds - 1) for part in parts)
    return total, shared, seed, seed_df


def reference_interval(values, replicates):
    """Natural-scale interval with S >= 3: V_t by the normal, what is beyond it by Student."""
    total, shared, seed, df = reference_components(values, replicates)
    variance = max(total, shared + seed)
    beyond = variance - total
    critical = (total * stats.norm.ppf(0.975) + beyond * stats.t.ppf(0.975, df)) / variance
    value = np.mean(values)
    reach = critical * math.sqrt(variance)
    return value - reach, value + reach


def reference_moderated(values):
    """v and d of every entry of one cell, values[k][s], outlying entries with their own.

    Then how far each may lie from its mean because it is a hidden outlying one.
    """
    entries, seeds = np.shape(values)
    field, f = np.mean(values, axis=0), seeds - 1
    squares = [np.var(np.array(row) - field, ddof=1) * entries / (entries - 1) for row in values]
    if entries <= 2:
        return squares, [f] * entries, [0.0] * entries
    inside = list(range(entries))
    for _ in range(4):
        most = min(20, entries - 2, len(inside) - 2)
        prior, prior_df = reference_limma([squares[i] for i in inside], f, most)
        tails = [stats.f.sf(square / prior, f, max(prior_df, 4)) for square in squares]
        found = [i for i, tail in enumerate(tails) if tail * entries > 0.1]
        if len(found) < 3 or found == inside:
            break
        inside = found
    variances, dfs = list(squares), [f] * entries
    for i in inside:
        variances[i] = (prior_df * prior + f * squares[i]) / (prior_df + f)
        dfs[i] = prior_df + f
    reach = [0.0] * entries
    outside = [i for i in range(entries) if i not in inside]
    if outside:
        wide, wide_df = np.mean([squares[i] for i in outside]), f * len(outside)
        share = (len(outside) + 1) / (entries + 2)
        for i in inside:
            likely = share * stats.f.pdf(squares[i] / wide, f, wide_df) / wide
            plain = (1 - share) * stats.f.pdf(squares[i] / prior, f, prior_df) / prior
            hidden, alpha = likely / (likely + plain), HIDDEN / entries
            if hidden > alpha:
                quantile = stats.t.isf(alpha / (2 * hidden), wide_df)
                reach[i] = quantile * math.sqrt(wide / seeds)
    return variances, dfs, reach


def reference_differ(values, streams):
    """Matrix of decisions for one cell, values[k][s], streams[k][s][b]."""
    entries, seeds = np.shape(values)
    alpha = 0.025 / (entries * (entries - 1) / 2)
    moderated, dfs, reach = reference_moderated(values)
    differ = np.zeros((entries, entries), dtype=bool)
    for a, e in itertools.permutations(range(entries), 2):
        gaps = np.array(streams[a]) - np.array(streams[e])
        total = np.var(gaps.mean(axis=0), ddof=1)
        crossed = [reference_covariance(gaps[s], gaps[t])
                   for s, t in itertools.permutations(range(seeds), 2)]  # fmt: skip
        shared = max(0.0, np.mean(crossed))
        parts = [moderated[i] / seeds for i in (a, e)]
        quantiles = [stats.t.isf(alpha / 2, dfs[i]) for i in (a, e)]
        weighted = shared * stats.norm.isf(alpha / 2) + np.dot(parts, quantiles)
        critical = weighted / (shared + sum(parts))
        size = abs(np.mean(values[a]) - np.mean(values[e]))
        bound = critical * math.sqrt(max(total, shared + sum(parts)))
        differ[a, e] = size > max(bound, reach[a], reach[e])
    return differ


def reference_limma(squares, df, most):
    """Likeliest prior variance and degrees of freedom (at most `most`) by a general optimiser."""
    floor = 1e-5 * np.median(squares)

    raised = np.maximum(squares, floor)

    def misfit(theta):
        scale, prior_df = math.exp(theta[0]), most / (1 + math.exp(-theta[1]))
        return -(stats.f.logpdf(raised / scale, df, prior_df) - theta[0]).sum()

    starts = [(math.log(np.mean(squares)), at) for at in (-1.0, 3.0)]
    fits = [optimize.minimize(misfit, start, method="Nelder-Mead") for start in starts]
    best = min(fits, key=lambda fit: fit.fun).x
    return math.exp(best[0]), most / (1 + math.exp(-best[1]))


def reference_kendall(a, b):
    """Tau-b by counting pairs."""
    agree = left = right = 0
    for i, j in itertools.combinations(range(len(a)), 2):
        x, y = np.sign(a[i] - a[j]), np.sign(b[i] - b[j])
        agree, left, right = agree + x * y, left + abs(x), right + abs(y)
    return agree / math.sqrt(left * right)

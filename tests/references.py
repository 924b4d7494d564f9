"""Slow, obvious forms of the metrics, written from their formulas: what the fast ones must equal.

Loops over images, bins, thresholds and pairs; nothing here is shared with `harness.metrics`.
Every function takes image weights where the metric has them.
"""

import math
from itertools import combinations


def ones(n):
    return [1.0] * n


def top(probs):
    """Predicted class (lowest index of equal maxima) and its probability, per row."""
    return [(max(range(len(row)), key=lambda k: (row[k], -k)), max(row)) for row in probs]


def width_bin(p, n_bins=15):
    """The bin (k/15, (k+1)/15] that holds p; the first one is closed."""
    return next(k for k in range(n_bins) if p <= (k + 1) / n_bins)


def ece(y_true, probs, weights=None, n_bins=15):
    w = weights or ones(len(y_true))
    gaps = [0.0] * n_bins
    for y, (pred, conf), wi in zip(y_true, top(probs), w, strict=True):
        gaps[width_bin(conf, n_bins)] += wi * ((pred == y) - conf)
    return sum(abs(g) for g in gaps) / sum(w)


def mce(y_true, probs, weights=None, n_bins=15):
    w = weights or ones(len(y_true))
    gaps, mass = [0.0] * n_bins, [0.0] * n_bins
    for y, (pred, conf), wi in zip(y_true, top(probs), w, strict=True):
        gaps[width_bin(conf, n_bins)] += wi * ((pred == y) - conf)
        mass[width_bin(conf, n_bins)] += wi
    return max(abs(g) / m for g, m in zip(gaps, mass, strict=True) if m > 0)


def ece_mass(y_true, probs, weights=None, n_bins=15):
    w = weights or ones(len(y_true))
    rows = top(probs)
    levels = sorted({conf for _, conf in rows})
    edges = []
    for k in range(1, n_bins + 1):
        for level in levels:
            below = sum(wi for (_, conf), wi in zip(rows, w, strict=True) if conf <= level)
            if below * n_bins >= k * sum(w):
                edges.append(level)
                break
    gaps = [0.0] * n_bins
    for y, (pred, conf), wi in zip(y_true, rows, w, strict=True):
        if wi == 0:
            continue
        k = next(k for k in range(n_bins) if conf <= edges[k])
        gaps[k] += wi * ((pred == y) - conf)
    return sum(abs(g) for g in gaps) / sum(w)


def classwise_ece(y_true, probs, weights=None, n_bins=15):
    w = weights or ones(len(y_true))
    c = len(probs[0])
    total = 0.0
    for k in range(c):
        gaps = [0.0] * n_bins
        for y, row, wi in zip(y_true, probs, w, strict=True):
            gaps[width_bin(row[k], n_bins)] += wi * ((y == k) - row[k])
        total += sum(abs(g) for g in gaps) / sum(w)
    return total / c


def ece_null_by_enumeration(confidences):
    """Expected ECE over all 2^n outcomes of calibrated coins, for a handful of images."""
    n = len(confidences)
    expected = 0.0
    for outcome in range(2**n):
        chance, gaps = 1.0, {}
        for i, c in enumerate(confidences):
            hit = outcome >> i & 1
            chance *= c if hit else 1 - c
            gaps[width_bin(c)] = gaps.get(width_bin(c), 0.0) + hit - c
        expected += chance * sum(abs(g) for g in gaps.values()) / n
    return expected


def pair_share(positives, negatives):
    """Weighted share of pairs in which the positive is larger, ties one half: (score, weight)."""
    won = total = 0.0
    for s, ws in positives:
        for t, wt in negatives:
            total += ws * wt
            won += ws * wt * ((s > t) + 0.5 * (s == t))
    return won / total


def macro_auroc(y_true, scores, weights=None):
    w = weights or ones(len(y_true))
    values = []
    for k in sorted(set(y_true)):
        own = [(r[k], wi) for y, r, wi in zip(y_true, scores, w, strict=True) if y == k and wi]
        rest = [(r[k], wi) for y, r, wi in zip(y_true, scores, w, strict=True) if y != k and wi]
        if own and rest:
            values.append(pair_share(own, rest))
    return sum(values) / len(values)


def ovo_auroc(y_true, scores, weights=None):
    w = weights or ones(len(y_true))
    held = sorted({y for y, wi in zip(y_true, w, strict=True) if wi})
    values = []
    for a, b in combinations(held, 2):
        for k, j in ((a, b), (b, a)):
            own = [(r[k], wi) for y, r, wi in zip(y_true, scores, w, strict=True) if y == k]
            other = [(r[k], wi) for y, r, wi in zip(y_true, scores, w, strict=True) if y == j]
            values.append(pair_share(own, other))
    return sum(values) / len(values)


def average_precision(positives, negatives):
    """Precision at the threshold of each positive, averaged: lists of (score, weight)."""
    area = 0.0
    for s, ws in positives:
        caught = sum(w for t, w in positives if t >= s)
        false = sum(w for t, w in negatives if t >= s)
        area += ws * caught / (caught + false) if ws else 0.0
    return area / sum(w for _, w in positives)


def macro_average_precision(y_true, scores, weights=None):
    w = weights or ones(len(y_true))
    values = []
    for k in sorted({y for y, wi in zip(y_true, w, strict=True) if wi}):
        own = [(r[k], wi) for y, r, wi in zip(y_true, scores, w, strict=True) if y == k]
        rest = [(r[k], wi) for y, r, wi in zip(y_true, scores, w, strict=True) if y != k]
        values.append(average_precision(own, rest))
    return sum(values) / len(values)


def log_odds(logits):
    """z_k − log Σ_{j≠k} exp z_j of every row and class."""
    rows = []
    for z in logits:
        row = []
        for k in range(len(z)):
            rest = [z[j] for j in range(len(z)) if j != k]
            high = max(rest)
            row.append(z[k] - high - math.log(sum(math.exp(r - high) for r in rest)))
        rows.append(row)
    return rows


def aurc(confidences, correct, weights=None):
    w = weights or ones(len(correct))
    area = 0.0
    for level, wi in zip(confidences, w, strict=True):
        taken = [
            (wj, ok) for c, ok, wj in zip(confidences, correct, w, strict=True) if c >= level and wj
        ]
        mass = sum(wj for wj, _ in taken)
        area += wi * sum(wj for wj, ok in taken if not ok) / mass if wi else 0.0
    return area / sum(w)


def augrc(confidences, correct, weights=None):
    """Trapezoids under the accepted-and-wrong share over coverage, tied images together."""
    w = weights or ones(len(correct))
    total = sum(w)
    area = coverage = wrong = 0.0
    for level in sorted(set(confidences), reverse=True):
        here = [(wi, ok) for c, ok, wi in zip(confidences, correct, w, strict=True) if c == level]
        step = sum(wi for wi, _ in here) / total
        more = sum(wi for wi, ok in here if not ok) / total
        area += step * (wrong + more / 2)
        coverage, wrong = coverage + step, wrong + more
    return area


def fpr_at(positives, negatives, percent=95):
    """Share of negatives at or above the largest threshold that catches `percent` of positives.

    Lists of (score, weight), larger for positives; whole-number weights.
    """
    total = sum(w for _, w in positives)
    for level in sorted({s for s, _ in positives + negatives}, reverse=True):
        if 100 * sum(w for s, w in positives if s >= level) >= percent * total:
            flagged = sum(w for s, w in negatives if s >= level)
            return flagged / sum(w for _, w in negatives)
    raise AssertionError("some threshold catches everything")


def oscr(id_scores, correct, ood_scores, weights=None):
    w = weights or ones(len(id_scores))
    won = sum(
        wi * ok * ((o > s) + 0.5 * (o == s))
        for s, ok, wi in zip(id_scores, correct, w, strict=True)
        for o in ood_scores
    )
    return won / (sum(w) * len(ood_scores))


def brier(y_true, probs, weights=None):
    w = weights or ones(len(y_true))
    total = sum(
        wi * sum((p - (k == y)) ** 2 for k, p in enumerate(row))
        for y, row, wi in zip(y_true, probs, w, strict=True)
    )
    return total / sum(w)


def recalls(y_true, y_pred, c):
    """Recall of each class that has images."""
    return {
        k: sum(p == k for y, p in zip(y_true, y_pred, strict=True) if y == k)
        / list(y_true).count(k)
        for k in range(c)
        if k in y_true
    }


def rao_wu(y_true, replicates, rng):
    """Stratified counts and scale: n_k − 1 of n_k with replacement, worth n_k/(n_k − 1) each."""
    counts = [[0] * len(y_true) for _ in range(replicates)]
    scale = [1.0] * len(y_true)
    for k in sorted(set(y_true)):
        rows = [i for i, y in enumerate(y_true) if y == k]
        for i in rows:
            scale[i] = len(rows) / (len(rows) - 1)
        for b in range(replicates):
            for _ in range(len(rows) - 1):
                counts[b][rows[rng.integers(len(rows))]] += 1
    return counts, scale

"""The papers' formulas of losses that read outliers, slowly: loops in float64, numpy alone."""

import math

import numpy as np

from tests.baselines.oracles import cross_entropy, softmax


def uniformity(outliers):
    """Hendrycks et al. 2019: H(U; f(x')) = −Σ_k (1/C) log f_k(x'), mean over outliers."""
    total = 0.0
    for row in outliers:
        total -= sum(math.log(p) for p in softmax(row)) / len(row)
    return total / len(outliers)


def energy(row):
    """Liu et al. 2020, equation 4 at T = 1."""
    return -math.log(sum(math.exp(v) for v in row))


def energy_gap(logits, outliers, most_inside, least_outside):
    """Liu et al. 2020, section 3.3: two squared hinges."""
    inside = [max(0.0, energy(row) - most_inside) ** 2 for row in logits]
    outside = [max(0.0, least_outside - energy(row)) ** 2 for row in outliers]
    return sum(inside) / len(inside) + sum(outside) / len(outside)


def partial_contrast(views, labels, outliers, temperature):
    """Wang et al. 2022: anchors are views of tail images; outliers are negatives only."""
    anchors = [(row, label) for view in views for row, label in zip(view, labels, strict=True)]
    total = 0.0
    for i, (anchor, label) in enumerate(anchors):
        others = [(row, k) for j, (row, k) in enumerate(anchors) if j != i]
        below = sum(math.exp(float(np.dot(anchor, row)) / temperature) for row, _ in others)
        below += sum(math.exp(float(np.dot(anchor, row)) / temperature) for row in outliers)
        same = [row for row, k in others if k == label]
        for row in same:
            above = math.exp(float(np.dot(anchor, row)) / temperature)
            total -= math.log(above / below) / len(same)
    return total / len(anchors)


def prototype_contrast(tail, classes, prototypes, outliers, temperature):
    """Miao et al. 2024: a tail image's prototype among all prototypes and outliers."""
    rows = [
        [float(np.dot(row, other)) / temperature for other in [*prototypes, *outliers]]
        for row in tail
    ]
    return cross_entropy(rows, classes)


def head_margin(outliers, head, margin):
    """Miao et al. 2024: triplets of an outlier, its farthest outlier and a head feature."""
    total = 0.0
    for row, other in zip(outliers, head, strict=True):
        gaps = [math.dist(row, near) for near in outliers]
        total += max(0.0, max(gaps) - math.dist(row, other) + margin)
    return total / len(outliers)

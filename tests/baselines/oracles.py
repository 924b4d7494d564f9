"""The papers' formulas again, slowly: loops over samples and classes in float64, numpy alone.

Each is written from the paper (or, where it says so, from what the authors' scripts set), not from
`baselines.losses`. `z` are logits; what the paper holds fixed in a gradient is a second argument.
"""

import math

import numpy as np


def softmax(row):
    e = [math.exp(v - max(row)) for v in row]
    return [v / sum(e) for v in e]


def sigmoid(v):
    return 1 / (1 + math.exp(-v))


def cross_entropy(z, y):
    """Mean of −log p_y."""
    return sum(-math.log(softmax(row)[k]) for row, k in zip(z, y, strict=True)) / len(y)


def label_smoothing(z, y, eps):
    """Szegedy et al. 2016: q'(k) = (1 − ε)δ_ky + ε/K."""
    total = 0.0
    for row, label in zip(z, y, strict=True):
        p = softmax(row)
        for k in range(len(row)):
            q = (1 - eps) * (k == label) + eps / len(row)
            total -= q * math.log(p[k])
    return total / len(y)


def focal(z, y, gamma):
    """Lin et al. 2017: FL(p_t) = −(1 − p_t)^γ log p_t for every class's sigmoid, summed."""
    total = 0.0
    for row, label in zip(z, y, strict=True):
        for k, v in enumerate(row):
            p_t = sigmoid(v) if k == label else 1 - sigmoid(v)
            total -= (1 - p_t) ** gamma * math.log(p_t)
    return total / len(y)


def class_balanced_focal(z, y, counts, beta, gamma):
    """Cui et al. 2019: (1 − β)/(1 − β^n_y) times the focal loss, weights summing to C, over b."""
    raw = [(1 - beta) / (1 - beta**n) for n in counts]
    weights = [w * len(counts) / sum(raw) for w in raw]
    return sum(weights[k] * focal([row], [k], gamma) for row, k in zip(z, y, strict=True)) / len(y)


def ldam(z, y, counts, max_margin, s):
    """Cao et al. 2019, equations 12, 13: Δ_j = C/n_j^(1/4); z are s·cosines."""
    c = max_margin / max(n**-0.25 for n in counts)
    moved = [list(row) for row in z]
    for row, k in zip(moved, y, strict=True):
        row[k] -= s * c * counts[k] ** -0.25
    return cross_entropy(moved, y)


def logit_adjusted(z, y, counts, tau):
    """Menon et al. 2021, equation 10: softmax of f_y + τ log π_y."""
    n = sum(counts)
    moved = [[v + tau * math.log(c / n) for v, c in zip(row, counts, strict=True)] for row in z]
    return cross_entropy(moved, y)


def dice(z, y, smooth):
    """Milletari et al. 2016: squared sums of each class over the batch, mean over classes."""
    p = [softmax(row) for row in z]
    c, total = len(z[0]), 0.0
    for k in range(c):
        both = sum(row[k] for row, label in zip(p, y, strict=True) if label == k)
        squares = sum(row[k] ** 2 for row in p) + sum(label == k for label in y)
        total += 1 - (2 * both + smooth) / (squares + smooth)
    return total / c


def self_adjusting_dice(z, y, smooth, alpha):
    """Li et al. 2020, scripts: squares below, summed over classes, mean over samples."""
    total = 0.0
    for row, label in zip(z, y, strict=True):
        for k, p in enumerate(softmax(row)):
            q, t = (1 - p) ** alpha * p, float(k == label)
            total += 1 - (2 * q * t + smooth) / (q**2 + t**2 + smooth)
    return total / len(y)


def tversky(z, y, smooth, a, b):
    """Salehi et al. 2017, equation 3, each class over the batch."""
    p = [softmax(row) for row in z]
    c, total = len(z[0]), 0.0
    for k in range(c):
        tp = sum(row[k] for row, label in zip(p, y, strict=True) if label == k)
        fp = sum(row[k] for row, label in zip(p, y, strict=True) if label != k)
        fn = sum(1 - row[k] for row, label in zip(p, y, strict=True) if label == k)
        total += 1 - (tp + smooth) / (tp + a * fp + b * fn + smooth)
    return total / c


def gce(z, y, q):
    """Zhang and Sabuncu 2018, equation 6."""
    return sum((1 - softmax(row)[k] ** q) / q for row, k in zip(z, y, strict=True)) / len(y)


def sce(z, y, alpha, beta, floor):
    """Wang et al. 2019, equation 7: α·CE + β·RCE, one-hot labels cut off at `floor`."""
    total = 0.0
    for row, label in zip(z, y, strict=True):
        p = softmax(row)
        reverse = -sum(p[k] * math.log(1.0 if k == label else floor) for k in range(len(row)))
        total += alpha * -math.log(p[label]) + beta * reverse
    return total / len(y)


def bootstrapping(z, y, beta, hard):
    """Reed et al. 2015, equations 6 and 7; the hard prediction is a constant."""
    total = 0.0
    for row, label in zip(z, y, strict=True):
        p = softmax(row)
        for k in range(len(row)):
            guess = float(k == int(np.argmax(row))) if hard else p[k]
            total -= (beta * (k == label) + (1 - beta) * guess) * math.log(p[k])
    return total / len(y)


def elr(z, y, targets, strength):
    """Liu et al. 2020, equation 6: cross-entropy + λ·log(1 − ⟨p, t⟩), targets held fixed."""
    held = 0.0
    for row, t in zip(z, targets, strict=True):
        held += math.log(1 - sum(a * b for a, b in zip(softmax(row), t, strict=True)))
    return cross_entropy(z, y) + strength * held / len(y)


def forward(z, y, transition):
    """Patrini et al. 2017, theorem 2: −log (Tᵀ p)_y."""
    total = 0.0
    for row, label in zip(z, y, strict=True):
        p = softmax(row)
        total -= math.log(sum(transition[k][label] * p[k] for k in range(len(row))))
    return total / len(y)


def ride_diversity(z, mean, temperatures):
    """Wang et al. 2021 in its code: T̄²·Σ_i KL(p̄ ‖ p_i); `mean` logits are held fixed."""
    scale = sum(temperatures) / len(temperatures)
    total = 0.0
    for expert in z:
        for row, middle in zip(expert, mean, strict=True):
            p = softmax([v / t for v, t in zip(row, temperatures, strict=True)])
            q = softmax([v / t for v, t in zip(middle, temperatures, strict=True)])
            total += sum(a * math.log(a / b) for a, b in zip(q, p, strict=True))
    return scale**2 * total / len(z[0])


def routing(asking, means, y, weight):
    """Wang et al. 2021: a gate asks on where the mean so far is wrong and a later one right."""
    total = 0.0
    for i in range(len(asking)):
        for j, label in enumerate(y):
            right = [int(np.argmax(m[j])) == label for m in means]
            wanted = not right[i] and any(right[i + 1 :])
            p = sigmoid(asking[i][j])
            total -= weight * math.log(p) if wanted else math.log(1 - p)
    return total / (len(asking) * len(y))


def adjusted_experts(z, y, strengths, counts):
    """Zhao et al. 2023 (MDCS): cross-entropy of logits + log n_k^λ, summed over experts."""
    total = 0.0
    for expert, strength in zip(z, strengths, strict=True):
        moved = [
            [v + math.log(n**strength) for v, n in zip(row, counts, strict=True)] for row in expert
        ]
        total += cross_entropy(moved, y)
    return total


def mdcs_distillation(student, teacher, y):
    """Zhao et al. 2023: KL(teacher ‖ student) over images the teacher gets right, per expert."""
    total = 0.0
    for weak, strong in zip(teacher, student, strict=True):
        rows = [j for j, label in enumerate(y) if int(np.argmax(weak[j])) == label]
        for j in rows:
            p, q = softmax(weak[j]), softmax(strong[j])
            total += sum(a * math.log(a / b) for a, b in zip(p, q, strict=True)) / len(rows)
    return total


def info_nce(queries, keys, others, temperature):
    """He et al. 2020, equation 1."""
    total = 0.0
    for q, k in zip(queries, keys, strict=True):
        own = math.exp(float(np.dot(q, k)) / temperature)
        rest = sum(math.exp(float(np.dot(q, o)) / temperature) for o in others)
        total -= math.log(own / (own + rest))
    return total / len(queries)


def reweighted(z, y, frozen, shape, temperature):
    """Sow et al. 2025: weights softmax(g(ℓ̃)/r) of the losses at `frozen`, held fixed."""
    losses = [cross_entropy([row], [k]) for row, k in zip(frozen, y, strict=True)]
    low, high = min(losses), max(losses)
    scaled = [2 * (v - low) / (high - low) - 1 for v in losses]
    shapes = {
        "capped": lambda h: min(h, 0.0),
        "middle": lambda h: 1 - h**2,
        "extremes": abs,
        "high": lambda h: 0.5 * h + 0.5,
    }
    weights = softmax([shapes[shape](h) / temperature for h in scaled])
    pairs = zip(weights, z, y, strict=True)
    return sum(w * cross_entropy([row], [k]) for w, row, k in pairs)

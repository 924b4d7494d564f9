"""Intervals of one entry: how often they hold what they should."""

from collections.abc import Iterator

import numpy as np
from scipy.special import ndtr, ndtri
from simulations.lines import REPLICATES, Line, at_least, between, shared_weights

from harness.metrics.engine.outputs import Outputs
from harness.metrics.measure import measure, replicate
from harness.metrics.ood_replicates import replicate_ood
from harness.stats.intervals import level
from harness.stats.score_intervals import ClassRecalls
from harness.stats.weightings import weightings

KEYS = ("balanced_accuracy", "auroc", "nll")
SCALES = {"balanced_accuracy": "logit", "auroc": "logit", "nll": "log"}


def draw_pool(rng: np.random.Generator, sizes: np.ndarray, gap: float, heat: float) -> Outputs:
    """Return logits of a classifier that is `heat` times too sure, and their labels."""
    labels = np.repeat(np.arange(len(sizes)), sizes)
    z = rng.normal(size=(len(labels), len(sizes)))
    z[np.arange(len(labels)), labels] += gap * np.linspace(1.3, 0.7, len(sizes))[labels]
    return Outputs.from_logits(labels, heat * gap * z)


def coverage(rng: np.random.Generator, share: float) -> Iterator[Line]:
    """Yield how often the test-set interval holds the population's value."""
    tests = max(20, int(4000 * share))
    plans = [
        ("5 classes of 100, hard", np.full(5, 100), 1.2, 1.0, True),
        ("5 classes of 100, easy, too sure", np.full(5, 100), 2.2, 2.0, True),
        ("10 classes of 100 to 400, too sure", np.linspace(100, 400, 10).astype(int), 2, 1.5, True),
        ("5 classes of 20", np.full(5, 20), 1.2, 1.0, False),
        ("5 classes of 20, easy, too sure", np.full(5, 20), 2.2, 2.0, False),
    ]
    for name, sizes, gap, heat, barred in plans:
        population = draw_pool(rng, sizes * (1_000_000 // sizes.sum()), gap, heat)
        true = {key: result.value for key, result in measure(population, KEYS).items()}
        shared = [shared_weights(f"coverage {name} {i}", sizes) for i in range(20)]
        held = dict.fromkeys(KEYS, 0)
        for i in range(tests):
            pool = draw_pool(rng, sizes, gap, heat)
            values = measure(pool, KEYS)
            moved = replicate(pool, KEYS, shared[i % len(shared)])
            for key in KEYS:
                point = np.array([values[key].value])
                interval = level(point, moved[key][None], scale=SCALES[key])
                held[key] += interval.low <= true[key] <= interval.high
        for key in KEYS:
            text = f"coverage of {key} = {true[key]:.3f}, {name}"
            rate = held[key] / tests
            yield between(text, rate, 0.93, 0.97) if barred else Line(text, rate, None)


def spreads(rng: np.random.Generator, share: float) -> Iterator[Line]:
    """Yield the spread of influence replicates against recomputing under every weighting."""
    pools = max(2, int(20 * share))
    plans = [
        ("auroc", "5 classes of 5", np.full(5, 5)),
        ("auroc", "classes of 5, 50, 100, 200, 400", np.array([5, 50, 100, 200, 400])),
        ("auroc", "5 classes of 100", np.full(5, 100)),
        ("average_precision", "5 classes of 50", np.full(5, 50)),
        ("average_precision", "classes of 50, 100, 200, 400", np.array([50, 100, 200, 400])),
    ]
    for key, name, sizes in plans:
        ratios = []
        for i in range(pools):
            pool = draw_pool(rng, sizes, 1.5, 1.0)
            weights = shared_weights(f"spread {name} {i}", sizes)
            quick = replicate(pool, [key], weights)[key]
            slow = [
                measure(pool, [key], weights=w)[key].value for w in weights.counts * weights.scale
            ]
            ratios.append(quick.std() / np.std(slow))
        text = f"spread of {key} against brute force, {name}, mean of {pools}"
        yield between(text, float(np.mean(ratios)), 0.95, 1.05)


LEVELS = {
    "500 images, 1 expected wrong": ([50] * 10, [0.998] * 10),
    "500 images, 2 expected wrong": ([50] * 10, [0.996] * 10),
    "test sizes 3, 18, 227, 213, 66, 6 at .97": ([3, 18, 227, 213, 66, 6], [0.97] * 6),
    "test sizes 3, 18, 227, 213, 66, 6 at .9": ([3, 18, 227, 213, 66, 6], [0.9] * 6),
    "classes of 500, 20, 5 at .97": ([500, 20, 5], [0.97] * 3),
    "classes of 500, 20, 5 at .99, .8, .5": ([500, 20, 5], [0.99, 0.8, 0.5]),
    "10 classes of 5 at .97": ([5] * 10, [0.97] * 10),
    "10 classes of 50 at .8": ([50] * 10, [0.8] * 10),
}
"""Test sizes and true recalls."""


def levels(rng: np.random.Generator, share: float) -> Iterator[Line]:
    """Yield how often the interval of a mean of recalls holds the true mean, one seed."""
    trials = max(20, int(2000 * share))
    for name, (sizes_, true) in LEVELS.items():
        sizes, held = np.array(sizes_), 0
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        shared = [shared_weights(f"levels {name} {i}", sizes) for i in range(10)]
        for i in range(trials):
            right = rng.random(sizes.sum()) < np.repeat(true, sizes)
            recalls = np.add.reduceat(right, starts) / sizes
            weights = shared[i % len(shared)]
            terms = right * weights.scale / np.repeat(sizes, sizes) / len(sizes)
            interval = level(
                np.array([recalls.mean()]),
                (weights.counts @ terms)[None],
                scale="logit",
                images=ClassRecalls(recalls, sizes),
            )
            held += interval.low <= np.mean(true) <= interval.high
        yield at_least(f"coverage of balanced accuracy, {name}", held / trials, 0.92)


def fpr95(rng: np.random.Generator, share: float) -> Iterator[Line]:
    """Yield how often FPR95's interval holds the true value, 500 ID images."""
    trials = max(20, int(1000 * share))
    inside = weightings("fpr95 id", None, n=500, replicates=REPLICATES)
    for size in (50, 100, 400):
        outside = [weightings(f"fpr95 {size} {i}", None, n=size) for i in range(10)]
        for gap in (1.5, 3.0):
            true, held = float(ndtr(-(ndtri(0.05) + gap))), 0
            for i in range(trials):
                scores = rng.normal(size=500), rng.normal(gap, 1, size)
                threshold = np.sort(scores[1])[::-1][int(np.ceil(0.95 * size)) - 1]
                moved = replicate_ood(*scores, inside, outside[i % 10], ["ood_fpr95"])["ood_fpr95"]
                value = np.array([(scores[0] >= threshold).mean()])
                interval = level(value, moved[None], scale="logit")
                held += interval.low <= true <= interval.high
            text = f"coverage of FPR95 = {true:.2f}, {size} OOD images"
            yield at_least(text, held / trials, 0.92)

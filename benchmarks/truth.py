"""Does the statistics engine tell the truth? Simulations with known answers, one bar each.

    python benchmarks/truth.py > docs/truth.txt       # all of them, about 15 minutes of one core
    python benchmarks/truth.py --share 0.05           # a twentieth of them, no bars

Every line prints what was found beside its bar; lines without a bar are printed for the reader.
The last line's ratio is the worst of all bars: how much of the allowed room is used.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from harness.metrics.engine.outputs import Outputs
from harness.metrics.measure import measure, replicate
from harness.metrics.replicates import replicate_ood
from harness.stats.intervals import LEVEL, difference, level
from harness.stats.pairs import differing
from harness.stats.planning import detectable, seeds_to_settle
from harness.stats.score_intervals import ClassRecalls
from harness.stats.spread import Spread
from harness.stats.verdicts import verdict
from harness.stats.weightings import weightings
from harness.types import Weightings

SEED = 3
REPLICATES = 1000
KEYS = ("balanced_accuracy", "auroc", "nll")
SCALES = {"balanced_accuracy": "logit", "auroc": "logit", "nll": "log"}
REGIMES = {
    # standard deviations of: the test set's part that all seeds share, seeds, their interaction
    "test set dominates": (1.0, 0.1, 0.1),
    "seeds dominate": (0.1, 1.0, 0.1),
    "interaction dominates": (0.1, 0.1, 1.0),
    "all alike": (1.0, 1.0, 1.0),
}


@dataclass(frozen=True)
class Line:
    """One simulated fact."""

    text: str
    found: float
    used: float | None
    """Share of the room that its bar leaves, 1 at the bar; None: no bar."""
    bar: str = "no bar"

    def __str__(self) -> str:
        mark = "" if self.used is None else "  ok" if self.used <= 1 else "  SHORT"
        return f"{self.text:<86} {self.found:7.4f}   {self.bar}{mark}"


def between(text: str, found: float, low: float, high: float) -> Line:
    """Return a line whose value must lie in [low, high]."""
    used = abs(found - (low + high) / 2) / ((high - low) / 2)
    return Line(text, found, used, f"{low:g} to {high:g}")


def at_most(text: str, found: float, bar: float) -> Line:
    """Return a line whose value must not exceed the bar."""
    return Line(text, found, found / bar, f"at most {bar:g}")


def at_least(text: str, found: float, bar: float) -> Line:
    """Return a line whose share must reach the bar: room is what lies between it and 1."""
    return Line(text, found, (1 - found) / (1 - bar), f"at least {bar:g}")


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


def shared_weights(name: str, sizes: np.ndarray) -> Weightings:
    """Return weightings of a pool whose rows are sorted by class."""
    return weightings(name, np.repeat(np.arange(len(sizes)), sizes), replicates=REPLICATES)


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


def draw_field(
    rng: np.random.Generator, entries: int, seeds: int, regime: tuple[float, float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Return values (entries, seeds) of equal entries, and their replicates as deviations.

    The first of the draws is what happened to the values, the others are the replicates: a
    bootstrap whose spread is right.
    """
    shared_sd, seed_sd, interaction_sd = regime
    shared = rng.normal(size=(entries, 1, REPLICATES + 1))
    own = rng.normal(size=(entries, seeds, REPLICATES + 1))
    noise = shared_sd * shared + interaction_sd * own
    values = noise[:, :, 0] + seed_sd * rng.normal(size=(entries, seeds))
    return values, noise[:, :, 1:]


def false_alarms(rng: np.random.Generator, share: float) -> Iterator[Line]:
    """Yield how often the interval of the difference of two equal entries leaves out 0."""
    trials = max(50, int(10_000 * share))
    for seeds, bar in ((3, 0.07), (5, 0.06)):
        for name, regime in REGIMES.items():
            alarms = 0
            for _ in range(trials):
                # One stream of differences; the reference is the zero it is measured from.
                values, moved = draw_field(rng, 1, seeds, regime)
                interval = difference(values, np.zeros_like(values), moved, np.zeros_like(moved))
                alarms += interval.low > 0 or interval.high < 0
            yield at_most(f"false alarms of one pair, {seeds} seeds, {name}", alarms / trials, bar)


def equal_fields(rng: np.random.Generator, share: float) -> Iterator[Line]:
    """Yield how often 20 equal entries end in one class, 3 seeds."""
    trials = max(20, int(2000 * share))
    for name, regime in REGIMES.items():
        whole = 0
        for _ in range(trials):
            values, moved = draw_field(rng, 20, 3, regime)
            best = int(values.mean(axis=1).argmax())
            whole += not differing(values[:, None], moved)[best].any()
        yield at_least(f"20 equal entries in one class, 3 seeds, {name}", whole / trials, 0.95)


def far_ahead(rng: np.random.Generator, share: float) -> Iterator[Line]:
    """Yield how often one of 60 entries stands alone, 10 standard errors of a difference ahead."""
    trials = max(10, int(500 * share))
    for seeds in (3, 5):
        for name, regime in REGIMES.items():
            variance = regime[0] ** 2 + (regime[1] ** 2 + regime[2] ** 2) / seeds
            alone = 0
            for _ in range(trials):
                values, moved = draw_field(rng, 60, seeds, regime)
                values[0] += 10 * np.sqrt(2 * variance)
                alone += differing(values[:, None], moved)[0, 1:].all()
            text = f"1 of 60 alone, 10 SE ahead, {seeds} seeds, {name}"
            yield at_least(text, float(alone / trials), 0.98)


MIXED = {
    "20 alike": [1.0] * 20,
    "20, one with 3 times the spread": [3.0] + [1.0] * 19,
    "20, four with 3 times the spread": [3.0] * 4 + [1.0] * 16,
    "20, two with 12 times the spread": [12.0] * 2 + [1.0] * 18,
    "10 deterministic and 10 random": [0.0] * 10 + [1.0] * 10,
    "5, one with 6 times the spread": [6.0] + [1.0] * 4,
    "3 alike": [1.0] * 3,
    "2 alike": [1.0] * 2,
}
"""Fields of equal entries whose seeds do not spread alike."""


def mixed_fields(rng: np.random.Generator, share: float) -> Iterator[Line]:
    """Yield how often equal entries of unequal spread are split, 3 seeds."""
    trials = max(20, int(2000 * share))
    for test in (0.6, 2.0):
        for name, spreads_ in MIXED.items():
            split = 0
            for _ in range(trials):
                sizes = np.array(spreads_)
                noise = test * rng.normal(size=(len(sizes), 1, 301))
                values = noise[:, :, 0] + sizes[:, None] * rng.normal(size=(len(sizes), 3))
                streams = np.repeat(noise[:, :, 1:], 3, axis=1)
                best = int(values.mean(axis=1).argmax())
                split += differing(values[:, None], streams)[best].any()
            yield at_most(f"equal entries split, {name}, test noise {test}", split / trials, 0.06)


def eight_cells(rng: np.random.Generator, share: float) -> Iterator[Line]:
    """Yield the same for a mean of 8 cells."""
    trials = max(20, int(1000 * share))
    for name in ("20 alike", "20, one with 3 times the spread"):
        split = 0
        for _ in range(trials):
            sizes = np.array(MIXED[name])[:, None, None]
            noise = 0.6 * rng.normal(size=(20, 1, 301))
            values = noise[:, :, :1] + sizes * rng.normal(size=(20, 8, 3))
            best = int(values.mean(axis=(1, 2)).argmax())
            split += differing(values, np.repeat(noise[:, :, 1:], 3, axis=1))[best].any()
        yield at_most(f"equal entries split, mean of 8 cells, {name}", split / trials, 0.06)


def few_seeds(rng: np.random.Generator, share: float) -> Iterator[Line]:
    """Yield how often something is told with one or two seeds that spread."""
    trials = max(20, int(500 * share))
    for seeds in (1, 2):
        told = verdicts = 0
        for _ in range(trials):
            values, moved = draw_field(rng, 10, seeds, (0.1, 1.0, 0.1))
            told += differing(values[:, None], moved).any()
            said = verdict(*values[:2, None], *moved[:2, None], margin=0.1, higher_is_better=True)
            verdicts += said.verdict != "cannot tell"
        yield at_most(f"classes told with {seeds} seed(s)", told / trials, 0.06)
        yield at_most(f"verdicts told with {seeds} seed(s)", verdicts / trials, 0.06)


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


def same_near_one(rng: np.random.Generator, share: float) -> Iterator[Line]:
    """Yield how often two entries 3 points apart are called the same, 10 classes of 5, 3 seeds."""
    trials = max(20, int(1000 * share))
    sizes = np.full(10, 5)
    weights = shared_weights("same", sizes)
    for first, second in ((1.0, 0.97), (0.995, 0.965)):
        called = 0
        for _ in range(trials):
            hard = rng.random(50)  # an image that is hard for one is hard for the other
            values, moved, images = [], [], []
            for p in (first, second):
                right = np.stack([np.where(rng.random(50) < 0.7, hard, rng.random(50)) < p
                                  for _ in range(3)])  # fmt: skip
                recalls = right.reshape(3, 10, 5).mean(axis=2)
                values.append(recalls.mean(axis=1)[None])
                moved.append((right * weights.scale / 50 @ weights.counts.T)[None])
                images.append(ClassRecalls(recalls.mean(axis=0), sizes))
            said = verdict(*values, *moved, margin=0.01, higher_is_better=True,
                           images=(images[0], images[1]))  # fmt: skip
            called += said.verdict == "same"
        text = f"'same' at a difference of 3 points and a margin of 1, recalls {first} and {second}"
        yield at_most(text, called / trials, 0.05)


def planning(rng: np.random.Generator, share: float) -> Iterator[Line]:
    """Yield the power at the printed detectable difference, and with the seeds that are named."""
    trials = max(20, int(300 * share))
    for parts in ((1.0, 0.0, 1.0), (0.1, 0.0, 1.0), (0.2, 1.0, 0.2)):
        common, interaction, seed = parts

        def study(mean: float, n: int, parts: tuple[float, float, float] = parts) -> np.ndarray:
            return mean + (parts[1] + parts[2]) ** 0.5 * rng.normal(size=n)

        def spread_of(row: np.ndarray, parts: tuple[float, float, float] = parts) -> Spread:
            n = len(row)
            return Spread(parts[0] + parts[1] / n, parts[0], row.var(ddof=1) / n, n - 1.0, n)

        found, settled = [], []
        for _ in range(trials):
            printed = detectable(spread_of(study(0.0, 3)), LEVEL)
            for _ in range(20):
                again = study(printed + common**0.5 * rng.normal(), 3)
                found.append(again.mean() > spread_of(again).reach(LEVEL))
        truth = 2 * (common + (interaction + seed) / 3) ** 0.5
        while len(settled) < trials:
            mean = truth + common**0.5 * rng.normal()
            row = study(mean, 3)
            if abs(row.mean()) > spread_of(row).reach(LEVEL):
                continue
            needed = seeds_to_settle(float(row.mean()), spread_of(row), 0.0, LEVEL)
            if needed is None:
                continue
            more = np.concatenate([row, study(mean, needed - 3)])
            settled.append(abs(more.mean()) > spread_of(more).reach(LEVEL))
        text = f"shared {common}, interaction {interaction}, seeds {seed}"
        yield at_least(f"power at the printed detectable difference, {text}", np.mean(found), 0.78)
        yield at_least(f"settled with the seeds that are named, {text}", np.mean(settled), 0.78)


def unequal_seeds(rng: np.random.Generator, share: float) -> Iterator[Line]:
    """Yield false verdicts where one side has fewer seeds."""
    trials = max(20, int(2000 * share))
    for ours, theirs in ((5, 1), (5, 2), (5, 3), (10, 4)):
        false = 0
        for _ in range(trials):
            values, moved = draw_field(rng, 2, ours, (0.3, 1.0, 0.1))
            values[1, theirs:] = np.nan
            said = verdict(*values[:, None], *moved[:, None], margin=0.0, higher_is_better=True)
            false += said.verdict != "cannot tell"
        yield at_most(f"false verdicts, {ours} against {theirs} seeds", false / trials, 0.06)


def differences(rng: np.random.Generator, share: float) -> Iterator[Line]:
    """Yield how often the interval of a difference holds the true one."""
    trials = max(50, int(20_000 * share))
    for seeds in (3, 5, 10):
        for name, (common, seed, interaction) in REGIMES.items():
            gaps = common * rng.normal(size=trials)
            gaps += np.hypot(seed, interaction) / seeds**0.5 * rng.normal(size=trials)
            w = (seed**2 + interaction**2) * rng.chisquare(seeds - 1, trials) / (seeds - 1) / seeds
            total = common**2 + interaction**2 / seeds
            held = [
                abs(gap) <= Spread(total, common**2, each, seeds - 1.0, seeds).reach(LEVEL)
                for gap, each in zip(gaps, w, strict=True)
            ]
            text = f"coverage of a difference, {seeds} seeds, {name}"
            yield between(text, float(np.mean(held)), 0.93, 0.975)


PARTS = (
    *(coverage, spreads, false_alarms, equal_fields, far_ahead),
    *(mixed_fields, eight_cells, few_seeds, levels, fpr95, same_near_one),
    *(planning, unequal_seeds, differences),
)
"""All simulations, in the order in which they are printed."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="of the simulations, at most 1")
    share = parser.parse_args().share
    print(f"seed {SEED}, {REPLICATES} replicates, {share:g} of all simulations", flush=True)
    worst = 0.0
    for part in PARTS:
        # A stream for each part, so that changing one leaves the others' numbers.
        rng = np.random.default_rng([SEED, *part.__name__.encode()])
        for line in part(rng, share):
            print(line, flush=True)
            worst = max(worst, line.used or 0.0)
    print(f"truth ratio {worst:.2f} target 1.00 {'short' if worst > 1 else 'ok'}")
    return int(worst > 1 and share >= 1)


if __name__ == "__main__":
    sys.exit(main())

"""Does the statistics engine tell the truth? Simulations with known answers, one bar each.

    python benchmarks/truth.py > docs/truth.txt       # all simulations, about 4 minutes of one core
    python benchmarks/truth.py --share 0.05           # a twentieth of them, no bars

Every line prints what was found beside its bar; lines without a bar are printed for the reader.
The last line's ratio is the worst of all bars: how much of the allowed room is used.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from harness.metrics.engine.outputs import Outputs
from harness.metrics.measure import measure, replicate
from harness.stats.intervals import difference, level
from harness.stats.pairs import differing
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
    for seeds, bar in ((3, 0.08), (5, 0.06)):
        for name, regime in REGIMES.items():
            alarms = 0
            for _ in range(trials):
                # One stream of differences; the reference is the zero it is measured from.
                values, moved = draw_field(rng, 1, seeds, regime)
                interval = difference(values, np.zeros_like(values), moved, np.zeros_like(moved))
                alarms += interval.low > 0 or interval.high < 0
            yield at_most(f"false alarms of one pair, {seeds} seeds, {name}", alarms / trials, bar)


def equal_fields(rng: np.random.Generator, share: float) -> Iterator[Line]:
    """Yield how often 20 equal entries end in one class."""
    trials = max(20, int(2000 * share))
    for seeds, names in ((1, ("test set dominates",)), (3, tuple(REGIMES))):
        for name in names:
            regime = REGIMES[name] if seeds > 1 else (1.0, 0.0, 0.0)
            whole = 0
            for _ in range(trials):
                values, moved = draw_field(rng, 20, seeds, regime)
                best = int(values.mean(axis=1).argmax())
                whole += not differing(values[:, None], moved)[best].any()
            text = f"20 equal entries in one class, {seeds} seed{'s' * (seeds > 1)}, "
            yield at_least(text + (name if seeds > 1 else "test set only"), whole / trials, 0.95)


def far_ahead(rng: np.random.Generator, share: float) -> Iterator[Line]:
    """Yield how often one of 60 entries stands alone, 10 standard errors of a difference ahead."""
    trials = max(10, int(500 * share))
    for seeds, names in ((1, ("test set dominates",)), (3, tuple(REGIMES)), (5, tuple(REGIMES))):
        for name in names:
            regime = REGIMES[name] if seeds > 1 else (1.0, 0.0, 0.0)
            variance = regime[0] ** 2 + (regime[1] ** 2 + regime[2] ** 2) / seeds
            alone = 0
            for _ in range(trials):
                values, moved = draw_field(rng, 60, seeds, regime)
                values[0] += 10 * np.sqrt(2 * variance)
                alone += differing(values[:, None], moved)[0, 1:].all()
            text = f"1 of 60 alone, 10 SE ahead, {seeds} seed{'s' * (seeds > 1)}, "
            text += name if seeds > 1 else "test set only"
            yield at_least(text, float(alone / trials), 0.95)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="of the simulations, at most 1")
    share = parser.parse_args().share
    print(f"seed {SEED}, {REPLICATES} replicates, {share:g} of all simulations", flush=True)
    worst = 0.0
    for part in (coverage, spreads, false_alarms, equal_fields, far_ahead):
        # A stream for each part, so that changing one leaves the others' numbers.
        rng = np.random.default_rng([SEED, *part.__name__.encode()])
        for line in part(rng, share):
            print(line, flush=True)
            worst = max(worst, line.used or 0.0)
    print(f"truth ratio {worst:.2f} target 1.00 {'short' if worst > 1 else 'ok'}")
    return int(worst > 1 and share >= 1)


if __name__ == "__main__":
    sys.exit(main())

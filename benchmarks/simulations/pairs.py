"""Two entries: false alarms, verdicts, and what is said of the power of a comparison."""

from collections.abc import Iterator

import numpy as np
from simulations.lines import (
    REGIMES,
    Line,
    at_least,
    at_most,
    between,
    draw_field,
    shared_weights,
)

from harness.stats.intervals import LEVEL, difference
from harness.stats.planning import detectable, seeds_to_settle
from harness.stats.score_intervals import ClassRecalls
from harness.stats.spread import Spread
from harness.stats.verdicts import verdict


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
            yield between(text, float(np.mean(held)), 0.93, 0.97)

"""Tie classes: how often equal entries are split, and a leader stands alone."""

from collections.abc import Iterator

import numpy as np
from simulations.lines import REGIMES, Line, at_least, at_most, draw_field

from harness.stats.pairs import differing
from harness.stats.verdicts import verdict


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
    "20, three with 6 times the spread": [6.0] * 3 + [1.0] * 17,
    "60, two with 12 times the spread": [12.0] * 2 + [1.0] * 58,
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
        for name, spreads in MIXED.items():
            found = _split(rng, np.array(spreads), test, trials)
            yield at_most(f"equal entries split, {name}, test noise {test}", found, 0.06)


def _split(rng: np.random.Generator, sizes: np.ndarray, test: float, trials: int) -> float:
    split = 0
    for _ in range(trials):
        values, streams = _drawn(rng, sizes, test, 3)
        best = int(values.mean(axis=1).argmax())
        split += differing(values[:, None], streams)[best].any()
    return split / trials


def _drawn(
    rng: np.random.Generator, sizes: np.ndarray, test: float, seeds: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return values and streams of equal entries, each with its own spread over seeds."""
    noise = test * rng.normal(size=(len(sizes), 1, 301))
    values = noise[:, :, 0] + sizes[:, None] * rng.normal(size=(len(sizes), seeds))
    return values, np.repeat(noise[:, :, 1:], seeds, axis=1)


UNSEEN = {
    "20, one with 6 times the spread": [6.0] + [1.0] * 19,
    "20, one with 12 times the spread": [12.0] + [1.0] * 19,
}
"""One entry that spreads more than all others: where its three seeds happen to agree, nothing in
the field tells of it. Without bar: a rule that finds it finds leaders late everywhere."""


def unseen(rng: np.random.Generator, share: float) -> Iterator[Line]:
    """Yield how often equal entries are split where the only outlying one may be hidden."""
    trials = max(20, int(2000 * share))
    for name, spreads in UNSEEN.items():
        text = f"equal entries split, {name}, test noise 0.6"
        yield Line(text, _split(rng, np.array(spreads), 0.6, trials), None)


def ahead_of_mixed(rng: np.random.Generator, share: float) -> Iterator[Line]:
    """Yield how often an entry 10 standard errors ahead is told from all that spread as it does."""
    trials = max(10, int(500 * share))
    for name in ("20, one with 3 times the spread", "20, two with 12 times the spread"):
        sizes = np.array(MIXED[name])
        for seeds in (3, 5):
            alone = 0
            for _ in range(trials):
                values, streams = _drawn(rng, sizes, 0.6, seeds)
                values[-1] += 10 * np.sqrt(2 * (0.6**2 + 1 / seeds))
                alone += differing(values[:, None], streams)[-1, :-1][sizes[:-1] == 1].all()
            text = f"1 alone among its like, 10 SE ahead, {seeds} seeds, {name}"
            yield Line(text, alone / trials, None)


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

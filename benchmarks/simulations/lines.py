"""What simulations share: lines with bars, weightings, regimes and fields of equal entries."""

from dataclasses import dataclass

import numpy as np

from harness.stats.weightings import weightings
from harness.types import Weightings

REPLICATES = 1000
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


def shared_weights(name: str, sizes: np.ndarray) -> Weightings:
    """Return weightings of a pool whose rows are sorted by class."""
    return weightings(name, np.repeat(np.arange(len(sizes)), sizes), replicates=REPLICATES)


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

"""Does the gate keep its error, also when it looks after each seed? Simulated pairs.

    python benchmarks/sequential.py > docs/sequential.txt      # about 4 minutes of one core
    python benchmarks/sequential.py --share 0.02               # a fiftieth of them, no bars

Pairs of entries with a known true difference, in the four regimes of `truth.py`: the test set, the
seeds, or their interaction dominate. A false alarm is a regression that is said of equal entries, a
false pass is no regression said of one that is worse by twice the margin. Every line prints what
was found beside its bar; the exit code is 1 when one is missed.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from harness.rankings.regress import State, state_of
from harness.stats.intervals import LEVEL, around
from harness.stats.planning import detectable
from harness.stats.spending import Looks
from harness.stats.spread import MIN_SEEDS, spread

SEED = 5
REPLICATES = 200
MARGIN = 0.005
UNIT = 0.005
"""Standard deviation of a part of size 1: half a point, as on fashion-v1."""
REGIMES = {
    "test set dominates": (1.0, 0.1, 0.1),
    "seeds dominate": (0.1, 1.0, 0.1),
    "interaction dominates": (0.1, 0.1, 1.0),
    "all alike": (1.0, 1.0, 1.0),
}
"""Standard deviations of: the test set's part that seeds share, seeds, their interaction."""
PAIRS = 4000


@dataclass(frozen=True)
class Pair:
    """One pair: differences seed by seed, and how they move under the shared weightings."""

    gaps: np.ndarray
    moved: np.ndarray

    def at(self, seeds: int, upper: float, margin: float = MARGIN) -> State:
        """Return the gate's answer after so many seeds."""
        gaps, moved = self.gaps[:, :seeds], self.moved[:, :seeds]
        return state_of(around(float(gaps.mean()), spread(gaps, moved), upper=upper), margin)


def draw(
    rng: np.random.Generator, parts: tuple[float, ...], true: float, seeds: int, cells: int
) -> Pair:
    """Draw a pair whose true difference is `true`; cells share the test set, not the seeds."""
    shared, own, mixed = (UNIT * part for part in parts)
    gaps = true + shared * rng.normal() + own * rng.normal(size=(cells, seeds))
    gaps = gaps + mixed * rng.normal(size=(cells, seeds))
    moved = shared * rng.normal(size=(1, 1, REPLICATES))
    moved = moved + mixed * rng.normal(size=(cells, seeds, REPLICATES))
    return Pair(gaps, moved)


def looked_at(pair: Pair, looks: Looks, *, naive: bool = False) -> tuple[State, int]:
    """Return the first answer that is not "cannot tell", and after how many seeds it came."""
    for seeds in range(MIN_SEEDS, looks.most + 1):
        found = pair.at(seeds, LEVEL if naive else looks.upper(seeds))
        if found != "cannot tell":
            break
    return found, seeds


@dataclass(frozen=True)
class Line:
    """One simulated fact beside its bar."""

    text: str
    found: float
    bar: str = "no bar"
    ok: bool = True

    def __str__(self) -> str:
        mark = "" if self.bar == "no bar" else "  ok" if self.ok else "  SHORT"
        return f"{self.text:<84} {self.found:8.4f}   {self.bar}{mark}"


def at_most(text: str, found: float, bar: float) -> Line:
    return Line(text, found, f"at most {bar:g}", found <= bar)


def fixed(rng: np.random.Generator, pairs: int) -> Iterator[Line]:
    """The gate with a number of seeds chosen beforehand."""
    for regime, parts in REGIMES.items():
        for seeds, cells in ((3, 1), (5, 1), (3, 8)):
            what = f"{seeds} seeds, {cells} cell{'s' * (cells > 1)}, {regime}"
            states = [draw(rng, parts, 0.0, seeds, cells).at(seeds, LEVEL) for _ in range(pairs)]
            alarms = np.mean([state == "regression" for state in states])
            yield at_most(f"false alarms, {what}", float(alarms), 0.05)
            least = np.median([
                detectable(spread(pair.gaps, pair.moved), LEVEL)
                for pair in (draw(rng, parts, 0.0, seeds, cells) for _ in range(200))
            ])  # fmt: skip
            states = [
                draw(rng, parts, -2 * float(least), seeds, cells).at(seeds, LEVEL)
                for _ in range(pairs)
            ]
            found = float(np.mean([state == "regression" for state in states]))
            yield Line(f"found at twice the least detectable, {what}", found, "at least 0.95",
                       found >= 0.95)  # fmt: skip


def sequential(rng: np.random.Generator, pairs: int) -> Iterator[Line]:
    """The gate that looks after each seed, up to 20."""
    looks = Looks(20)
    for regime, parts in REGIMES.items():
        for cells in (1, 8):
            what = f"{cells} cell{'s' * (cells > 1)}, {regime}"
            drawn = [draw(rng, parts, 0.0, looks.most, cells) for _ in range(pairs)]
            states = [looked_at(pair, looks) for pair in drawn]
            alarms = float(np.mean([state == "regression" for state, _ in states]))
            yield at_most(f"false alarms over all looks, {what}", alarms, 0.05)
            states = [looked_at(pair, looks, naive=True) for pair in drawn]
            naive = float(np.mean([state == "regression" for state, _ in states]))
            yield Line(f"  the same had each look an interval of 95 %, {what}", naive)
            worse = [draw(rng, parts, -2 * MARGIN, looks.most, cells) for _ in range(pairs)]
            states = [looked_at(pair, looks) for pair in worse]
            passed = float(np.mean([state == "no regression" for state, _ in states]))
            yield at_most(f"false passes of twice the margin, {what}", passed, 0.05)
            caught = float(np.mean([state == "regression" for state, _ in states]))
            yield Line(f"  caught, {what}", caught)
            needed = float(np.mean([seeds for _, seeds in states]))
            yield Line(f"  seeds on average, {what}", needed)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="Share of the pairs.")
    share = parser.parse_args().share
    rng, short = np.random.default_rng(SEED), 0
    pairs = max(20, round(PAIRS * share))
    print(f"{pairs:,} pairs a line, margin {MARGIN:g}, at most 20 seeds, seed {SEED}\n")
    for part in (fixed, sequential):
        print(part.__doc__)
        for line in part(rng, pairs):
            print(line)
            short += not line.ok
        print()
    print(f"bars missed: {short}")
    return int(share == 1.0 and short > 0)


if __name__ == "__main__":
    sys.exit(main())

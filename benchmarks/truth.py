"""Does the statistics engine tell the truth? Simulations with known answers, one bar each.

    python benchmarks/truth.py > docs/truth.txt       # all of them, about 15 minutes of one core
    python benchmarks/truth.py --share 0.05           # a twentieth of them, no bars

Every line prints what was found beside its bar; lines without a bar are printed for the reader.
The last line's ratio is the worst of all bars: how much of the allowed room is used.
"""

import argparse
import sys

import numpy as np
from simulations.fields import (
    ahead_of_mixed,
    eight_cells,
    equal_fields,
    far_ahead,
    few_seeds,
    mixed_fields,
    unseen,
)
from simulations.intervals import coverage, fpr95, levels, spreads
from simulations.lines import REPLICATES
from simulations.pairs import (
    differences,
    false_alarms,
    planning,
    same_near_one,
    unequal_seeds,
)

SEED = 3
PARTS = (
    *(coverage, spreads, false_alarms, equal_fields, far_ahead),
    *(mixed_fields, unseen, ahead_of_mixed, eight_cells, few_seeds),
    *(levels, fpr95, same_near_one),
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

"""Which imbalance a head's recalls follow: that of its training rows, or the backbone's own.

    python benchmarks/two_imbalances.py [--suite cifar10-v1] [--cell cifar10-exp100-clean]
        [--frozen lite0-mean] [--frozen-cell cifar10-balanced-clean]
        [--rows lite0-ce lite0-ce+la lite0-bs lite0-mean]

Reads committed records and exits 1 where the paper's sentence does not hold for the row with
``+la``: after logit adjustment the slope of frozen recall is above that of the counts, which was
larger before. Per seed, the recalls of an entry's classes are regressed on two things,
each brought to mean 0 and deviation 1 over classes: the logarithm of a class's training rows, and
how well the frozen backbone knows the class: the recall of its nearest class mean in a balanced
cell, where no count enters. A slope says how much recall one deviation is worth.

Chen et al. 2025, arXiv:2501.15955, call the two data imbalance and parameter imbalance. They tell
classes apart by the frequencies of pre-training, which nobody has for ImageNet's thousand equal
classes; what a frozen backbone makes of a class stands in for them.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from jaxtyping import Float

from harness.metric_keys import RowName
from harness.records.records import Recorded, read_record

ROOT = Path(__file__).resolve().parent.parent / "submissions"


def slopes(
    recalls: Float[np.ndarray, " k"],
    counts: Float[np.ndarray, " k"],
    frozen: Float[np.ndarray, " k"],
) -> tuple[float, float]:
    """Return what one deviation of log count, and one of frozen recall, is worth in recall.

    Least squares with a constant.

    Parameters
    ----------
    recalls : float array of shape (k,)
        Of the head, one a class.
    counts : float array of shape (k,)
        Training rows of each class, at least 1.
    frozen : float array of shape (k,)
        Recall of the frozen backbone's class means.
    """
    columns = [_standard(np.log(counts)), _standard(frozen), np.ones(len(recalls))]
    found = np.linalg.lstsq(np.stack(columns, axis=1), recalls, rcond=None)[0]
    return float(found[0]), float(found[1])


def _standard(values: Float[np.ndarray, " k"]) -> Float[np.ndarray, " k"]:
    return np.asarray((values - values.mean()) / values.std())


def of_entry(
    name: str, suite: str, cell: str, frozen: str, frozen_cell: str
) -> Float[np.ndarray, "seeds 2"]:
    """Return both slopes for every seed of a row, ``entry`` or ``entry+variant``."""
    row = RowName.parse(name)
    recorded, known = _record(row.entry, suite), _record(frozen, suite)
    cells = recorded.record.suite.cells
    recalls = _detail(recorded, row.variant, "recall")[cells.index(cell)]
    counts = _detail(recorded, "", "counts")[cells.index(cell), :, 0]
    means = _detail(known, "", "recall")[cells.index(frozen_cell)]
    found = [slopes(*one) for one in zip(recalls, counts, means, strict=True)]
    return np.array(found)


def _record(entry: str, suite: str) -> Recorded:
    return read_record(ROOT / entry / "results" / f"{suite}.json")


def _detail(recorded: Recorded, variant: str, name: str) -> np.ndarray:
    found = recorded.detail(variant, name)
    if found is None:
        raise SystemExit(f"{recorded.record.entry} has no {name} of each class. Name another row.")
    return found.astype(np.float64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--suite", default="cifar10-v1")
    parser.add_argument("--cell", default="cifar10-exp100-clean")
    parser.add_argument("--frozen", default="lite0-mean")
    parser.add_argument("--frozen-cell", default="cifar10-balanced-clean")
    parser.add_argument(
        "--rows", nargs="+", default=["lite0-ce", "lite0-ce+la", "lite0-bs", "lite0-mean"]
    )
    given = parser.parse_args()
    print(f"{given.suite}, {given.cell}: mean over seeds (least, most)")
    print(f"{'row':16}{'of log count':>24}{'of frozen recall':>24}")
    mean = {}
    for row in given.rows:
        found = of_entry(row, given.suite, given.cell, given.frozen, given.frozen_cell)
        mean[row] = np.abs(found).mean(axis=0)
        text = [f"{v.mean():+.3f} ({v.min():+.3f}, {v.max():+.3f})" for v in found.T]
        print(f"{row:16}{text[0]:>24}{text[1]:>24}")
    missed = [row for row in mean if not holds(mean, row)]
    print("holds" if not missed else f"does not hold for {', '.join(missed)}")
    sys.exit(bool(missed))


def holds(mean: dict[str, np.ndarray], row: str) -> bool:
    """Return whether adjustment took from the counts and left the frozen recall in front."""
    before = row.removesuffix("+la")
    if before == row or before not in mean:
        return True  # nothing is claimed of it
    return bool(mean[row][0] < mean[before][0] and mean[row][1] > mean[row][0])


if __name__ == "__main__":
    main()

"""Whether SMOTE with under-sampling lies above under-sampling alone in ROC space.

    python benchmarks/smote_hull.py --data-root ROOT [--table mammography] [--folds 5]

Chawla et al. 2002, arXiv:1106.1813: a decision tree is trained on every mixture of an
over-sampling of the rare class (SMOTE, five neighbours) and an under-sampling of the frequent one.
Each mixture is a point (false positives, true positives), a mean over stratified folds. A family is
all mixtures of one amount of SMOTE; what counts is the area under its convex hull with (0, 0) and
(1, 1). The tree is scikit-learn's with two rows a leaf, as in C4.5, and is not pruned, as C4.5's
is. Exits 1 where no amount of SMOTE has a larger area than none.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from imblearn.over_sampling import SMOTE
from jaxtyping import Float, Int
from sklearn.model_selection import StratifiedKFold
from sklearn.tree import DecisionTreeClassifier

from harness.data.sets.datasets import load_part

AMOUNTS = (0, 1, 2, 3, 5)
"""New rare rows for each that there is: 0 to 500 % in the paper's words."""
SHARES = (0.1, 0.15, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0)
"""Rare rows there are for each frequent row that is kept; the paper's degrees of under-sampling."""


def hull_area(points: Float[np.ndarray, "n 2"]) -> float:
    """Return the area under the upper convex hull of points, (0, 0) and (1, 1).

    Parameters
    ----------
    points : float array of shape (n, 2)
        False and true positive rates.
    """
    ordered = sorted({(0.0, 0.0), (1.0, 1.0), *((float(x), float(y)) for x, y in points)})
    hull: list[tuple[float, float]] = []
    for x, y in ordered:
        while len(hull) > 1 and _left(hull[-2], hull[-1], (x, y)):
            hull.pop()
        hull.append((x, y))
    pairs = zip(hull[:-1], hull[1:], strict=True)
    return sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in pairs)


def _left(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> bool:
    """Return whether b lies on or below the line from a to c."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]) >= 0


def mixed(
    rows: Float[np.ndarray, "n d"],
    rare: Int[np.ndarray, " n"],
    amount: int,
    share: float,
    seed: int,
) -> tuple[Float[np.ndarray, "m d"], Int[np.ndarray, " m"]]:
    """Return rows with `amount` new ones for each rare row, and few enough frequent ones.

    The frequent rows that stay are the rare ones that there were over `share`, at most all.
    """
    n = int(rare.sum())
    kept = min(len(rare) - n, max(1, round(n / share)))
    if amount:
        sampler = SMOTE(sampling_strategy={1: n * (1 + amount)}, k_neighbors=5, random_state=seed)
        rows, rare = sampler.fit_resample(rows, rare)
    frequent = np.random.default_rng(seed).permutation(np.flatnonzero(rare == 0))[:kept]
    chosen = np.concatenate([np.flatnonzero(rare == 1), frequent])
    return rows[chosen], rare[chosen]


def points_of(
    rows: Float[np.ndarray, "n d"], rare: Int[np.ndarray, " n"], amount: int, folds: int, seed: int
) -> Float[np.ndarray, "s 2"]:
    """Return the mean rates of false and true positives for every degree of under-sampling."""
    parts = StratifiedKFold(folds, shuffle=True, random_state=seed)
    found = np.zeros((len(SHARES), 2))
    for train, test in parts.split(rows, rare):
        for i, share in enumerate(SHARES):
            tree = DecisionTreeClassifier(min_samples_leaf=2, random_state=seed)
            tree.fit(*mixed(rows[train], rare[train], amount, share, seed))
            said = tree.predict(rows[test]) == 1
            found[i] += said[rare[test] == 0].mean(), said[rare[test] == 1].mean()
    return found / folds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--table", default="mammography")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    pool = load_part(given.table, "all", given.data_root)
    rows = np.asarray(pool.inputs.take(np.arange(len(pool))), dtype=np.float64)
    rare = (pool.labels == np.bincount(pool.labels).argmin()).astype(np.int64)
    print(f"{given.table}: {len(rare):,} rows, {rare.sum()} rare; area under the hull")
    areas = np.array(
        [
            [
                hull_area(points_of(rows, rare, amount, given.folds, seed))
                for seed in range(given.seeds)
            ]
            for amount in AMOUNTS
        ]
    )
    for amount, found in zip(AMOUNTS, areas, strict=True):
        print(
            f"SMOTE {100 * amount:3} %: {found.mean():.4f} ({found.min():.4f}, {found.max():.4f})"
        )
    sys.exit(bool(areas[1:].mean(axis=1).max() <= areas[0].mean()))


if __name__ == "__main__":
    main()

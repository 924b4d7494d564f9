"""Evaluate one job on all its pools, on one thread: seconds of processor time.

54,000 training images with 128 features, 10,000 test images, near and far OOD sets of 10,000 and
500, ten classes: what a job of fashion-v1 has. Predictions are synthetic, drawn for the purpose:
logits from a linear head on features of class means and noise. The best of three runs counts, after
one that draws the weightings, which jobs of a process share.

    python benchmarks/evaluation.py
    python benchmarks/evaluation.py --profile     # where the time goes
"""

import argparse
import cProfile
import os
import pstats
import sys
import time
from collections.abc import Callable

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402

from harness.data.sets.datasets import DATASETS  # noqa: E402
from harness.data.suites.catalogue import SUITES  # noqa: E402
from harness.data.suites.open import OpenSuite  # noqa: E402
from harness.runs.evaluate.evaluate import evaluate  # noqa: E402
from harness.types import EntryCard, Pool, Predictions, Split, SplitSpec  # noqa: E402
from harness.types.data import ArrayInputs  # noqa: E402

SUITE, CLASSES, FEATURES, RUNS = "fashion-v1", 10, 128, 3
SIZES = {"train": 54_000, "calibration": 6_000, "test": 10_000}
OOD_SIZES = {"near": 10_000, "far": 500}
TARGET = 10.0
"""Seconds for one job; 24 of them then take four minutes of one core."""


def pool(name: str, n: int, labels: np.ndarray | None) -> Pool:
    """Return a pool whose inputs nobody reads."""
    blank = ArrayInputs(np.zeros((n, 1), dtype=np.float32))
    return Pool(name, "tabular", blank, labels, (), f"{name:0<64}")


def made_suite(rng: np.random.Generator) -> tuple[OpenSuite, Split]:
    """Return a suite with synthetic pools, and a split over its whole training pool."""
    suite = SUITES[SUITE]
    labels = {name: rng.integers(CLASSES, size=n) for name, n in SIZES.items()}
    pools = {name: pool(name, n, labels[name]) for name, n in SIZES.items()}
    ood = {
        f"ood/{place}/{name}": pool(f"ood/{place}/{name}", OOD_SIZES[place], None)
        for place, names in (("near", suite.near), ("far", suite.far))
        for name in names
    }
    clean = labels["train"]
    flipped = rng.random(len(clean)) < 0.2
    observed = np.where(flipped, (clean + 1) % CLASSES, clean)
    spec = SplitSpec(dataset=suite.dataset, noise="pairflip", noise_rate=0.2)
    split = Split(spec, 0, np.arange(len(clean)), observed, clean, None, None, CLASSES)
    opened = OpenSuite(
        suite, DATASETS[suite.dataset], pools["train"], pools["test"], pools["calibration"], ood
    )
    return opened, split


def made_predictions(rng: np.random.Generator, opened: OpenSuite) -> dict[str, Predictions]:
    """Return logits and features of every pool, as a network that half knows the classes."""
    means = rng.normal(size=(CLASSES, FEATURES))
    head = {
        "weight": (means / np.sqrt(FEATURES)).astype(np.float32),
        "bias": np.zeros(CLASSES, dtype=np.float32),
    }

    def predict(n: int, labels: np.ndarray | None) -> Predictions:
        centres = means[labels] if labels is not None else rng.normal(size=(n, FEATURES))
        features = np.maximum(centres + 2 * rng.normal(size=(n, FEATURES)), 0).astype(np.float16)
        logits = features.astype(np.float32) @ head["weight"].T
        return Predictions("logits", logits, np.arange(n), features, head=head)

    given = {"train": opened.train, "calibration": opened.calibration, "test": opened.test}
    pools = {name: p for name, p in {**given, **opened.ood}.items() if p is not None}
    return {name: predict(len(p), p.labels) for name, p in pools.items()}


def processor_seconds(run: Callable[[], object]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", action="store_true")
    profiling = parser.parse_args().profile
    rng = np.random.default_rng(0)
    opened, split = made_suite(rng)
    predictions = made_predictions(rng, opened)
    card = EntryCard(format=1, name="made", kind="predictions")

    def run() -> object:
        return evaluate(opened, split, predictions, card)

    first = processor_seconds(run)
    if profiling:
        profile = cProfile.Profile()
        profile.runcall(run)
        pstats.Stats(profile).sort_stats("cumulative").print_stats(60)
        return 0
    took = min(processor_seconds(run) for _ in range(RUNS))
    verdict = "ok" if took <= TARGET else "short"
    print(f"first job of a process, weightings included: {first:.2f} s of processor time")
    print(f"evaluation seconds {took:.2f} target {TARGET} {verdict}")
    return int(verdict == "short")


if __name__ == "__main__":
    sys.exit(main())

"""How evaluating a job grows: seconds and memory by test images and by classes, logits generated.

    python benchmarks/growth.py                     # 1k … 1M images, 10 … 10,000 classes
    python benchmarks/growth.py --images 1000 10000 --classes 10 100 --write docs/growth

Each size is evaluated twice in a process of its own, on one thread: all metrics, views, scores of
outputs and 1,000 replicates of a suite's standard record, with near and far OOD sets of a tenth of
the test images each. The first round draws the weightings, which the jobs of a process share.
Memory is the peak of the process. The slope is that of the line through log seconds over log size,
from the second size on; n log n has at most 1.1 here. With --write a table (.txt) and a plot
(.png) are written.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402

IMAGES, CLASSES = (1_000, 10_000, 100_000, 1_000_000), (10, 100, 1_000, 10_000)
FEW_CLASSES, FEW_IMAGES = 10, 10_000
"""Classes where images grow, and images where classes grow."""
SLOPE = 1.1
"""Largest slope over images: between 10,000 and 1,000,000 n log n has 1.09."""


def one(n: int, c: int) -> dict[str, float]:
    """Evaluate one job of n test images and c classes twice, and return what it took."""
    from harness.data.sets.datasets import DATASETS
    from harness.data.suites.catalogue import SUITES
    from harness.data.suites.open import OpenSuite
    from harness.runs.evaluate.evaluate import evaluate
    from harness.types import EntryCard, Pool, Predictions, Split, SplitSpec
    from harness.types.data import ArrayInputs

    rng = np.random.default_rng(0)
    names = tuple(map(str, range(c)))

    def pool(name: str, rows: int, labels: np.ndarray | None) -> Pool:
        blank = ArrayInputs(np.zeros((rows, 1), dtype=np.float32))
        return Pool(name, "features", blank, labels, names, f"{name:0<64}")

    def logits(labels: np.ndarray | None, rows: int) -> Predictions:
        values = rng.standard_normal((rows, c), dtype=np.float32)
        if labels is not None:
            values[np.arange(rows), labels] += 2
        return Predictions("logits", values, np.arange(rows))

    suite = replace(SUITES["fashion-v1"], near=("near",), far=("far",))
    labels = rng.permutation(np.arange(n) % c)  # every class has images
    train = rng.permutation(np.arange(max(10 * c, 1000)) % c)
    ood = {f"ood/{place}/{place}": n // 10 for place in ("near", "far")}
    opened = OpenSuite(
        suite, DATASETS[suite.dataset], pool("train", len(train), train), pool("test", n, labels),
        None, {name: pool(name, rows, None) for name, rows in ood.items()},
    )  # fmt: skip
    rows = np.arange(len(train))
    split = Split(SplitSpec(suite.dataset), 0, rows, train, train, None, None, c)
    predictions = {name: logits(None, rows) for name, rows in ood.items()}
    predictions["test"] = logits(labels, n)
    card = EntryCard(format=1, name="made", kind="predictions")
    took = []
    for _ in range(2):
        before = time.process_time()
        evaluate(opened, split, predictions, card)
        took.append(time.process_time() - before)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    given = sum(p.values.nbytes for p in predictions.values()) / 2**20
    return {"first": took[0], "seconds": took[1], "mib": peak, "given": given}


def measured(n: int, c: int) -> dict[str, float]:
    """Return what `one` says in a process of its own."""
    command = [sys.executable, __file__, "--one", str(n), str(c)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def slope(sizes: list[int], seconds: list[float]) -> float:
    """Return the slope over log size, the first size left out: there fixed costs rule."""
    kept = slice(1, None) if len(sizes) > 2 else slice(None)
    return float(np.polyfit(np.log(sizes[kept]), np.log(seconds[kept]), 1)[0])


def drawn(path: Path, axes: dict[str, tuple[list[int], list[dict[str, float]]]]) -> None:
    """Draw seconds and memory over images and over classes, both scales logarithmic."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, parts = plt.subplots(1, len(axes), figsize=(9, 3.5), squeeze=False)
    for part, (what, (sizes, found)) in zip(parts[0], axes.items(), strict=True):
        part.loglog(sizes, [f["seconds"] for f in found], "o-", label="CPU seconds")
        part.loglog(sizes, [f["mib"] / 1024 for f in found], "s--", label="peak GiB")
        part.set_xlabel(what)
        part.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=int, nargs="+", default=list(IMAGES))
    parser.add_argument("--classes", type=int, nargs="+", default=list(CLASSES))
    parser.add_argument("--write", type=Path, help="Where to write the table and plot, no suffix.")
    parser.add_argument("--one", type=int, nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(one(*asked.one)))
        return 0
    lines, axes, met = [], {}, True
    for what, sizes in (("test images", asked.images), ("classes", asked.classes)):
        found = []
        for size in sizes:
            n, c = (size, FEW_CLASSES) if what == "test images" else (FEW_IMAGES, size)
            found.append(measured(n, c))
            last = found[-1]
            lines.append(
                f"{n:>9,} images {c:>6,} classes: {last['seconds']:8.2f} s CPU "
                f"(first job {last['first']:8.2f}), peak {last['mib']:8,.0f} MiB "
                f"of which logits {last['given']:6,.0f}"
            )
            print(lines[-1], flush=True)
        axes[what] = sizes, found
        if len(sizes) > 1:
            steep = slope(sizes, [f["seconds"] for f in found])
            ok = what == "classes" or steep <= SLOPE
            met &= ok
            bar = f"target {SLOPE} {'ok' if ok else 'short'}" if what == "test images" else ""
            lines.append(f"growth over {what}: slope {steep:.2f} {bar}".rstrip())
            print(lines[-1], flush=True)
    if asked.write is not None:
        asked.write.with_suffix(".txt").write_text("\n".join(lines) + "\n", "utf-8")
        drawn(asked.write.with_suffix(".png"), axes)
    return int(not met)


if __name__ == "__main__":
    sys.exit(main())

"""All metrics of a pool with 1,000 replicates, against scikit-learn's point values of four of them.

Ours: every METRICS key that needs labels or probs (with shot groups) and the replicates of every
one that has them. Theirs: macro AUROC, macro average precision, balanced accuracy and log loss, on
probabilities that are made for them outside the clock. Runs alternate in one process.

    python benchmarks/metrics.py            # the three sizes of the bar
    python benchmarks/metrics.py --short    # the two small ones
"""

import argparse
import os
import resource
import sys
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "2"

import numpy as np  # noqa: E402
from sklearn.metrics import (  # noqa: E402
    average_precision_score,
    balanced_accuracy_score,
    log_loss,
    roc_auc_score,
)

from harness.metrics.engine.outputs import Outputs  # noqa: E402
from harness.metrics.groups import GROUPS, class_groups  # noqa: E402
from harness.metrics.measure import measure, replicate  # noqa: E402
from harness.metrics.table import METRICS  # noqa: E402
from harness.stats.weightings import weightings  # noqa: E402

SIZES = ((10_000, 10, 7), (10_000, 100, 5), (50_000, 1_000, 2))
"""Images, classes, alternating runs of which the fastest of each side counts."""
TARGET = 1.0
KEYS = [
    key
    for key, metric in METRICS.items()
    if metric.needs in ("labels", "probs") and key.split("_")[-1] not in GROUPS["terciles"]
]
"""A suite groups its classes by one scheme."""


def predictions(n, c):
    """Balanced labels, float32 logits that are right about two times in three, probabilities."""
    rng = np.random.default_rng(n + c)
    y = rng.permutation(np.arange(n) % c)
    logits = rng.normal(size=(n, c)).astype(np.float32)
    logits[np.arange(n), y] += np.float32(1.0 + np.log(c) / 2)
    probs = np.exp(logits - logits.max(axis=1, keepdims=True), dtype=np.float32)
    return y, logits, probs / probs.sum(axis=1, keepdims=True)


def ours(y, logits, pool_weightings, groups):
    outputs = Outputs.from_logits(y, logits)
    values = measure(outputs, KEYS, groups=groups)
    return values, replicate(outputs, KEYS, pool_weightings, groups=groups)


def theirs(y, probs):
    roc_auc_score(y, probs, multi_class="ovr")
    average_precision_score(y, probs)
    balanced_accuracy_score(y, probs.argmax(axis=1))
    log_loss(y, probs)


def seconds(run, *arguments):
    start = time.perf_counter()
    run(*arguments)
    return time.perf_counter() - start


def compare(n, c, runs):
    """Print one size; return ours / theirs."""
    y, logits, probs = predictions(n, c)
    counts = np.geomspace(500, 5, c).astype(int)
    groups = class_groups(counts, "shots")
    start = time.perf_counter()
    pool_weightings = weightings("0" * 64, y)
    prepared = time.perf_counter() - start
    values, found = ours(y, logits, pool_weightings, groups)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    pairs = [
        (seconds(ours, y, logits, pool_weightings, groups), seconds(theirs, y, probs))
        for _ in range(runs)
    ]
    mine, other = (min(side) for side in zip(*pairs, strict=True))
    with_replicates = sum(isinstance(r, np.ndarray) for r in found.values())
    print(
        f"n={n} c={c}: ours {mine:.4f} s ({sum(v.value is not None for v in values.values())} "
        f"metrics, {with_replicates} with 1,000 replicates), scikit-learn {other:.4f} s "
        f"(4 point values), ratio {mine / other:.3f}; weightings once {prepared:.3f} s; "
        f"peak memory so far {peak:.2f} GiB"
    )
    return mine / other


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="leave out the largest size")
    sizes = SIZES[:2] if parser.parse_args().short else SIZES
    worst = max(compare(*size) for size in sizes)
    verdict = "ok" if worst <= TARGET else "short"
    print(f"metrics ratio {worst:.3f} target {TARGET} {verdict}")
    sys.exit(verdict == "short")


if __name__ == "__main__":
    main()

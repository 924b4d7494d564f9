"""All metrics of a pool with 1,000 replicates, against scikit-learn's point values of four of them.

Ours: every METRICS key that needs labels or probs (with shot groups) and the replicates of every
one that has them; once those that every record has, once with the extra ones. Replicates of macro
F1, MCC and the G-mean, which a record has only where its card names them, count as extra. Theirs:
macro AUROC, macro average precision, balanced accuracy and log loss, on probabilities that are made
for them outside the clock. Runs alternate in one process, on one thread; seconds are of processor
time.

    python benchmarks/metrics.py            # the three sizes of the bar
    python benchmarks/metrics.py --short    # the two small ones
"""

import argparse
import os
import resource
import sys
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402
from sklearn.metrics import (  # noqa: E402
    average_precision_score,
    balanced_accuracy_score,
    log_loss,
    roc_auc_score,
)

from harness.metrics.class_replicates import BY_CLASS  # noqa: E402
from harness.metrics.engine.outputs import Outputs  # noqa: E402
from harness.metrics.groups import GROUPS, class_groups  # noqa: E402
from harness.metrics.measure import measure, replicate  # noqa: E402
from harness.metrics.table import EXTRA, METRICS  # noqa: E402
from harness.stats.weightings import weightings  # noqa: E402

SIZES = ((10_000, 10, 9, 0.55), (10_000, 100, 5, 0.25), (50_000, 1_000, 2, 0.10))
"""Images, classes, alternating runs of which the fastest of each side counts, and the bar of the
metrics that every record has; with the extra ones it is `TARGET` in every size."""
TARGET = 1.0
KEYS = [
    key
    for key, metric in METRICS.items()
    if metric.needs in ("labels", "probs") and key.split("_")[-1] not in GROUPS["terciles"]
]
"""A suite groups its classes by one scheme."""
ALWAYS = [key for key in KEYS if key not in EXTRA]
NAMED = {"always": set(BY_CLASS), "all": set()}
"""Metrics whose replicates are not counted."""


def predictions(n, c):
    """Balanced labels, float32 logits that are right about two times in three, probabilities."""
    rng = np.random.default_rng(n + c)
    y = rng.permutation(np.arange(n) % c)
    logits = rng.normal(size=(n, c)).astype(np.float32)
    logits[np.arange(n), y] += np.float32(1.0 + np.log(c) / 2)
    probs = np.exp(logits - logits.max(axis=1, keepdims=True), dtype=np.float32)
    return y, logits, probs / probs.sum(axis=1, keepdims=True)


def ours(y, logits, pool_weightings, groups, which):
    outputs, keys = Outputs.from_logits(y, logits), ALWAYS if which == "always" else KEYS
    values = measure(outputs, keys, groups=groups)
    replicated = [key for key in keys if key not in NAMED[which]]
    return values, replicate(outputs, replicated, pool_weightings, groups=groups)


def theirs(y, probs):
    roc_auc_score(y, probs, multi_class="ovr")
    average_precision_score(y, probs)
    balanced_accuracy_score(y, probs.argmax(axis=1))
    log_loss(y, probs)


def seconds(run, *arguments):
    start = time.process_time()
    run(*arguments)
    return time.process_time() - start


def compare(n, c, runs, bar):
    """Print one size; return the larger share of its two bars that is used."""
    y, logits, probs = predictions(n, c)
    groups = class_groups(np.geomspace(500, 5, c).astype(int), "shots")
    start = time.process_time()
    pool_weightings = weightings("0" * 64, y)
    prepared = time.process_time() - start
    took = {"always": [], "all": [], "scikit-learn": []}
    for _ in range(runs):
        took["always"].append(seconds(ours, y, logits, pool_weightings, groups, "always"))
        took["all"].append(seconds(ours, y, logits, pool_weightings, groups, "all"))
        took["scikit-learn"].append(seconds(theirs, y, probs))
    best = {name: min(each) for name, each in took.items()}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    ratios = {name: best[name] / best["scikit-learn"] for name in ("always", "all")}
    print(
        f"n={n} c={c}: {len(ALWAYS)} metrics of every record {best['always']:.4f} s, ratio "
        f"{ratios['always']:.3f} target {bar}; {len(KEYS)} with the extra ones {best['all']:.4f} "
        f"s, ratio {ratios['all']:.3f} target {TARGET}; scikit-learn {best['scikit-learn']:.4f} s "
        f"(4 point values); weightings once {prepared:.3f} s; peak memory so far {peak:.2f} GiB",
        flush=True,
    )
    return max(ratios["always"] / bar, ratios["all"] / TARGET)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="leave out the largest size")
    sizes = SIZES[:2] if parser.parse_args().short else SIZES
    worst = max(compare(*size) for size in sizes)
    verdict = "ok" if worst <= 1 else "short"
    print(f"metrics share of the tightest bar {worst:.3f} target 1.0 {verdict}")
    sys.exit(verdict == "short")


if __name__ == "__main__":
    main()

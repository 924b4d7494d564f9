"""The whole OOD metric set of one score, against torchmetrics and pytorch-ood on the same scores.

Ours: every ``ood_*`` key of METRICS, from numpy arrays. torchmetrics: AUROC, average precision and
specificity at 95 % sensitivity (its FPR95), on scores squeezed into [0, 1] outside the clock, since
it would squeeze them itself. pytorch-ood: `OODMetrics`. Runs alternate in one process, on
one thread; seconds are of processor time.

    python benchmarks/ood_metrics.py
"""

import os
import sys
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402
import torch  # noqa: E402

from harness.metrics.measure import measure_ood  # noqa: E402
from harness.models.obtain.vision import torchvision  # noqa: E402

torchvision()  # torchmetrics imports it
from pytorch_ood.metrics import OODMetrics  # noqa: E402
from torchmetrics.functional.classification import (  # noqa: E402
    binary_auroc,
    binary_average_precision,
    binary_specificity_at_sensitivity,
)

N_ID, N_OOD, RUNS = 10_000, 35_000, 40
TARGET = 0.2


def with_torchmetrics(squeezed, is_ood):
    binary_auroc(squeezed, is_ood)
    binary_average_precision(squeezed, is_ood)
    binary_specificity_at_sensitivity(squeezed, is_ood, 0.95)


def with_pytorch_ood(scores, labels):
    metrics = OODMetrics()
    metrics.update(scores, labels)
    metrics.compute()


def seconds(run, *arguments):
    start = time.process_time()
    run(*arguments)
    return time.process_time() - start


def main():
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    inside = rng.normal(size=N_ID).astype(np.float32)
    outside = (rng.normal(size=N_OOD) + 1).astype(np.float32)
    scores = torch.from_numpy(np.concatenate([inside, outside]))
    is_ood = (torch.arange(N_ID + N_OOD) >= N_ID).long()
    sides = {
        "ours": (measure_ood, inside, outside),
        "torchmetrics": (with_torchmetrics, scores.sigmoid(), is_ood),
        "pytorch-ood": (with_pytorch_ood, scores, -is_ood),
    }
    took = {name: [] for name in sides}
    for _ in range(RUNS):
        for name, call in sides.items():
            took[name].append(seconds(*call))
    best = {name: min(runs[1:]) for name, runs in took.items()}
    for name, runs in took.items():
        print(f"{name}: {best[name] * 1e3:.3f} ms at best, {np.median(runs) * 1e3:.3f} ms median")
    ratio = best["ours"] / min(best["torchmetrics"], best["pytorch-ood"])
    verdict = "ok" if ratio <= TARGET else "short"
    print(f"ood_metrics ratio {ratio:.3f} target {TARGET} {verdict}")
    sys.exit(verdict == "short")


if __name__ == "__main__":
    main()

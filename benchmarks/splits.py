"""CIFAR-10 from its prepared form, and all splits of cifar10-v1 after loading: seconds.

    python benchmarks/splits.py --data-root DATA      # needs CIFAR-10; default TAILMARK_DATA

The prepared form is made in a temporary folder first, unless the data root has it. Each number is
the best of three; the files are in the disk cache by then. Wall time counts; processor time stands
beside it, since on a busy machine the two differ.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from harness.data.formats.files import data_root
from harness.data.sets.datasets import DATASETS, load_part
from harness.data.sets.prepared import FOLDER, save_prepared
from harness.data.splits.make import make_split, parse_split_id
from harness.data.splits.sources import Sources
from harness.data.suites.catalogue import SUITES
from harness.errors import HarnessError
from harness.types import Pool

SUITE, DATASET = "cifar10-v1", "cifar10"
BARS = {"loading": 1.0, "splits": 2.0}
"""Seconds of wall time that count as met."""
RUNS = 3


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-root", type=Path, default=None)
    root = data_root(parser.parse_args().data_root)
    with tempfile.TemporaryDirectory() as folder:
        try:
            prepared = prepared_root(root, Path(folder))
        except HarnessError as error:
            print(f"skipped: {error}")
            return 0
        pools, loading = best_of(lambda: [load_part(DATASET, p, prepared) for p in PARTS])
        n, splitting = best_of(lambda: all_splits(pools[0]))
    met = report(
        "loading", f"{DATASET} from the prepared form, {sum(map(len, pools)):,} images", loading
    )
    met &= report("splits", f"{n} splits of {SUITE} after loading", splitting)
    return int(not met)


PARTS = DATASETS[DATASET].parts


def prepared_root(root: Path, folder: Path) -> Path:
    """Return a data root that has the prepared form, made in `folder` where it must be."""
    if (root / FOLDER / DATASET).is_dir():
        return root
    for part in PARTS:
        pool = load_part(DATASET, part, root)
        assert pool.labels is not None, "ID data have labels"
        save_prepared(folder, DATASET, part, pool.inputs.take(np.arange(len(pool))), pool.labels)
    return folder


def all_splits(train: Pool) -> int:
    """Make every split of the suite; return how many there are."""
    suite, facts = SUITES[SUITE], DATASETS[DATASET]
    assert train.labels is not None, "ID data have labels"
    sources = Sources(train.inputs)
    for cell in suite.cells:
        for seed in suite.seeds:
            spec = parse_split_id(cell)
            make_split(spec, train.labels, facts.num_classes, seed, facts, sources)
    return len(suite.cells) * len(suite.seeds)


def best_of(work: Callable[[], Any]) -> tuple[Any, tuple[float, float]]:
    """Return what some work gives, and its least wall and processor seconds over a few runs."""
    times = []
    for _ in range(RUNS):
        wall, processor = time.perf_counter(), time.process_time()
        found = work()
        times.append((time.perf_counter() - wall, time.process_time() - processor))
    return found, (min(t[0] for t in times), min(t[1] for t in times))


def report(name: str, what: str, seconds: tuple[float, float]) -> bool:
    """Print one line; return whether the bar was met."""
    wall, processor = seconds
    met = wall < BARS[name]
    print(
        f"{name}: {what}: {wall:.2f} s wall, {processor:.2f} s CPU, bar {BARS[name]:.0f} s wall, "
        f"{'met' if met else 'short'}"
    )
    return met


if __name__ == "__main__":
    sys.exit(main())

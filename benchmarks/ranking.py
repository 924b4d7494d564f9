"""Rank 2,000 entries × 50 cells × 3 seeds from stored replicates: time and memory.

Numbers are synthetic, drawn for the purpose. Files are written by one process and read, ranked and
measured by a fresh one, so that the memory of the drawing does not count. Replicates are kept as
records keep them: float16 in units of their sd, one uncompressed npz an entry. An entry is reduced
to its (seeds, replicates) streams as it is read; that belongs to loading and is printed by itself.

    python benchmarks/ranking.py                      # the bars
    python benchmarks/ranking.py --entries 200        # a short version, no bars
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from harness.stats.agreement import mean_rank, win_rate
from harness.stats.standing import Standing, Summary, stand_summaries, summarise

CELLS, SEEDS, REPLICATES = 50, 3, 1000
BARS = {"after loading": 1.0, "with loading": 4.0, "memory": 1.5}
UNITS = {"after loading": "s", "with loading": "s", "memory": "GiB"}


def write(folder: Path, entries: int) -> None:
    """Write one npz per entry: values, replicates in units of sd, sd."""
    rng = np.random.default_rng(0)
    shape = (CELLS, SEEDS)
    common = rng.normal(size=(CELLS, 1, REPLICATES)).astype(np.float32)
    noise = rng.normal(size=(4, *shape, REPLICATES)).astype(np.float32)
    for i in range(entries):
        # Each entry mixes four shared noises: correlated and of full rank, cheap to draw.
        mix = rng.normal(size=4).astype(np.float32)
        own = np.roll(np.tensordot(mix, noise, axes=1), i % REPLICATES, axis=2)
        stored = common + own
        scale = stored.std(axis=2)
        values = 0.8 + 0.02 * rng.normal() + 0.004 * rng.normal(size=shape)
        np.savez(
            folder / f"e{i:05d}.npz",
            values=values,
            replicates=(stored / scale[..., None]).astype(np.float16),
            sd=0.002 * scale,
        )


def read(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return values, replicates and sd of an entry."""
    with np.load(path, allow_pickle=False) as file:
        return file["values"], file["replicates"], file["sd"]


def rank(field: list[Summary]) -> tuple[list[Standing], np.ndarray, np.ndarray]:
    """Return what a ranking shows: rows, mean ranks and win rates over cells."""
    rows = stand_summaries(field, higher_is_better=True, scale="logit")
    cells = np.stack([entry.values.mean(axis=1) for entry in field])
    return (
        rows,
        mean_rank(cells, higher_is_better=True),
        win_rate(cells, higher_is_better=True),
    )


def measure(folder: Path) -> dict[str, float]:
    """Return seconds and GiB of loading and ranking everything in a folder."""
    reading = summarising = 0.0
    field = []
    for path in sorted(folder.glob("*.npz")):
        start = time.perf_counter()
        values, replicates, sd = read(path)
        middle = time.perf_counter()
        field.append(summarise(path.stem, values, replicates, sd=sd))
        reading += middle - start
        summarising += time.perf_counter() - middle
    start, processor = time.perf_counter(), time.process_time()
    rows, _, _ = rank(field)
    ranking = time.perf_counter() - start
    processor = time.process_time() - processor
    return {
        "entries": len(rows),
        "classes": rows[-1].tie_class,
        "reading": reading,
        "summarising": summarising,
        "processor": processor,
        "after loading": ranking,
        "with loading": reading + summarising + ranking,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=2000)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.folder is not None:
        print(json.dumps(measure(arguments.folder)))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), arguments.entries)
        command = [sys.executable, __file__, "--folder", folder]
        runs = [json.loads(subprocess.check_output(command)) for _ in range(3)]
    best = {key: min(run[key] for run in runs) for key in runs[0]}
    print(
        f"{best['entries']} entries x {CELLS} cells x {SEEDS} seeds x {REPLICATES} replicates, "
        f"{best['classes']} tie classes; best of 3: reading {best['reading']:.2f} s, "
        f"summarising {best['summarising']:.2f} s, "
        f"ranking {best['processor']:.2f} s of processor time"
    )
    short = False
    for name, bar in BARS.items():
        ratio = best[name] / bar
        short |= ratio > 1
        print(f"ranking {name}: {best[name]:.2f} {UNITS[name]}, bar {bar} {UNITS[name]}")
    worst = max(best[name] / bar for name, bar in BARS.items())
    print(f"ranking ratio {worst:.2f} target 1.00 {'short' if short else 'ok'}")
    return int(short and arguments.entries >= 2000)


if __name__ == "__main__":
    sys.exit(main())

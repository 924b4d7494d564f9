"""The board over 2,000 synthetic entries × 8 cells × 3 seeds: time and memory of its server.

Records are made from one committed record, with its values moved at random and replicates drawn
for the purpose. Each measurement is a fresh process: reading and ranking without an index (cold),
with one (warm), and, where chromium and Playwright are there, the first table in a browser, one
interaction, the server's memory and twenty sessions that click at the same time.

    python benchmarks/board.py                      # 2,000 entries, the bars
    python benchmarks/board.py --entries 200        # a short version
    python benchmarks/board.py --no-browser
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = ROOT / "submissions" / "cnn-ce" / "results" / "digits-v1.json"
SUITE = "digits-v1"
BARS = {"cold": 20.0, "warm": 3.0, "first table": 3.0, "interaction": 0.5, "server": 1.0}
"""Seconds, and GiB of the server; cold is processor time."""
PART = """
import json, resource, sys, time
start, cpu = time.perf_counter(), time.process_time()
from pathlib import Path
from harness.rankings.field import suite_rows
from harness.rankings.ranking import rank
rows = suite_rows({suite!r}, roots=[Path({folder!r})])
read, read_cpu = time.perf_counter() - start, time.process_time() - cpu
found = rank(rows, suite={suite!r})
print(json.dumps({{"read": read, "read cpu": read_cpu, "all": time.perf_counter() - start,
    "cpu": time.process_time() - cpu, "rows": len(found.rows),
    "GiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20}}))
"""


def write(folder: Path, entries: int, cells: int) -> None:
    """Write records: values moved, replicates that four shared noises make."""
    from harness.records.records import read_record, sealed, write_record
    from harness.records.trust import LIST
    from harness.types import RunRecord

    rng = np.random.default_rng(0)
    template = read_record(TEMPLATE)
    body = template.record.model_dump(mode="json")
    shape = (cells, len(body["suite"]["seeds"]), 1000)
    place = [i % len(body["suite"]["cells"]) for i in range(cells)]
    _widen(body, place)
    arrays = {
        name: array[place]
        for name, array in template.arrays.items()
        if name.split("/")[1] == "base"
    }
    keys = [n.partition("replicates/base/")[2] for n in arrays if n.startswith("replicates/base/")]
    noise = rng.normal(size=(4, *shape)).astype(np.float16)
    grids = {k: np.array(v, dtype=float) for k, v in body["variants"][""]["metrics"].items()}
    rerun = []
    for i in range(entries):
        moved = 0.03 * rng.normal()
        for key, grid in grids.items():
            near = grid + moved + 0.004 * rng.normal(size=grid.shape)
            values = np.clip(near, 0, 1) if np.nanmax(grid, initial=0) <= 1 else np.abs(near)
            body["variants"][""]["metrics"][key] = [
                [None if v != v else v for v in row] for row in values.tolist()
            ]
        mix = rng.normal(size=4).astype(np.float16)
        for key in keys:
            z = np.tensordot(mix, noise, axes=1) / np.float16(np.linalg.norm(mix))
            arrays[f"replicates/base/{key}"] = np.roll(z, rng.integers(1000), axis=2)
        body["entry"] = f"e{i:05d}"
        found = sealed(RunRecord.model_validate(body), arrays)
        write_record(found, folder / body["entry"] / "results")
        rerun.append(f'"{body["entry"]}/{SUITE}" = "{found.record.record_sha256}"')
    (folder / LIST).write_text("[rerun]\n" + "\n".join(rerun) + "\n")


def _widen(body: dict, place: list[int]) -> None:
    """Give the template as many cells as asked, its own ones in turn."""
    cells = body["suite"]["cells"]
    names = [cells[p] if i < len(cells) else f"{cells[p]}~val0.{i}" for i, p in enumerate(place)]
    seeds = len(body["suite"]["seeds"])
    body["suite"]["cells"] = names
    body["variants"] = {"": body["variants"][""]}
    body["rank_variants"] = []
    for key, grid in body["variants"][""]["metrics"].items():
        body["variants"][""]["metrics"][key] = [grid[p] for p in place]
    jobs = body["jobs"]
    body["jobs"] = [
        jobs[p * seeds + s] | {"cell": i} for i, p in enumerate(place) for s in range(seeds)
    ]
    body["undefined"] = [
        u | {"cell": i}
        for i, p in enumerate(place)
        for u in body["undefined"]
        if u["cell"] == p and u["variant"] == ""
    ]
    body["cost"] = []


def measure(folder: Path, store: Path, *, index: bool = True) -> dict[str, float]:
    """Read and rank everything in a fresh process."""
    environment = {
        **os.environ,
        "TAILMARK_HOME": str(store),
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
    }
    if not index:
        environment["TAILMARK_NO_INDEX"] = "1"
    code = PART.format(suite=SUITE, folder=str(folder))
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def main() -> None:
    """Print what reading and ranking take, without and with an index."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=2000)
    parser.add_argument("--cells", type=int, default=8)
    parser.add_argument("--folder", type=Path, help="Keep the records here, and use them again.")
    parser.add_argument("--no-browser", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (asked.folder or Path(temporary)) / f"{asked.entries}x{asked.cells}"
        if not folder.is_dir():
            folder.mkdir(parents=True)
            write(folder, asked.entries, asked.cells)
            time.sleep(0.5)  # an index takes no record that was written a moment ago
        store = Path(temporary) / "store"
        for name in ("cold", "warm"):
            found = measure(folder, store)
            print(
                f"{name}: {found['cpu']:.1f} s processor, {found['all']:.1f} s, "
                f"of it reading {found['read']:.1f} s; {found['GiB']:.2f} GiB, "
                f"{found['rows']} rows ranked (bar {BARS[name]:.0f} s)"
            )


if __name__ == "__main__":
    main()

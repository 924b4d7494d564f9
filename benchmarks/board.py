"""The board over 2,000 synthetic entries × 8 cells × 3 seeds: time and memory of its server.

Records are made from one committed record, with its values moved at random and replicates drawn
for the purpose. Each measurement is a fresh process: reading and ranking without an index (cold),
with one (warm), and, where chromium and Playwright are there, the first table in a browser (the
index is there, and the server ranks), one interaction, the server's memory, twenty sessions that
click at the same time, and the first table of a second server, which finds the ranking kept.

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
from collections.abc import Iterator
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = ROOT / "submissions" / "cnn-ce" / "results" / "digits-v1.json"
SUITE = "digits-v1"
BARS = {
    "cold": 20.0, "warm": 3.0, "first table": 3.0, "interaction": 0.5, "server": 1.0, "errors": 0.0
}  # fmt: skip
"""Seconds, and GiB of the server; cold is processor time. Of 2,000 entries × 8 cells × 3 seeds."""
MANY = {"first table": 5.0, "interaction": 0.5, "server": 1.0, "errors": 0.0}
"""The same for more cells; building the index then has no bar."""
IDLE = "document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'"
"""Whether a page has answered."""
PART = """
import json, os, resource, sys, time
start, cpu = time.perf_counter(), sum(os.times()[:4])
from pathlib import Path
from harness.rankings.field import suite_rows
from harness.rankings.kept import ranked
rows = suite_rows({suite!r}, roots=[Path({folder!r})])
read, read_cpu = time.perf_counter() - start, sum(os.times()[:4]) - cpu
found = ranked(rows, suite={suite!r})
print(json.dumps({{"read": read, "read cpu": read_cpu, "all": time.perf_counter() - start,
    "cpu": sum(os.times()[:4]) - cpu, "rows": len(found.rows),
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


def browse(folder: Path, store: Path, sessions: int, seconds: float) -> Iterator[tuple[str, float]]:
    """Open the ranking in chromium, change it, and let many sessions click at the same time."""
    from playwright.sync_api import sync_playwright

    from tests.leaderboard.serving import FLAGS, chromium_path, served, settled

    with served(folder, store) as address, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium_path(), args=FLAGS)
        page, taken = _table(browser, address)
        yield "first table", taken
        yield "processor time of the server until then", _server(address)[0]
        settled(page)
        again, taken = _table(browser, address)
        yield "second visitor's table", taken
        settled(again)
        start = time.perf_counter()
        again.get_by_placeholder("Find").fill("e0001")
        again.keyboard.press("Enter")
        again.get_by_text("rows shown").wait_for()
        yield "interaction", time.perf_counter() - start
        yield "server", _server(address)[1]
        if sessions:
            errors, answers = _click(browser, address, sessions, seconds)
            yield f"answers to {sessions} sessions", answers
            yield "errors", errors
            yield "server", _server(address)[1]
        browser.close()
    with served(folder, store) as address, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium_path(), args=FLAGS)
        yield "first table of a second server", _table(browser, address)[1]
        browser.close()


def _table(browser, address: str):
    """Return a new page with the ranking, and the seconds until its first row stands there."""
    page = browser.new_page()
    page.set_default_timeout(600_000)
    start = time.perf_counter()
    page.goto(f"{address}/ranking")
    page.locator("table.tm tbody tr").first.wait_for()
    return page, time.perf_counter() - start


def _click(browser, address: str, sessions: int, seconds: float) -> tuple[float, float]:
    """Let sessions search for some time, each again as soon as its page has answered.

    Returns
    -------
    (float, float)
        Errors: pages that show one or have not answered two minutes after the last click. Answers.
    """
    from playwright.sync_api import Error

    from tests.leaderboard.serving import settled

    pages = [browser.new_context().new_page() for _ in range(sessions)]
    for page in pages:
        page.set_default_timeout(600_000)
        page.goto(f"{address}/ranking")
        settled(page)
    end, answers, late = time.monotonic() + seconds, 0, 0
    while time.monotonic() < end:
        for place, page in enumerate(pages):
            if page.evaluate(IDLE):
                page.get_by_placeholder("Find").fill(f"e{(place + answers) % 100:04d}")
                page.keyboard.press("Enter")
                answers += 1
    for page in pages:
        try:
            settled(page)
        except Error:
            late += 1
    shown = sum(page.locator("[data-testid=stException]").count() for page in pages)
    return float(shown + late), float(answers)


def _server(address: str) -> tuple[float, float]:
    """Return processor seconds since its start and resident GiB of who listens at an address."""
    port = f":{int(address.rsplit(':', 1)[1]):04X}"
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    inode = next(f"socket:[{p[9]}]" for p in lines if p[1].endswith(port) and p[3] == "0A")
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(str(handle.readlink()) == inode for handle in (process / "fd").iterdir()):
                status = (process / "status").read_text()
                memory = int(status.partition("VmRSS:")[2].split()[0]) / 2**20
                used = (process / "stat").read_text().rpartition(")")[2].split()[11:13]
                return sum(map(int, used)) / os.sysconf("SC_CLK_TCK"), memory
        except OSError:
            continue
    raise RuntimeError(f"no process listens at {address}")


def main() -> None:
    """Print what reading, ranking and looking take, without and with an index."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=2000)
    parser.add_argument("--cells", type=int, default=8)
    parser.add_argument("--folder", type=Path, help="Keep the records here, and use them again.")
    parser.add_argument("--no-browser", action="store_true")
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=60)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (asked.folder or Path(temporary)) / f"{asked.entries}x{asked.cells}"
        if not folder.is_dir():
            folder.mkdir(parents=True)
            write(folder, asked.entries, asked.cells)
            time.sleep(0.5)  # an index takes no record that was written a moment ago
        bars = BARS if asked.cells <= 8 else MANY
        store = Path(temporary) / "store"
        for name in ("cold", "warm"):
            found = measure(folder, store)
            bar = f" (bar {bars[name]:.0f} s)" if name in bars else ""
            print(
                f"{name}: {found['cpu']:.1f} s processor, {found['all']:.1f} s, "
                f"of it reading {found['read']:.1f} s; {found['GiB']:.2f} GiB, "
                f"{found['rows']} rows ranked{bar}",
                flush=True,
            )
        if not asked.no_browser:
            for name, value in browse(folder, store, asked.sessions, asked.seconds):
                bar = f", bar {bars[name]:g}" if name in bars else ""
                print(f"{name}: {value:.2f}{bar} (load {os.getloadavg()[0]:.1f})", flush=True)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()

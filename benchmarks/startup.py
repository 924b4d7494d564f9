"""Start-up of commands: processor time of a fresh process each, the best of several.

The bars are those of a quiet machine; processor time grows with what else runs on the cores, so
the load is printed beside it.

    python benchmarks/startup.py                      # help, list, rank on the committed records
    python benchmarks/startup.py --folder DIR         # and rank on DIR/<suite's 2,000 records>
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COMMITTED = ROOT / "submissions"
RANK = ("rank", "--suite", "digits-v1")
BARS = {
    "tailmark --help": (("--help",), 0.3),
    "tailmark list suites": (("list", "suites"), 0.5),
    "tailmark rank, committed digits-v1": ((*RANK, "--submissions", str(COMMITTED)), 1.0),
}
"""What is measured → its arguments, and the seconds of processor time that it may take."""
MANY = 2.0
"""Seconds of processor time of ranking 2,000 entries."""


def processor_seconds(arguments: tuple[str, ...], home: Path) -> float:
    """Return the processor time of one command in a fresh process."""
    environment = {
        **os.environ,
        "TAILMARK_HOME": str(home),
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
    }
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "harness.cli.app", *arguments],
        env=environment,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main() -> None:
    """Print each command's best time beside its bar; status 1 where one is over it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="Records made by benchmarks/board.py --folder.")
    asked = parser.parse_args()
    bars = dict(BARS)
    if asked.folder is not None:
        count = sum(1 for _ in asked.folder.glob("*/results/digits-v1.json"))
        bars[f"tailmark rank, {count:,} entries"] = (
            (*RANK, "--submissions", str(asked.folder)), MANY,
        )  # fmt: skip
    over = 0
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        for name, (arguments, bar) in bars.items():
            processor_seconds(arguments, home)  # byte code, file cache, index
            time.sleep(0.2)
            best = min(processor_seconds(arguments, home) for _ in range(asked.repeats))
            load = os.getloadavg()[0]
            verdict = "inside" if best <= bar else "over"
            over += best > bar
            print(f"{name}: {best:.2f} s processor, bar {bar:g} s: {verdict} (load {load:.1f})")
    sys.exit(1 if over else 0)


if __name__ == "__main__":
    main()

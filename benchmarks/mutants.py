"""Do the tests bite? Mistakes are planted one at a time in files of the core, by cosmic-ray.

    python benchmarks/mutants.py harness/stats/pairs.py     # some mutants of one file
    python benchmarks/mutants.py --base main --most 10      # of every file changed since a revision

Each mutant is tried in a copy, against the tests of its file: ``harness/a/b.py`` belongs to
``tests/a/test_b.py`` where there is one, else to ``tests/a``. Survivors are printed with their
place. One that changes nothing that a test could see (an equivalent mutant) has to be read.
"""

import argparse
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SEED = 0
"""Which mutants are drawn where there are more than `--most`."""
TIMEOUT = 300.0
"""Seconds after which a mutant counts as found: it hangs."""


@dataclass(frozen=True)
class Outcome:
    """What became of one mutant."""

    file: str
    line: int
    operator: str
    survived: bool


def changed(base: str) -> list[str]:
    """Return the files of the core that changed since a revision."""
    command = ["git", "diff", "--name-only", "--diff-filter=AM", base, "--", "harness", "baselines"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    names = done.stdout.split()
    return [n for n in names if n.endswith(".py") and not n.endswith("__init__.py")]


def tests_of(file: str) -> str:
    """Return the tests that belong to a file of the core."""
    path = Path(file)
    parts = path.parts[1:] if path.parts[0] == "harness" else path.parts
    exact = Path("tests", *parts[:-1], f"test_{path.stem}.py")
    if (ROOT / exact).is_file():
        return str(exact)
    folder = Path("tests", *parts[:-1])
    while not (ROOT / folder).is_dir():
        folder = folder.parent
    return str(folder)


def mutants(file: str, most: int) -> list[Outcome]:
    """Try some mutants of one file in a copy of the house."""
    with tempfile.TemporaryDirectory() as made:
        copy = Path(made) / "copy"
        ignored = shutil.ignore_patterns(".git", ".venv", ".tailmark", "__pycache__", ".*_cache")
        shutil.copytree(ROOT, copy, ignore=ignored)
        python = f"{sys.executable} -m pytest -q -x -n0 -p no:cacheprovider {tests_of(file)}"
        config = copy / "mutants.toml"
        config.write_text(
            f'[cosmic-ray]\nmodule-path = "{file}"\ntimeout = {TIMEOUT}\n'
            f'excluded-modules = []\ntest-command = "{python}"\n'
            '[cosmic-ray.distributor]\nname = "local"\n',
            encoding="utf-8",
        )
        _cosmic_ray(copy, "baseline", "mutants.toml")  # tests that fail anyway find nothing
        _cosmic_ray(copy, "init", "mutants.toml", "session.sqlite")
        _draw(copy / "session.sqlite", most)
        _cosmic_ray(copy, "exec", "mutants.toml", "session.sqlite")
        return _outcomes(copy / "session.sqlite", file)


def _cosmic_ray(folder: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "cosmic_ray.cli", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"cosmic-ray {arguments[0]} failed: {done.stderr.strip()[-500:]}")


def _draw(session: Path, most: int) -> None:
    """Keep some of the planned mutants, the same ones every time."""
    with sqlite3.connect(session) as db:
        jobs = sorted(job for (job,) in db.execute("SELECT job_id FROM mutation_specs"))
        kept = set(random.Random(SEED).sample(jobs, min(most, len(jobs))))
        for job in set(jobs) - kept:
            db.execute("DELETE FROM mutation_specs WHERE job_id = ?", (job,))
            db.execute("DELETE FROM work_items WHERE job_id = ?", (job,))


def _outcomes(session: Path, file: str) -> list[Outcome]:
    query = (
        "SELECT s.start_pos_row, s.operator_name, r.test_outcome FROM mutation_specs s "
        "JOIN work_results r ON s.job_id = r.job_id ORDER BY s.start_pos_row"
    )
    with sqlite3.connect(session) as db:
        return [
            Outcome(file, row, operator.removeprefix("core/"), "SURVIVED" in str(outcome).upper())
            for row, operator, outcome in db.execute(query)
        ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", help="files of the core; none: those that changed")
    parser.add_argument("--base", default="HEAD~1", help="revision to compare with")
    parser.add_argument("--most", type=int, default=12, help="mutants of a file")
    parser.add_argument("--bar", type=float, default=0.9, help="share that must be found")
    given = parser.parse_args()
    found: list[Outcome] = []
    for file in given.files or changed(given.base):
        outcomes = mutants(file, given.most)
        found += outcomes
        alive = [o for o in outcomes if o.survived]
        print(f"{file}: {len(outcomes) - len(alive)} of {len(outcomes)} found", flush=True)
        for each in alive:
            print(f"  survived: line {each.line}, {each.operator}", flush=True)
    if not found:
        print("No mutant was made: no file of the core changed.")
        return 0
    share = sum(not o.survived for o in found) / len(found)
    word = "ok" if share >= given.bar else "short"
    print(f"mutants ratio {share:.2f} target {given.bar:.2f} {word}")
    return int(share < given.bar)


if __name__ == "__main__":
    sys.exit(main())

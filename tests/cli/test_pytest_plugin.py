"""The fixture ``tailmark_regression`` in the tests of somebody's method."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TESTS = """
def test_better(tailmark_regression):
    found = tailmark_regression("nearest-mean", against="prior", **PLACES)
    assert found.state == "no regression"


def test_worse(tailmark_regression):
    tailmark_regression("prior", against="nearest-mean", **PLACES)


def test_open(tailmark_regression):
    tailmark_regression("cnn-la", against="cnn-ce", **PLACES)


def test_open_and_skipped(tailmark_regression):
    tailmark_regression("cnn-la", against="cnn-ce", undecided="skip", **PLACES)
"""


def test_the_fixture_passes_fails_and_skips_with_the_answer_of_the_gate(tmp_path):
    folder = str(ROOT / "submissions")
    places = f"import pathlib\nPLACES = {{'submissions': pathlib.Path({folder!r})}}\n"
    (tmp_path / "test_mine.py").write_text(places + TESTS)
    quiet = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "TAILMARK_HOME": str(tmp_path / "store")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "harness.cli.pytest_plugin", "-rfs", "."],
        cwd=tmp_path, env={**os.environ, **quiet, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert "2 failed, 1 passed, 1 skipped" in done.stdout, done.stdout + done.stderr
    assert "prior against nearest-mean on digits-v1: regression, difference -" in done.stdout
    assert "cnn-la against cnn-ce on digits-v1: cannot tell" in done.stdout
    assert "seeds would settle it" in done.stdout


def test_pytest_finds_the_fixture_and_loading_it_imports_nothing_heavy():
    body = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert body["project"]["entry-points"]["pytest11"] == {"tailmark": "harness.cli.pytest_plugin"}
    code = (
        "import harness.cli.pytest_plugin, sys\n"
        "heavy = ('numpy', 'torch', 'pydantic', 'rich', 'typer')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "[]"

"""Faults: a small seeded part runs with every test run, the whole with ``make faults``."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
WHOLE = bool(os.environ.get("TAILMARK_FAULTS"))
"""Whether everything is tried that can be, which takes minutes."""
whole_only = pytest.mark.skipif(not WHOLE, reason="part of make faults")


@pytest.fixture(scope="module")
def entry() -> Callable[..., None]:
    """Return a writer of cards: ``entry(submissions, "name", "trainer", "epochs = 1")``."""

    def write(
        submissions: Path, name: str, trainer: str, overrides: str = "", more: str = ""
    ) -> None:
        folder = submissions / name
        folder.mkdir(parents=True)
        (folder / "entry.toml").write_text(
            f'format = 1\nname = "{name}"\nkind = "method"\n[method]\ntrainer = "{trainer}"\n'
            f"overrides = {{{overrides}}}\n{more}"
        )

    return write


def tailmark(*arguments: object, **options) -> subprocess.Popen:
    """Start the command line in a process group of its own."""
    command = [sys.executable, "-m", "harness.cli.app", *map(str, arguments)]
    usual = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": ROOT}
    return subprocess.Popen(command, start_new_session=True, **(usual | options))

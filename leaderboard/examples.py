"""Test inputs on which two entries differ: what `tailmark disagree` says, asked in a process.

The board opens no data set and no predictions itself; the command does, with the board's store.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.errors import HarnessError

SECONDS = 180
"""After which the command is given up."""


def ask(
    pair: tuple[str, str], suite: str, cell: str, seed: int, submitted: Sequence[Path]
) -> dict[str, Any]:
    """Return what the command says of two entries, with images.

    Parameters
    ----------
    pair : (str, str)
        Candidate and reference: entries, no variants.
    suite, cell, seed
        Where they are held beside each other.
    submitted : sequence of Path
        Folders of submitted entries.

    Raises
    ------
    HarnessError
        What the command answers where predictions or data are not on this machine.
    """
    options = ["--suite", suite, "--cell", cell, "--seed", str(seed), "--format", "json"]
    where = ["--submissions", str(submitted[0])] if submitted else []
    command = [sys.executable, "-m", "harness.cli.app", "disagree", *pair, *options, *where]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired as error:
        raise HarnessError(
            f"The examples were expected within {SECONDS} seconds. Ask in a terminal: "
            f"{command_line(pair, suite, cell, seed)}"
        ) from error
    if done.returncode:
        said = " ".join(done.stderr.split()).removeprefix("tailmark: ")
        raise HarnessError(said[:600] or "The command ended without a word.")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def command_line(pair: tuple[str, str], suite: str, cell: str, seed: int) -> str:
    """Return the command as people type it."""
    return f"tailmark disagree {pair[0]} {pair[1]} --suite {suite} --cell {cell} --seed {seed}"

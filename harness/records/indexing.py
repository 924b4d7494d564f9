"""Index files of many records at once, made by several processes: what takes long is verifying.

Run as ``python -m harness.records.indexing`` with paths of records on standard input, one per line.
"""

import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import groupby
from pathlib import Path

from harness.errors import HarnessError
from harness.paths import store_folder
from harness.records.index import OFF, index_file, read_indexed

MANY = 200
"""Records without an index file from which on it is worth starting other processes."""
MOST_PROCESSES = 8


def index_together(paths: Sequence[Path]) -> None:
    """Make the index files that are missing, where they are many, with all processors.

    What cannot be read, and what a process that was ended left, is found by whoever reads the
    records afterwards: nothing depends on this but time.

    Parameters
    ----------
    paths : sequence of Path
        Of records: ``<folder>/<entry>/results/<suite>.json``.
    """
    if os.environ.get(OFF) or len(paths) < MANY:
        return
    index = store_folder() / "index"
    missing = [path for _, group in groupby(paths, _folder) for path in _without(group, index)]
    count = min(len(os.sched_getaffinity(0)), MOST_PROCESSES, 1 + len(missing) // MANY)
    if len(missing) < MANY or count < 2:
        return
    with suppress(OSError):
        index.mkdir(parents=True, exist_ok=True)
    if not os.access(index, os.W_OK):
        return
    shares = [missing[k::count] for k in range(count)]
    helpers = [_started(share) for share in shares[1:]]
    try:
        index_each(shares[0])
        for helper in helpers:
            helper.wait()
    finally:
        for helper in helpers:
            helper.kill()
            helper.wait()


def _folder(path: Path) -> str:
    return str(path.parents[2])


def _without(group: Iterable[Path], index: Path) -> list[Path]:
    """Return those of one folder's records of a suite that have no index file."""
    paths = list(group)
    there: set[str] = set()
    with suppress(OSError):
        there = {file.name for file in index_file(paths[0], index).parent.iterdir()}
    return [path for path in paths if f"{path.parent.parent.name}.safetensors" not in there]


def _started(share: Sequence[Path]) -> "subprocess.Popen[bytes]":
    """Start a process that makes the index files of some records."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-m", "harness.records.indexing"]
    helper = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env=environment,
    )  # fmt: skip
    assert helper.stdin is not None
    with suppress(OSError), helper.stdin as lines:  # one that has ended reads nothing
        lines.write(b"\n".join(os.fsencode(path) for path in share))
    return helper


def index_each(paths: Iterable[Path]) -> None:
    """Read records one after the other; what is wrong with one is told when it is read again."""
    for path in paths:
        with suppress(HarnessError, OSError, ValueError, ArithmeticError, LookupError,
                      RecursionError):  # fmt: skip
            read_indexed(path)


if __name__ == "__main__":
    index_each(Path(os.fsdecode(line)) for line in sys.stdin.buffer.read().split(b"\n") if line)

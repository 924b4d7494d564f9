"""Predictions that a visitor hands in: scored by `tailmark run` in a process, and never kept.

Names and sizes are checked here; the files are read by the command, as those of every entry: plain
arrays and tables, nothing unpickled, nothing run. Folder, store and record go when it has answered.
"""

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.errors import HarnessError, SpecError
from harness.records.records import Recorded, read_record
from leaderboard.reading import without_folders

NAME = "my-predictions"
"""What the entry is called on the board while it is looked at."""
ENDINGS = ("npz", "csv")
"""Forms that are taken."""
MOST_FILES = 64
"""Files of one visit."""
MOST_BYTES = 64 << 20
"""Of all of them together; 10,000 rows of 100 classes are 4 MB."""
SECONDS = 180
"""After which scoring is given up."""
_FILE = re.compile(r"(?P<cell>[A-Za-z0-9_.~-]{1,150})-s(?P<seed>[0-9]{1,6})\.(?P<ending>[a-z]{3})")


def jobs_of(files: Mapping[str, bytes], cells: tuple[str, ...], seeds: tuple[int, ...]) -> None:
    """Refuse files that are not the test predictions of jobs of a suite.

    Parameters
    ----------
    files : mapping of str to bytes
        ``<cell>-s<seed>.npz`` or ``.csv`` → content.
    cells, seeds
        The suite's.

    Raises
    ------
    SpecError
        If there are too many or too large ones, or a name says no cell and seed of the suite.
    """
    total = sum(map(len, files.values()))
    if not files or len(files) > MOST_FILES or total > MOST_BYTES:
        raise SpecError(
            f"Expected 1 to {MOST_FILES} files of at most {MOST_BYTES >> 20} MB together; got "
            f"{len(files)} of {total / 2**20:.1f} MB. More of them: tailmark new {NAME} --kind "
            "predictions --from FOLDER, then tailmark run"
        )
    for name in files:
        found = _FILE.fullmatch(name)
        if found is None or found["ending"] not in ENDINGS:
            raise SpecError(
                f"Expected a name such as {cells[0]}-s{seeds[0]}.npz (or .csv), the cell and the "
                f"seed that the predictions are of; got {name[:80]!r}. Rename the file."
            )
        if found["cell"] not in cells or int(found["seed"]) not in seeds:
            raise SpecError(
                f"{name[:80]!r} is of no cell and seed of this suite. Its cells: "
                f"{', '.join(cells[:4])}{', …' if len(cells) > 4 else ''}; its seeds: "
                f"{', '.join(map(str, seeds))}. Rename the file, or choose another suite above."
            )


def scored(
    files: Mapping[str, bytes], suite: str, cells: tuple[str, ...], seeds: tuple[int, ...]
) -> Recorded:
    """Return the record that test predictions become.

    The card of the entry says that nothing special was used: no visitor declares anything here.

    Parameters
    ----------
    files, cells, seeds
        As in `jobs_of`.
    suite : str
        Suite id.

    Raises
    ------
    HarnessError
        What `jobs_of` and the command say of files that cannot be taken, or if it takes too long.
    """
    jobs_of(files, cells, seeds)
    with TemporaryDirectory(prefix="tailmark-predictions-") as temporary:
        folder = Path(temporary)
        try:
            return _scored(files, suite, folder)
        except HarnessError as error:
            raise type(error)(without_folders(str(error), [folder])) from error


def _scored(files: Mapping[str, bytes], suite: str, folder: Path) -> Recorded:
    given = folder / "given"
    named = [match for match in map(_FILE.fullmatch, files) if match is not None]
    for match in named:
        job = given / f"{match['cell']}-s{match['seed']}"
        job.mkdir(parents=True, exist_ok=True)
        if any(job.iterdir()):
            raise SpecError(f"{job.name} is there as npz and as csv. Hand in one of them.")
        (job / f"test.{match['ending']}").write_bytes(files[match[0]])
    entries, store = folder / "entries", folder / "store"
    where = ["--submissions", str(entries)]
    _ask(["new", NAME, "--kind", "predictions", "--from", str(given), *where])
    card = entries / NAME / "entry.toml"
    head, facets, rest = card.read_text("utf-8").partition("[facets]")
    # The lines that wait for their author, taken as they stand: the plainest entry's.
    card.write_text(head + facets + re.sub(r"^# (?=\w+ = )", "", rest, flags=re.M), "utf-8")
    options = [f"--cell={cell}" for cell in sorted({match["cell"] for match in named})]
    options += [f"--seed={seed}" for seed in sorted({int(match["seed"]) for match in named})]
    _ask(["run", NAME, "--suite", suite, "--no-track", "--processes", "1", *options,
          *where, "--store", str(store)])  # fmt: skip
    found = read_record(store / "records" / NAME / "results" / f"{suite}.json")
    return Recorded(found.record, None, dict(found.arrays))


def _ask(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "harness.cli.app", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired as error:
        raise HarnessError(
            f"Scoring was expected within {SECONDS} seconds. In a terminal: tailmark run"
        ) from error
    if done.returncode:
        said = " ".join(done.stderr.split()).removeprefix("tailmark: ")
        raise HarnessError(said[:600] or "The command ended without a word.")

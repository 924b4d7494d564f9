"""How much a row can be trusted: computed by the reader, never read from the record."""

import re
from pathlib import Path
from typing import Literal

from harness.atomic import write_text
from harness.errors import StoreError
from harness.models.store.seal import unsealed
from harness.paths import release_folder, store_folder
from harness.types import RunRecord

Tier = Literal["claimed", "rescored", "rerun"]
TIERS: dict[Tier, str] = {
    "claimed": "numbers only",
    "rescored": "recomputed from predictions that anyone can fetch",
    "rerun": "run again by a maintainer, or on this machine, from weights or by training",
}
"""Ascending trust."""
LIST = "rerun.toml"
"""The maintainers' list in the submissions folder: ``"<entry>/<suite>" = "<record sha256>"``."""
RESCORED = "rescored.toml"
"""Its twin of records whose every number a maintainer recomputed from published predictions."""
_HEADS = {
    LIST: "# Records that a maintainer has run again from weights or by training.\n[rerun]\n",
    RESCORED: "# Records that a maintainer has recomputed from their published predictions.\n"
    "[rescored]\n",
}
_SHA = re.compile(r"[0-9a-f]{64}")
_LINE = re.compile(r'"(?P<name>[a-z0-9-]+/[a-z0-9_.-]+)"\s*=\s*"(?P<sha>[0-9a-f]{64})"')


def rerun_list(submissions: Path | None) -> frozenset[str]:
    """Return the record hashes that maintainers have run again themselves.

    A line that cannot be read lists nothing; `list_problem` says so.
    """
    return _shas(submissions, LIST)


def rescored_list(submissions: Path | None, store: Path | None = None) -> frozenset[str]:
    """Return the record hashes that follow from their predictions, as somebody trusted found.

    Those are the maintainers, and this machine: `note_rescored`.

    Parameters
    ----------
    submissions : Path or None
        Folder with the maintainers' list.
    store : Path, optional
        This machine's store.
    """
    here = frozenset(path.name for path in _notes(store).glob("*") if _SHA.fullmatch(path.name))
    return here | _shas(submissions, RESCORED)


def _shas(submissions: Path | None, name: str) -> frozenset[str]:
    """Return the hashes of a list: of a folder of entries, and of the installed release."""
    places = (submissions, release_folder())
    return frozenset(sha for place in places for sha in _listed(place, name)[0].values())


def note_rescored(record: RunRecord, store: Path | None = None) -> None:
    """Note in the store that this machine recomputed every number of a record.

    Parameters
    ----------
    record : RunRecord
        As it lies in the submissions.
    store : Path, optional
        This machine's store.
    """
    folder = _notes(store)
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / str(record.record_sha256), f"{record.entry}/{record.suite.id}\n")


def _notes(store: Path | None) -> Path:
    return store_folder(store) / "rescored"


def list_problem(submissions: Path | None, name: str = LIST) -> str | None:
    """Return what is wrong with a list of the maintainers' in a sentence, or None."""
    wrong = _listed(submissions, name)[1]
    if not wrong:
        return None
    table = name.removesuffix(".toml")
    return (
        f'It should hold a table [{table}] of "<entry>/<suite>" = "<record sha256>"; '
        f"{len(wrong)} of its lines say something else, first: {wrong[0][:60]!r}. Correct the file"
    )


def listed(submissions: Path | None, name: str) -> dict[str, str]:
    """Return the lines of a maintainers' list: ``<entry>/<suite>`` → record sha256."""
    return _listed(submissions, name)[0]


def _listed(submissions: Path | None, name: str) -> tuple[dict[str, str], list[str]]:
    """Read a maintainers' list: ``<entry>/<suite>`` → record sha256, and the lines that fail.

    It is read line by line: a damaged line costs its own entry, not the others.
    """
    path = None if submissions is None else submissions / name
    if path is None or not path.exists():
        return {}, []
    if not path.is_file():
        return {}, [f"{name} is not a file"]
    found: dict[str, str] = {}
    wrong: list[str] = []
    for line in path.read_text("utf-8-sig", errors="replace").splitlines():
        text = line.partition("#")[0].strip()
        if not text or text == f"[{name.removesuffix('.toml')}]":
            continue
        match = _LINE.fullmatch(text)
        if match is None:
            wrong.append(text)
        else:
            found[match["name"]] = match["sha"]
    return found, wrong


def add_to_rerun_list(submissions: Path, record: RunRecord) -> None:
    """Note that a maintainer has run this record again; one line for each entry and suite.

    Raises
    ------
    StoreError
        If the list holds a line that cannot be read: writing would lose it.
    """
    add_to_list(submissions, record, LIST)


def add_to_list(submissions: Path, record: RunRecord, name: str) -> None:
    """Add a record to `LIST` or `RESCORED`; one line for each entry and suite.

    Raises
    ------
    StoreError
        If the list holds a line that cannot be read: writing would lose it.
    """
    kept, wrong = _listed(submissions, name)
    if wrong:
        raise StoreError(f"{submissions / name}: {list_problem(submissions, name)}.")
    kept[f"{record.entry}/{record.suite.id}"] = str(record.record_sha256)
    lines = [f'"{entry}" = "{sha}"' for entry, sha in sorted(kept.items())]
    write_text(submissions / name, _HEADS[name] + "\n".join(lines) + "\n")


def note_path(path: Path) -> Path:
    """Return where this machine notes what a record in its store stands on.

    Parameters
    ----------
    path : Path
        Of the record: ``<store>/records/<entry>/results/<suite>.json``.
    """
    return path.parent.parent / "evidence" / path.name


def made_here(record: RunRecord, path: Path | None) -> bool:
    """Return whether a run of this machine noted that it made this record.

    A record that was edited or copied into the store has another sha256 than the note says, and
    a damaged note says nothing.

    Parameters
    ----------
    record : RunRecord
        Of the store.
    path : Path or None
        Where it lies; None: it was made in this process and never written.
    """
    if path is None:
        return True
    note = note_path(path)
    try:
        said, was_sealed = unsealed(note.read_text("utf-8"), f"{record.entry}/{path.name}")
    except (OSError, ValueError, StoreError):
        return False
    return was_sealed and said.get("record_sha256") == record.record_sha256


def tier_of(record: RunRecord, rerun: frozenset[str], *, local: bool, verified: bool) -> Tier:
    """Return the tier of a record: what this reader verified, never what the record says.

    Parameters
    ----------
    record : RunRecord
        What is judged.
    rerun : frozenset of str
        Record hashes on the maintainers' list.
    local : bool
        Whether it was made on this machine, where its evidence lies: `made_here`.
    verified : bool
        Whether its numbers were recomputed from its predictions: `rescored_list`.
    """
    made_here = local and record.produced_by != "given"
    if made_here or record.record_sha256 in rerun:
        return "rerun"
    return "rescored" if local or verified else "claimed"

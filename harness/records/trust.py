"""How much a row can be trusted: computed by the reader, never read from the record."""

import re
from pathlib import Path
from typing import Literal

from harness.atomic import write_text
from harness.errors import HarnessError, StoreError
from harness.keys import sha256_file
from harness.models.cards.cards import card_sha256, read_card
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
_LINE = re.compile(r'"(?P<name>[a-z0-9-]+/[a-z0-9_.-]+)"\s*=\s*"(?P<sha>[0-9a-f]{64})"')


def rerun_list(submissions: Path | None) -> frozenset[str]:
    """Return the record hashes that maintainers have run again themselves.

    A line that cannot be read lists nothing; `rerun_problem` says so.
    """
    return frozenset(_listed(submissions)[0].values())


def rerun_problem(submissions: Path | None) -> str | None:
    """Return what is wrong with the maintainers' list in a sentence, or None."""
    wrong = _listed(submissions)[1]
    if not wrong:
        return None
    return (
        f'It should hold a table [rerun] of "<entry>/<suite>" = "<record sha256>"; '
        f"{len(wrong)} of its lines say something else, first: {wrong[0][:60]!r}. Correct the file"
    )


def _listed(submissions: Path | None) -> tuple[dict[str, str], list[str]]:
    """Read the maintainers' list: ``<entry>/<suite>`` → record sha256, and the lines that fail.

    It is read line by line: a damaged line costs its own entry, not the others.
    """
    path = None if submissions is None else submissions / LIST
    if path is None or not path.exists():
        return {}, []
    if not path.is_file():
        return {}, [f"{LIST} is no file"]
    found: dict[str, str] = {}
    wrong: list[str] = []
    for line in path.read_text("utf-8-sig", errors="replace").splitlines():
        text = line.partition("#")[0].strip()
        if not text or text == "[rerun]":
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
    kept, wrong = _listed(submissions)
    if wrong:
        raise StoreError(f"{submissions / LIST}: {rerun_problem(submissions)}.")
    kept[f"{record.entry}/{record.suite.id}"] = str(record.record_sha256)
    lines = [f'"{name}" = "{sha}"' for name, sha in sorted(kept.items())]
    head = "# Records that a maintainer has run again from weights or by training.\n[rerun]\n"
    write_text(submissions / LIST, head + "\n".join(lines) + "\n")


def tier_of(record: RunRecord, rerun: frozenset[str], *, local: bool, verified: bool) -> Tier:
    """Return the tier of a record: what this reader verified, never what the record says.

    Parameters
    ----------
    record : RunRecord
        What is judged.
    rerun : frozenset of str
        Record hashes on the maintainers' list.
    local : bool
        Whether it was made on this machine, where its evidence lies.
    verified : bool
        Whether its predictions lie beside it, byte for byte those that its card names.
    """
    made_here = local and record.produced_by != "given"
    if made_here or record.record_sha256 in rerun:
        return "rerun"
    return "rescored" if local or verified else "claimed"


def predictions_verified(record: RunRecord, folder: Path) -> bool:
    """Return whether all predictions of a record lie in its entry's folder, as its card says.

    Parameters
    ----------
    record : RunRecord
        Of given predictions; of any other kind the answer is False.
    folder : Path
        The entry's folder, with the card.
    """
    if record.produced_by != "given":
        return False
    try:
        card = read_card(folder, trust=True)
        if card.predictions is None or card_sha256(card) != record.card_sha256:
            return False
        done = [job for job in record.jobs if job.status == "done"]
        cells, seeds = record.suite.cells, record.suite.seeds
        needed = [
            f"{cells[job.cell]}-s{seeds[job.seed]}/{pool}" for job in done for pool in job.evidence
        ]
        files = [card.predictions.files[key] for key in needed]
        home = folder.resolve()
        for file in {(f.path, f.sha256) for f in files}:
            path = (folder / file[0]).resolve()
            if not path.is_relative_to(home) or not path.is_file() or sha256_file(path) != file[1]:
                return False
        return bool(files) and all("test" in job.evidence for job in done)
    except (HarnessError, OSError, KeyError):
        return False

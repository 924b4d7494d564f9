"""How much a row can be trusted: computed by the reader, never read from the record."""

import tomllib
from pathlib import Path
from typing import Literal

from harness.atomic import write_text
from harness.errors import StoreError
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


def rerun_list(submissions: Path | None) -> frozenset[str]:
    """Return the record hashes that maintainers have run again themselves.

    Raises
    ------
    StoreError
        If the list cannot be read.
    """
    return frozenset(_listed(submissions).values())


def _listed(submissions: Path | None) -> dict[str, str]:
    """Read the maintainers' list: ``<entry>/<suite>`` → record sha256."""
    path = None if submissions is None else submissions / LIST
    if path is None or not path.is_file():
        return {}
    try:
        found = tomllib.loads(path.read_text("utf-8"))["rerun"].items()
        return {name: str(sha) for name, sha in found}
    except (tomllib.TOMLDecodeError, KeyError, AttributeError) as error:
        raise StoreError(
            f'{path} should hold a table [rerun] of "<entry>/<suite>" = "<record sha256>"; '
            f"reading it says: {error!r}. Mend the file."
        ) from error


def add_to_rerun_list(submissions: Path, record: RunRecord) -> None:
    """Note that a maintainer has run this record again; one line an entry and suite."""
    kept = _listed(submissions)
    kept[f"{record.entry}/{record.suite.id}"] = str(record.record_sha256)
    lines = [f'"{name}" = "{sha}"' for name, sha in sorted(kept.items())]
    head = "# Records that a maintainer has run again from weights or by training.\n[rerun]\n"
    write_text(submissions / LIST, head + "\n".join(lines) + "\n")


def tier_of(record: RunRecord, rerun: frozenset[str], *, local: bool) -> Tier:
    """Return the tier of a record.

    Parameters
    ----------
    record : RunRecord
        What is judged.
    rerun : frozenset of str
        Record hashes on the maintainers' list.
    local : bool
        Whether it was made on this machine, where its evidence lies.
    """
    made_here = local and record.produced_by != "given"
    if made_here or record.record_sha256 in rerun:
        return "rerun"
    if local or (record.evidence is not None and record.evidence.url is not None):
        return "rescored"
    return "claimed"

"""A ranking that was computed before, kept in the store under all that it depends on.

The key holds the content of every record as its reader has just verified it, what was asked, and
the code and libraries that compute; a file under another key is never looked at. Whoever changes a
record or this package changes the key.
"""

import hashlib
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from harness.atomic import write_text
from harness.keys import canonical, sha256_text
from harness.paths import store_folder
from harness.rankings.field import Field
from harness.records.index import OFF
from harness.types import Ranking

MOST = 256
"""Rankings that are kept; of more the oldest go."""
_KIND = TypeAdapter(Ranking)


def ranked(
    field: Field,
    *,
    suite: str,
    key: str | None = None,
    track: str = "open",
    cells: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
    notes: Sequence[str] = (),
    store: Path | None = None,
) -> Ranking:
    """Return what `harness.rankings.ranking.rank` returns, computed once for the same records.

    Parameters
    ----------
    field : Field
        As `suite_rows` read it from files. Records that were cut or made in memory are ranked by
        `rank` itself.
    suite, key, track, cells, seeds, notes
        As in `rank`.
    store : Path, optional
        This machine's store; default: as in `store_folder`.

    Raises
    ------
    HarnessError
        As in `rank`.
    """
    asked = {
        "suite": suite, "key": key, "track": track, "notes": list(notes),
        "cells": None if cells is None else list(cells),
        "seeds": None if seeds is None else list(seeds),
    }  # fmt: skip
    file = None
    if not os.environ.get(OFF) and field.rows:
        file = store_folder(store) / "index" / "rankings" / f"{_key(field, asked)}.json"
        found = _load(file)
        if found is not None:
            return found
    from harness.rankings.ranking import rank  # brings scipy, which a kept ranking does not need

    made = rank(
        field, suite=suite, key=key, track=track, cells=cells, seeds=seeds, notes=notes
    )  # fmt: skip
    if file is not None:
        with suppress(OSError):
            _keep(made, file)
    return made


def _key(field: Field, asked: Mapping[str, object]) -> str:
    rows = [
        (row.name, row.tier, row.local, row.recorded.record.record_sha256) for row in field.rows
    ]
    lost = [(each.name, each.reason) for each in field.left_out]
    return sha256_text(canonical({"asked": asked, "rows": rows, "lost": lost, "code": _code()}))


@cache
def _code() -> str:
    """Return a text that changes with the package's files, as Python's own byte code does."""
    root = Path(__file__).resolve().parents[1]
    found = hashlib.sha256()
    for file in sorted(path for ending in ("py", "toml") for path in root.rglob(f"*.{ending}")):
        look = file.stat()
        found.update(f"{file}\0{look.st_size}\0{look.st_mtime_ns}\n".encode())
    for library in ("numpy", "scipy"):
        found.update(version(library).encode() + b"\n")
    return found.hexdigest()


def _load(file: Path) -> Ranking | None:
    """Return a kept ranking, or None where there is none or it is damaged."""
    try:
        seal, _, text = file.read_text("utf-8").partition("\n")
        return _KIND.validate_json(text) if seal == sha256_text(text) else None
    except (OSError, ValueError, ValidationError):
        return None


def _keep(made: Ranking, file: Path) -> None:
    text = _KIND.dump_json(made).decode()
    if _KIND.validate_json(text) != made:
        return  # facets that JSON does not give back as they are
    file.parent.mkdir(parents=True, exist_ok=True)
    others = sorted(file.parent.glob("*.json"), key=lambda other: other.stat().st_mtime)
    for other in others[: max(0, len(others) - MOST + 1)]:
        other.unlink(missing_ok=True)
    write_text(file, f"{sha256_text(text)}\n{text}")

"""A card for a folder of predictions: files are recognised by their names, summed and listed."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.atomic import write_text
from harness.errors import CardError, PredictionsError
from harness.keys import sha256_file
from harness.models.cards.cards import CARD, read_card
from harness.models.cards.job_keys import SCHEME, key_of
from harness.models.cards.templates import card_text
from harness.models.cards.writing import new_home
from harness.models.safe.given import FORMATS, read_arrays

COPIES = "predictions"
"""Folder of an entry that files from elsewhere are copied to."""


@dataclass(frozen=True)
class Collected:
    """What a folder of predictions holds."""

    files: Mapping[str, Path]
    """``"<cell>-s<seed>/<pool>"`` → file."""
    others: tuple[str, ...]
    """Files whose names say nothing, relative to the folder."""


def collect(folder: Path) -> Collected:
    """Return the files of predictions below a folder, by what their names say.

    Parameters
    ----------
    folder : Path
        Holds files named as `SCHEME` says, in any of `FORMATS`.

    Raises
    ------
    CardError
        If there is no such folder, no such file, or two files of one pool.
    """
    if not folder.is_dir():
        raise CardError(
            f"Expected a folder of predictions at {folder}; there is none. Name the folder that "
            f"holds files such as {SCHEME}."
        )
    files: dict[str, Path] = {}
    others = []
    for path in sorted(p for p in folder.rglob("*") if not p.is_dir()):
        short = path.relative_to(folder)
        if any(part.startswith(".") for part in short.parts) or short.name == CARD:
            continue
        key = key_of(short)
        if key is None or not path.is_file():
            others.append(short.as_posix())
            continue
        if key in files:
            raise CardError(
                f"Expected one file for {key}; got {files[key].relative_to(folder)} and {short}. "
                "Remove one of them."
            )
        files[key] = path
    if not files:
        found = f", e.g. {others[0]!r}" if others else ""
        foreign = others and not others[0].lower().endswith(tuple(FORMATS))
        advice = (
            "Save the arrays in one of these, e.g. numpy.savez('digits-exp10-clean-s0/test.npz', "
            "logits=…)."
            if foreign
            else "Rename them, e.g. digits-exp10-clean-s0/test.npz."
        )
        raise CardError(
            f"Expected files named {SCHEME} below {folder}, in {', '.join(FORMATS)}; got "
            f"{len(others)} others{found}. {advice}"
        )
    return Collected(files, tuple(others))


def new_from(folder: Path, name: str, source: Path) -> tuple[Path, Collected]:
    """Write the card of an entry from a folder of predictions; return its path and what it lists.

    Files outside the entry's folder are copied into it. Nothing is left when it fails.

    Parameters
    ----------
    folder : Path
        The folder of all entries.
    name : str
        The entry's name.
    source : Path
        The folder of predictions.

    Raises
    ------
    CardError
        If the entry has a card, the name is not allowed, or the folder holds no predictions.
    """
    home = new_home(folder, name)
    found = collect(source)
    fresh, copies = not home.exists(), home / COPIES
    inside = source.resolve().is_relative_to(home.resolve())
    if not inside and copies.exists():
        raise CardError(
            f"{copies} exists and is not overwritten. Name it with --from, or choose another name "
            "for the entry."
        )
    try:
        home.mkdir(parents=True, exist_ok=True)
        files = dict(found.files) if inside else _copied(found.files, copies)
        lines = [
            f"{json.dumps(key)} = {{ path = "
            f"{json.dumps(path.resolve().relative_to(home.resolve()).as_posix())}, "
            f'sha256 = "{sha256_file(path)}" }}'
            for key, path in sorted(files.items())
        ]
        text = card_text(name, "predictions", score=_score(found.files))
        marked = text.index("[predictions.files]")
        head, tail = text[:marked], text[marked:]
        rest = tail[tail.index("\n[facets]") :]
        named = "\n".join(lines)
        write_text(home / CARD, f"{head}[predictions.files]\n{named}\n{rest}")
        read_card(home)
    except (OSError, CardError) as error:
        (home / CARD).unlink(missing_ok=True)
        if not inside:
            shutil.rmtree(copies, ignore_errors=True)
        if fresh:
            shutil.rmtree(home, ignore_errors=True)
        if isinstance(error, CardError):
            raise
        raise CardError(
            f"Expected a folder that can be written at {home}; got: {error}. Name another with "
            "--submissions."
        ) from None
    return home / CARD, found


def _copied(files: Mapping[str, Path], folder: Path) -> dict[str, Path]:
    copied = {}
    for key, path in files.items():
        copied[key] = folder / f"{key}{path.suffix.lower()}"
        copied[key].parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copied[key])
    return copied


def _score(files: Mapping[str, Path]) -> str:
    """Return the OOD score that suits what the files hold; `check` says what is wrong with them."""
    first = next((path for key, path in files.items() if key.endswith("/test")), None)
    try:
        arrays = {} if first is None else read_arrays(first, None, None)
    except PredictionsError:
        return "msp"
    return "given" if "conf" in arrays else "energy" if "logits" in arrays else "msp"

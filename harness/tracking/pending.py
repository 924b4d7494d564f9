"""Records that a tracking server has not been told of yet: noted in the store until it has.

One empty file per record, ``<store>/pending/<suite>/<entry>``, so that several runs may note
theirs at once. A note that is lost costs nothing: ``tailmark log`` asks the server itself.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

FOLDER = "pending"


def note_pending(store: Path, suite: str, entries: Iterable[str]) -> None:
    """Note records that could not be mirrored.

    Parameters
    ----------
    store : Path
        The store.
    suite : str
        Suite id.
    entries : iterable of str
        Names.
    """
    folder = store / FOLDER / suite
    for entry in entries:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / entry).touch()


def note_mirrored(store: Path, suite: str, entry: str) -> None:
    """Take back the note of a record that is on the server now."""
    (store / FOLDER / suite / entry).unlink(missing_ok=True)


def pending(store: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield each suite with its entries that wait for the server, in the order of names."""
    for folder in sorted((store / FOLDER).glob("*")):
        entries = sorted(path.name for path in folder.glob("*"))
        if entries:
            yield folder.name, entries

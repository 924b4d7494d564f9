"""Reading folders of records: what cannot be believed is left out by name, the rest goes on."""

import gc
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.data.suites.catalogue import SUITES
from harness.errors import HarnessError, RecordMismatchError
from harness.models.cards.cards import CARD
from harness.records.index import read_indexed
from harness.records.indexing import index_together
from harness.records.records import Recorded, find_records
from harness.records.trust import rerun_list
from harness.types.results import SuiteStamp


@dataclass(frozen=True)
class LeftOut:
    """A record that is not counted."""

    name: str
    """Folder of the entry."""
    reason: str
    """Why, in a sentence."""

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


@dataclass(frozen=True)
class Loaded:
    """The records of a suite, and what was left out."""

    records: tuple[Recorded, ...]
    """Each entry once, from the first folder that has it."""
    left_out: tuple[LeftOut, ...]
    """In the order in which they were met."""


def read_entry_record(path: Path) -> Recorded:
    """Read one entry's record where it lies: folder, card, file and content must agree.

    Parameters
    ----------
    path : Path
        ``<folder>/<entry>/results/<suite>.json``.

    Raises
    ------
    HarnessError
        If it cannot be read, is not what it says, or lies under another name.
    """
    recorded = read_indexed(path)
    record, folder = recorded.record, path.parent.parent
    names = {"its folder": folder.name}
    if (folder / CARD).exists():
        names["the card beside it"] = _card_name(folder / CARD)
    for where, name in names.items():
        if name != record.entry:
            raise RecordMismatchError(
                f"It says that it is of entry {record.entry!r}, and {where} says {name!r}. "
                "A record lies in the folder of its own entry; move or remove it."
            )
    if record.suite.id != path.stem:
        raise RecordMismatchError(
            f"It says that it is of suite {record.suite.id!r}, and its file is called "
            f"{path.name!r}. Rename or remove it."
        )
    return recorded


def _card_name(path: Path) -> str:
    if not path.is_file():  # a pipe would be waited for
        raise RecordMismatchError("The card beside it is no plain file. Replace or remove it.")
    try:
        name = tomllib.loads(path.read_text("utf-8-sig")).get("name")
    except (OSError, ValueError, RecursionError) as error:
        first = str(error).splitlines()[0]
        raise RecordMismatchError(
            f"The card beside it cannot be read ({first}). Correct it: tailmark check"
        ) from error
    return str(name)


def try_read(path: Path) -> Recorded | LeftOut:
    """Return a record, or why it is left out: one bad record never stops the others."""
    try:
        return read_entry_record(path)
    except HarnessError as error:
        reason = str(error)
    except (OSError, ValueError, ArithmeticError, LookupError, RecursionError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        reason = f"reading it says: {first}"
    return LeftOut(_printable(path.parent.parent.name), _printable(reason))


def _printable(text: str) -> str:
    """Return text that can be written anywhere: a folder's name may be any bytes."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text
    )


def load_records(suite: str, roots: Sequence[Path]) -> Loaded:
    """Return the records of a suite under several folders of entries.

    Parameters
    ----------
    suite : str
        Suite id.
    roots : sequence of Path
        An entry found twice is taken from the first folder in which it can be read.
    """
    records: dict[str, Recorded] = {}
    left_out: list[LeftOut] = []
    with _uncollected():
        paths = [path for root in roots for path in find_records(root, suite)]
        index_together(paths)
        for path in paths:
            if path.parent.parent.name in records:
                continue
            found = try_read(path)
            if isinstance(found, LeftOut):
                left_out.append(found)
            else:
                records[found.record.entry] = found
    return Loaded(tuple(records.values()), tuple(left_out))


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep the garbage collector from walking over thousands of records again and again.

    What reading makes is kept, and has no cycles: nothing could be collected.
    """
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


def of_one_suite(loaded: Loaded, submissions: Path | None) -> Loaded:
    """Leave out records whose suite is not the others': same id, other cells, seeds or content.

    The suite is what this release has under the id, where a record was made on that; else what
    records on the maintainers' list say; else what most say.

    Parameters
    ----------
    loaded : Loaded
        Of one suite id.
    submissions : Path or None
        Folder with the maintainers' list.
    """
    stamps = [r.record.suite for r in loaded.records]
    listed = rerun_list(submissions)
    trusted = [r.record.suite for r in loaded.records if r.record.record_sha256 in listed]
    ours = _of_this_release(stamps[0].id) if stamps else None
    known = ours if ours in stamps else _most(trusted or stamps)
    kept = [r for r in loaded.records if r.record.suite == known]
    others = [r.record for r in loaded.records if r.record.suite != known]
    wrong = (
        LeftOut(
            record.entry,
            f"It was made on another version of {known.id}: {_difference(record.suite, known)}. "
            f"Run it again: tailmark run {record.entry} --suite {known.id}",
        )
        for record in others
        if known is not None
    )
    return Loaded(tuple(kept), (*loaded.left_out, *wrong))


def _of_this_release(suite: str) -> SuiteStamp | None:
    found = SUITES.get(suite)
    if found is None:
        return None
    return SuiteStamp(**{name: getattr(found, name) for name in SuiteStamp.model_fields})


def _most(stamps: Iterable[SuiteStamp]) -> SuiteStamp | None:
    counts = Counter(stamps)
    return counts.most_common(1)[0][0] if counts else None


def _difference(one: SuiteStamp, other: SuiteStamp) -> str:
    for field in SuiteStamp.model_fields:
        mine, theirs = getattr(one, field), getattr(other, field)
        if mine != theirs:
            shown = (str(value)[:40] for value in (mine, theirs))
            return "its {} is {}, the others' is {}".format(field, *shown)
    return "nothing differs"

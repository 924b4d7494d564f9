"""From entries and a suite to jobs, in an order in which each job finds its parents done."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import CardError, HarnessError, StoreError, UnknownNameError
from harness.lookup import unknown
from harness.models.methods.methods import is_fitted
from harness.paths import release_folder
from harness.types import EntryCard, Job, Suite

CARD = "entry.toml"


@dataclass(frozen=True)
class Entry:
    """A card and the folder that it lies in."""

    card: EntryCard
    folder: Path
    word: str | None = None
    """How a command names it where its name is not enough: a folder, a file, an address."""

    @property
    def called(self) -> str:
        """Return what to type for it."""
        return self.word or self.card.name

    @property
    def parents(self) -> tuple[str, ...]:
        """Return the names of the entries that this one starts from."""
        part = self.card.method
        names = () if part is None else (part.init_from, part.features_from)
        return tuple(name for name in names if name is not None)


def entry_folders(root: Path) -> dict[str, Path]:
    """Return name → folder of every entry under a submissions folder, in the order of names."""
    return {path.parent.name: path.parent for path in sorted(root.glob(f"*/{CARD}"))}


def names_with_record(
    names: Sequence[str], root: Path, suite: str, path_of: Callable[[Path], Path]
) -> list[str]:
    """Return the entries that are named; where none is, all that have a record of a suite.

    Parameters
    ----------
    names : sequence of str
        Entries; none: all with a record.
    root : Path
        Submissions folder.
    suite : str
        Suite id, for the message.
    path_of : callable
        From an entry's folder to where its record would lie.

    Raises
    ------
    StoreError
        If none is named and none has a record.
    """
    wanted = list(names) or [
        name for name, folder in entry_folders(root).items() if path_of(folder).is_file()
    ]
    if not wanted:
        raise StoreError(
            f"Expected at least one record of {suite}; there is none. "
            f"Run: tailmark run --suite {suite}"
        )
    return wanted


def known_entries(root: Path) -> dict[str, Path]:
    """Return name → folder of every entry under `root`, and of the release's others."""
    release = release_folder()
    return ({} if release is None else entry_folders(release)) | entry_folders(root)


def find_entry(name: str, root: Path, *, trust: bool = False) -> Entry:
    """Return an entry by its name under `root` or in the release, or by the path of its folder.

    Parameters
    ----------
    name : str
        ``cnn-ce``, or a path such as ``submissions/cnn-ce``.
    root : Path
        Submissions folder.
    trust : bool, default=False
        Allow a trainer outside of METHODS and ``baselines``.

    Raises
    ------
    UnknownNameError
        If there is neither, with the closest known name.
    """
    from harness.models.cards.cards import read_card

    known = known_entries(root)
    folder = known.get(name, Path(name))
    if not (folder / CARD).is_file():
        if len(Path(name).parts) > 1:
            raise UnknownNameError(
                f"Expected a card at {folder / CARD}; there is none. "
                "Write one with: tailmark new NAME --kind method"
            )
        raise unknown(f"entry in {root}", name, known)
    return Entry(read_card(folder, trust=trust), folder, None if name in known else name)


def find_entries(
    names: Sequence[str],
    root: Path,
    *,
    trust: bool = False,
    suite: str | None = None,
    problems: list[str] | None = None,
    release: bool = False,
) -> list[Entry]:
    """Return the entries asked for, all of `root` when none is named; each once.

    With no names, one bad card takes no other down: its sentence is added to `refused`.

    Parameters
    ----------
    names : sequence of str
        Names or folders; none: all.
    root : Path
        Submissions folder.
    trust : bool, default=False
        Allow a trainer outside of METHODS and ``baselines``.
    suite : str, optional
        With no names: leave out entries whose card is meant for other suites.
    problems : list of str, optional
        With no names: an entry whose card is wrong is left out, and why is added here.
    release : bool, default=False
        With no names: those of the installed release as well.

    Raises
    ------
    CardError
        If none is named and there is none, or a named card is wrong, or all are.
    UnknownNameError
        If a named one does not exist.
    """
    wanted = list(names) or list(known_entries(root) if release else entry_folders(root))
    found = []
    for name in dict.fromkeys(wanted):
        try:
            found.append(find_entry(name, root, trust=trust))
        except HarnessError as error:
            if names or problems is None:
                raise
            problems.append(str(error))
    if not found and problems:
        raise CardError("\n".join(problems))
    entries = {entry.card.name: entry for entry in found}
    if suite is not None and not names:
        entries = {n: e for n, e in entries.items() if suite in (e.card.suites or (suite,))}
    if not found and problems:
        raise CardError(f"None of the {len(problems)} cards under {root} is right. {problems[0]}")
    if not entries:
        of_suite = "" if suite is None else f" that is meant for {suite}"
        raise CardError(
            f"Expected at least one entry under {root}{of_suite}; there is none. "
            "Write one with: tailmark new NAME --kind method"
        )
    return list(entries.values())


def with_parents(entries: Iterable[Entry], root: Path, *, trust: bool = False) -> list[Entry]:
    """Return the entries with their parents before them, parents of parents included.

    A parent that is not fitted trains nothing: it is read where its features are, and measured
    only where it is asked for itself.

    Parameters
    ----------
    entries : iterable of Entry
        What is asked for.
    root : Path
        Submissions folder, where parents that are not among them lie.
    trust : bool, default=False
        Allow parents with a trainer outside of METHODS and ``baselines``.

    Raises
    ------
    CardError
        If entries start from each other in a circle.
    """
    ordered: dict[str, Entry] = {}
    by_name = {entry.card.name: entry for entry in entries}

    def visit(entry: Entry, path: tuple[str, ...]) -> None:
        name = entry.card.name
        if name in path:
            circle = " → ".join((*path[path.index(name) :], name))
            raise CardError(
                f"Entries must not start from each other in a circle; got {circle}. "
                "Remove one init_from or features_from."
            )
        for parent in entry.parents:
            found = by_name.get(parent) or find_entry(parent, root, trust=trust)
            _check_pretraining(entry.card, found.card)
            visit(found, (*path, name))
        ordered.setdefault(name, entry)

    for entry in by_name.values():
        visit(entry, ())
    return [e for name, e in ordered.items() if name in by_name or _is_fitted(e)]


def _check_pretraining(card: EntryCard, parent: EntryCard) -> None:
    """Refuse a card that starts from a pre-trained entry and says that it saw nothing before.

    Which OOD classes an entry saw in pre-training is known from this facet alone.
    """
    theirs = parent.facets.pretraining
    if theirs not in (None, "none") and card.facets.pretraining == "none":
        raise CardError(
            f"{card.name} starts from {parent.name}, which was pre-trained ({theirs}), and its own "
            f'card says pretraining "none". Write under [facets]: pretraining = "{theirs}"'
        )


def _is_fitted(entry: Entry) -> bool:
    part = entry.card.method
    return part is None or is_fitted(part.trainer)


def jobs_of(
    entry: Entry,
    suite: Suite,
    *,
    cells: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
) -> list[Job]:
    """Return the jobs of one entry, cells first, then seeds.

    Parameters
    ----------
    entry : Entry
        What is measured.
    suite : Suite
        Where.
    cells, seeds : sequence, optional
        Some of the suite's; None: all.

    Raises
    ------
    CardError
        If the card is meant for other suites.
    UnknownNameError
        If a cell or seed is not the suite's.
    """
    from harness.models.cards.cards import check_suite

    check_suite(entry.card, suite.id)
    for cell in cells or ():
        if cell not in suite.cells:
            raise unknown(f"cell of {suite.id}", cell, suite.cells)
    for seed in seeds or ():
        if seed not in suite.seeds:
            raise unknown(f"seed of {suite.id}", str(seed), map(str, suite.seeds))
    return [
        Job(entry.card, entry.folder, cell, seed)
        for cell in suite.cells
        if cells is None or cell in cells
        for seed in suite.seeds
        if seeds is None or seed in seeds
    ]


def waves(entries: Sequence[Entry]) -> list[list[Entry]]:
    """Return entries in groups: all parents of a group's entries are in earlier groups.

    Entries whose parents are not among `entries` start in the first group.
    """
    names = {entry.card.name for entry in entries}
    depth: dict[str, int] = {}
    by_name = {entry.card.name: entry for entry in entries}

    def level(entry: Entry) -> int:
        name = entry.card.name
        if name not in depth:
            above = [level(by_name[p]) + 1 for p in entry.parents if p in names]
            depth[name] = max(above, default=0)
        return depth[name]

    groups: dict[int, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(level(entry), []).append(entry)
    return [groups[k] for k in sorted(groups)]

"""Classes of the user's own data sets: their names, and in which parts they occur."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int

from harness.data.formats.text import alike
from harness.errors import DataError

MOST_LISTED = 5
"""Classes that a message names."""


def plain(name: object) -> str:
    r"""Return a name in the one form in which names are compared: NFC, no blanks around it.

    Examples
    --------
    >>> plain(" cafe\u0301") == "caf\u00e9"
    True
    """
    return unicodedata.normalize("NFC", str(name)).strip()


def check_names(names: Iterable[object], source: str) -> tuple[str, ...]:
    """Return class names in their one form, refused where classes could be mixed up.

    Parameters
    ----------
    names : iterable
        In the order in which classes are numbered.
    source : str
        Where they come from, for messages.

    Raises
    ------
    DataError
        If there are fewer than two, one is empty, or two are equal.
    """
    found = tuple(map(plain, names))
    if len(found) < 2:
        raise DataError(
            f"Expected two classes or more in {source}; got {len(found)}"
            + (f" ({found[0]!r})" if found else "")
            + ". Name a source whose rows have different classes."
        )
    if "" in found:
        raise DataError(
            f"Expected a name for every class of {source}; class {found.index('')} has an empty "
            "one. Give it a name, or take the empty line out."
        )
    twice = sorted({name for name in found if found.count(name) > 1})
    if twice:
        at = [k for k, name in enumerate(found) if name == twice[0]]
        raise DataError(
            f"Expected different names for the classes of {source}; classes "
            f"{' and '.join(map(str, at))} are both {twice[0]!r}. Rename one, or give their rows "
            "one number."
        )
    return found


@dataclass(frozen=True)
class Classes:
    """The classes that a set really has."""

    labels: dict[str, Int[np.ndarray, " n"]]
    """Part → indices into `names`."""
    names: tuple[str, ...]
    """Those with training rows."""
    findings: tuple[str, ...]
    """What is to be said of them, one sentence each."""


def occurring(
    parts: Mapping[str, Int[np.ndarray, " n"]], names: Sequence[str], source: str
) -> Classes:
    """Return the classes that have rows; one without any is left out and said.

    Parameters
    ----------
    parts : mapping of str to int array of shape (n,)
        Part → class indices; ``train`` and ``test``, or ``all``.
    names : sequence of str
        What the indices mean.
    source : str
        What to call the set in messages.

    Raises
    ------
    DataError
        If a class has test rows and no training row, so that a number about it says nothing, or
        fewer than two are left.
    """
    counts = {part: np.bincount(labels, minlength=len(names)) for part, labels in parts.items()}
    trained = counts["train"] if "train" in counts else counts["all"]
    untrained = [names[k] for k in _where((trained == 0) & (sum(counts.values()) > 0))]
    if untrained:
        rows = int(sum(count[trained == 0].sum() for count in counts.values()))
        raise DataError(
            f"Expected training rows of every class in {source}; {listed(untrained)} "
            f"{'has' if len(untrained) == 1 else 'have'} {rows:,} test rows and none in training. "
            "Take those rows out of the test part, or add training rows of the class."
        )
    used = _where(trained > 0)
    kept = check_names([names[k] for k in used], source)
    number = np.full(len(names), -1)
    number[used] = np.arange(len(used))
    found = []
    if len(used) < len(names):
        unused = [names[k] for k in _where(trained == 0)]
        found.append(
            f"{len(unused)} of {len(names)} classes have no row in any part and are left out: "
            f"{listed(unused)}."
        )
    untested = [names[k] for k in used if counts.get("test", trained)[k] == 0]
    if untested:
        found.append(
            f"{len(untested)} of {len(kept)} classes have no test row ({listed(untested)}): what "
            "is measured says nothing of them."
        )
    same = alike(kept)
    if same:
        found.append(
            "Classes differ only in case, blanks or signs that are not seen, and count as "
            f"different: {listed([*map(repr, same)])}."
        )
    labels = {part: number[given] for part, given in parts.items()}
    return Classes(labels, kept, tuple(found))


def _where(holds: Bool[np.ndarray, " c"]) -> list[int]:
    return [int(k) for k in np.flatnonzero(holds)]


def listed(names: Sequence[str]) -> str:
    """Return the first names as a phrase, with how many more there are.

    Examples
    --------
    >>> listed(["a", "b"]), listed(list("abcdefg"))
    ('a, b', 'a, b, c, d, e, … (7 in all)')
    """
    shown = ", ".join(names[:MOST_LISTED])
    return shown if len(names) <= MOST_LISTED else f"{shown}, … ({len(names)} in all)"

"""The one way a name becomes a thing: literal tables, and the closest name when there is none."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import TypeVar

from harness.errors import UnknownNameError

T = TypeVar("T")


def closest(name: str, names: Iterable[str]) -> str | None:
    """Return the known name nearest to `name`, or None when nothing is near.

    One that differs in nothing but case is nearer than all others.

    Examples
    --------
    >>> closest("ecee", ["ece", "nll"]), closest("Low", ["row", "low"])
    ('ece', 'low')
    """
    known = list(names)
    alike = [each for each in known if each.casefold() == name.casefold()]
    matches = alike or get_close_matches(name, known, n=1, cutoff=0.5)
    return matches[0] if matches else None


def unknown(kind: str, name: str, names: Iterable[str]) -> UnknownNameError:
    """Return the error for a name that is in no table, with the closest known one.

    Parameters
    ----------
    kind : str
        What the name should be, as a noun: ``"metric"``.
    name : str
        What was asked for.
    names : iterable of str
        What there is.
    """
    known = list(names)
    near = closest(name, known)
    if near is not None:
        return UnknownNameError(f"No {kind} named {name!r}. Did you mean {near!r}?")
    listed = ", ".join(sorted(known)[:12]) or "none"
    more = "" if len(known) <= 12 else f", … ({len(known)} in all)"
    return UnknownNameError(f"No {kind} named {name!r}. Known: {listed}{more}.")


def lookup(kind: str, name: str, table: Mapping[str, T]) -> T:
    """Return `table[name]`, or raise with the closest known name.

    Parameters
    ----------
    kind : str
        What the table holds, as a noun: ``"metric"``.
    name : str
        Key asked for.
    table : mapping of str
        A literal table such as ``METRICS``.

    Raises
    ------
    UnknownNameError
        If the table has no such key.

    Examples
    --------
    >>> lookup("metric", "ece", {"ece": 1})
    1
    """
    try:
        return table[name]
    except KeyError:
        raise unknown(kind, name, table) from None

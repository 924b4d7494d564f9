"""Dates and times in text as seconds, read in one form per column or not at all."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import numpy as np
from jaxtyping import Float

_ISO = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}([.,]\d+)?)?\s?(Z|[+-]\d{2}:?\d{2})?)?")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d+)?))?(?:\s*([APap])\.?[Mm]\.?)?")
_PARTS = re.compile(
    r"(\d{1,4})([./-])(\d{1,2})\2(\d{1,4})"
    r"(?:[ T]+(\d{1,2}:\d{2}(?::\d{2})?(?:\s*[APap]\.?[Mm]\.?)?))?"
)
_NAMED = ("%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%d-%b-%Y", "%d-%b-%y")
"""Forms with the name of a month, in English."""


def read_dates(words: Sequence[str]) -> Float[np.ndarray, " n"] | None:
    """Return dates or times as seconds, None when they are none or may be read in two ways.

    Parameters
    ----------
    words : sequence of str
        Without missing ones.

    Returns
    -------
    float array or None
        Seconds since 1970-01-01 UTC of dates, since midnight of times. A date without a time zone
        counts as UTC.

    Examples
    --------
    >>> read_dates(["1970-01-02", "1970-01-01 00:00:05"]).tolist()
    [86400.0, 5.0]
    >>> read_dates(["05/01/2023", "06/01/2023"]) is None
    True
    """
    for reader in (_clock, _iso, _numbered, _named):
        try:
            found = reader(words)
        except (ValueError, OverflowError):
            found = None
        if found is not None:
            return np.asarray(found, dtype=np.float64)
    return None


def are_dates(words: Sequence[str]) -> bool:
    """Return whether every word has the form of a date, whichever way it is to be read."""
    return all(_PARTS.fullmatch(word) or _ISO.fullmatch(word) for word in words)


def _iso(words: Sequence[str]) -> list[float] | None:
    if not all(map(_ISO.fullmatch, words)):
        return None
    dates = [datetime.fromisoformat(re.sub(r"\s(?=[Z+-])", "", word)) for word in words]
    if len({date.tzinfo is None for date in dates}) > 1:
        return None
    return [_seconds(date) for date in dates]


def _clock(words: Sequence[str]) -> list[float] | None:
    found = [each for each in map(_CLOCK.fullmatch, words) if each]
    if len(found) < len(words) or len({each[4] is None for each in found}) > 1:
        return None
    return [
        3600 * _hour(int(each[1]), each[4]) + 60 * float(each[2]) + float(each[3] or 0)
        for each in found
    ]


def _hour(hour: int, half: str | None) -> int:
    """Return the hour of the day; of twelve-hour clocks, 12 AM is 0 and 12 PM is 12."""
    if half is None:
        return hour
    if not 1 <= hour <= 12:
        raise ValueError(f"{hour} {half}M")
    return hour % 12 + (12 if half in "Pp" else 0)


def _numbered(words: Sequence[str]) -> list[float] | None:
    """Read ``31.12.2023``, ``12/31/2023`` or ``2023/12/31``: one order for the whole column.

    Between points the day comes first. Otherwise some day beyond 12 must show which it is.
    """
    found = [each for each in map(_PARTS.fullmatch, words) if each]
    if len(found) < len(words):
        return None
    if all(len(each[1]) == 4 for each in found):
        order = "%Y %m %d"
    else:
        first, second = (max(int(each[k]) for each in found) for k in (1, 3))
        if first > 12 or all(each[2] == "." for each in found):
            order = "%d %m"
        elif second > 12:
            order = "%m %d"
        else:
            return None
        order += " %Y" if all(len(each[4]) == 4 for each in found) else " %y"
    read: Callable[[str, str], datetime] = datetime.strptime
    return [
        _seconds(read(f"{each[1]} {each[3]} {each[4]}", order)) + _time(each[5]) for each in found
    ]


def _time(text: str | None) -> float:
    seconds = _clock([text]) if text else None
    return seconds[0] if seconds else 0.0


def _named(words: Sequence[str]) -> list[float] | None:
    for form in _NAMED:
        try:
            return [_seconds(datetime.strptime(word, form)) for word in words]
        except ValueError:
            continue
    return None


def _seconds(date: datetime) -> float:
    aware = date if date.tzinfo else date.replace(tzinfo=UTC)
    return (aware - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()

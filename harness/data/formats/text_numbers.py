"""Numbers as people and programs write them: decimal commas, thousands, percent, currency.

A column is read in one style or not at all: a style is what every value in it fits.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from jaxtyping import Float

MISSING = frozenset({"", "?", "na", "nan", "null", "none", "n/a", "#n/a", "<na>", "nat", "-nan"})
"""What stands for a missing number, in lower case and without blanks around it."""
NO_WORD = MISSING - {"none"}
"""What stands for a missing word: ``none`` is a word like others."""
_EXPONENT = r"(?:[eEdD][+-]?\d+)?"
_PLAIN = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_POINT = re.compile(rf"[+-]?(?:\d+\.?\d*|\.\d+){_EXPONENT}")
_COMMA = re.compile(rf"[+-]?(?:\d{{1,3}}(?:\.\d{{3}})+(?:,\d+)?|\d+(?:,\d*)?|,\d+){_EXPONENT}")
_THOUSANDS = re.compile(rf"[+-]?(?:\d{{1,3}}(?:,\d{{3}})+(?:\.\d+)?|\d+\.?\d*|\.\d+){_EXPONENT}")
_BLANKS = re.compile(r"(?<=\d)[ '’](?=\d{3}(?!\d))")
_AROUND = re.compile(r"([+-]?)\s*([$€£¥]?)\s*([+-]?[^$€£¥%]*?)\s*([%$€£¥]?)")
_UNIT = re.compile(r"(.*\d[.,]?)\s*((?:[^\W\d_]|[°µΩ])[\w°²³/^.·-]{0,7})")
_CODE = re.compile(r"([A-Z]{3}) +([+-]?\d.*)")
_INFINITE = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)
_LIKE = re.compile(
    r"([A-Za-z]{1,4} )?[^A-Za-z0-9]{0,3}\d[\d.,'’ _/:+–-]*[^\d]{0,4}|0[xX][0-9a-fA-F]+"
)
_DIGITS = 15
"""Characters of a number that float64 always tells from another of as many."""
_LETTERS = str.maketrans({"−": "-", "\u00a0": " ", "\u202f": " ", "\u2009": " ", "－": "-"})


@dataclass(frozen=True)
class Numbers:
    """A column of text as numbers."""

    values: Float[np.ndarray, " n"]
    """NaN where missing; infinite where one was written or is too large."""
    said: str = ""
    """How they were written where that is not plain: ``"with a decimal comma"``."""
    merged: tuple[str, str] | None = None
    """Two whole numbers or codes that are written otherwise and are one number here."""
    rounded: int = 0
    """How many values with a fraction are equal to another that was written otherwise."""


def is_number(value: str) -> bool:
    """Return whether a value is a number that `float` reads, infinite ones among them."""
    word = value.strip()
    return _PLAIN.fullmatch(word) is not None or _INFINITE.fullmatch(word) is not None


def is_like_number(value: str) -> bool:
    """Return whether a value that is not a number seems to be meant as one: ``12 kg``, ``0x1F``.

    Examples
    --------
    >>> is_like_number("12 kg"), is_like_number("0x1F"), is_like_number("anna")
    (True, True, False)
    """
    return _LIKE.fullmatch(value.strip().translate(_LETTERS)) is not None


def decimal_sign(columns: Sequence[Sequence[str]]) -> str:
    """Return the decimal sign that columns of a file show beyond doubt; empty where they do not.

    Parameters
    ----------
    columns : sequence of sequence of str
        All columns of a file.

    Examples
    --------
    >>> decimal_sign([["1,5", "2,25"], ["a", "b"]]), decimal_sign([["1,234", "2,345"]])
    (',', '')
    """
    signs = set()
    if not any("," in value for column in columns for value in column):
        return ""
    for column in columns:
        kinds = {value.strip() for value in column}
        words = [kind.translate(_LETTERS) for kind in kinds if kind.lower() not in MISSING]
        point = all(map(_POINT.fullmatch, words)) or all(map(_THOUSANDS.fullmatch, words))
        comma = all(map(_COMMA.fullmatch, words))
        if point != comma and any("," in word or "." in word for word in words):
            signs.add("." if point else ",")
    return signs.pop() if len(signs) == 1 else ""


def read_numbers(
    values: Sequence[str], missing: frozenset[str], separator: str = "", decimal: str = ""
) -> Numbers | None:
    """Return a column of text as numbers, None when it is none or may be read in two ways.

    Parameters
    ----------
    values : sequence of str
        n values.
    missing : frozenset of str
        Words for a missing value, in lower case.
    separator : str, optional
        What stands between values of the file: beside commas, a comma in a value groups thousands.
    decimal : str, optional
        Decimal sign where it is known.

    Examples
    --------
    >>> read_numbers(["1,5", "", "20,25"], MISSING, ";").values.tolist()
    [1.5, nan, 20.25]
    """
    stripped = [value.strip() for value in values]
    holes = np.array([word.lower() in missing for word in stripped], dtype=bool)
    words = [word for word, hole in zip(stripped, holes, strict=True) if not hole]
    if not words:
        return None
    found = _plain(words) if decimal != "," else None
    said = ""
    if found is None:
        written = [word.translate(_LETTERS) for word in words]
        styled = _styled(written, separator, decimal) or _in_unit(written, separator, decimal)
        if styled is None:
            return None
        found, said = styled
    numbers = np.full(len(values), np.nan)
    numbers[~holes] = found
    return Numbers(numbers, said, *_merged(words, found))


def _plain(words: Sequence[str]) -> list[float] | None:
    """Return numbers with a decimal point, or infinite ones; the common case, and quick."""
    try:
        found = [float(word) for word in words]
    except ValueError:
        return None
    odd = any("_" in word for word in words) or any(number != number for number in found)
    return None if odd else found


def _in_unit(words: Sequence[str], separator: str, decimal: str) -> tuple[list[float], str] | None:
    """Return numbers that all stand before one unit, or behind one currency's code, and how."""
    for pattern, unit_at in ((_UNIT, 2), (_CODE, 1)):
        found = [pattern.fullmatch(word) for word in words]
        if not all(found) or len({each[unit_at] for each in found if each}) != 1:
            continue
        numbers = [each[3 - unit_at].strip() for each in found if each]
        read = _styled(numbers, separator, decimal)
        if read is not None:
            unit = next(each[unit_at] for each in found if each)
            how = [f"with {unit}, which is left out", *filter(None, read[1:])]
            return read[0], " and ".join(how)
    return None


def _styled(words: list[str], separator: str, decimal: str) -> tuple[list[float], str] | None:
    """Return numbers in one of the other styles, and its name."""
    said = []
    around = [_AROUND.fullmatch(_negative(word)) for word in words]
    marks = {found[2] + found[4] if found else "none" for found in around}
    if len(marks) != 1 or "none" in marks:
        return None
    mark = marks.pop()
    if mark:
        said.append(f"with {mark}, which is left out")
        words = [found[1] + found[3] for found in around if found]
    elif any(word.startswith("(") for word in words):
        said.append("with brackets around those below zero")
        words = [_negative(word) for word in words]
    grouped = [_BLANKS.sub("", word) for word in words]
    if grouped != words:
        said.append("with thousands set apart")
    style = _style(grouped, separator, decimal)
    if style is None:
        return None
    if style == ",":
        grouped = [word.replace(".", "").replace(",", ".") for word in grouped]
        said.append("with a decimal comma")
    elif any("," in word for word in grouped):
        grouped = [word.replace(",", "") for word in grouped]
        said.append("with commas between thousands")
    return [float(word.lower().replace("d", "e")) for word in grouped], " and ".join(said)


def _negative(word: str) -> str:
    """Return a number in brackets, as accountants write those below zero, with a sign."""
    return f"-{word[1:-1]}" if word.startswith("(") and word.endswith(")") else word


def _style(words: Sequence[str], separator: str, decimal: str) -> str | None:
    """Return the decimal sign of a column; None where its values are not numbers, or it is open.

    ``1,234`` alone may be either. Between commas it is taken for 1234. Elsewhere it is taken for
    1.234, because it differs only by a factor, unless there are numbers without a comma: then
    ``999`` and ``1,000`` may be neighbours.
    """
    point = all(map(_THOUSANDS.fullmatch, words))
    comma = all(map(_COMMA.fullmatch, words))
    if decimal:
        return decimal if (comma if decimal == "," else point) else None
    if point != comma:
        return "." if point else ","
    if not point:
        return None
    if separator == "," or not any("," in word for word in words):
        return "."
    return "," if all("," in word for word in words) else None


def _merged(words: Sequence[str], numbers: Sequence[float]) -> tuple[tuple[str, str] | None, int]:
    """Return two whole numbers that fell together, and how many fractions did.

    Whole numbers beyond 2⁵³ are not all in float64, and ``01`` and ``1`` may be two codes.
    Fractions fall together beyond some sixteen digits.
    """
    odd = {
        word: number
        for word, number in zip(words, numbers, strict=True)
        if len(word) > _DIGITS or (len(word) > 1 and word[0] == "0" and word.isdecimal())
    }
    if not odd:
        return None, 0
    whole: dict[float, str] = {}
    for word, number in dict(zip(words, numbers, strict=True)).items():
        digits = word.lstrip("+-") if number == 0 else word.removeprefix("+")
        if digits.lstrip("-").isdecimal() and whole.setdefault(number, digits) != digits:
            return (whole[number], digits), 0
    fractions = {word: n for word, n in odd.items() if _PLAIN.fullmatch(word)}
    exact = {Decimal(word) for word in fractions}
    return None, len(exact) - len(set(fractions.values()))

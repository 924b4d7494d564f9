"""Classes of a target column: what was written is the class, in an order that never changes."""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

import numpy as np
from jaxtyping import Int

from harness.data.formats.raw_table import RawTable, Reading, Values, as_text
from harness.data.formats.text import alike
from harness.data.formats.text_numbers import MISSING, is_number
from harness.data.pools.table_columns import in_order
from harness.errors import DataError

FEW = 20
"""Classes that may be numbers with a fraction; more are taken for a continuous target."""
MANY = 100
"""Classes that may be whole numbers, when they have fewer than TEN rows on average."""
TEN = 10


def classes_of(
    raw: RawTable, target: str, reading: Reading
) -> tuple[Int[np.ndarray, " n"], tuple[str, ...], list[str]]:
    """Return class indices, class names in order (numbers by size), and what was found.

    Only a field in which nothing is written lacks a class: ``NA`` and ``none`` are names like
    others, unless the reading names them as missing.

    Parameters
    ----------
    raw : RawTable
        With the target among its columns.
    target : str
        Its name.
    reading : Reading
        What the owner of the table says.

    Raises
    ------
    DataError
        If a row has no class, there are fewer than two classes, or the values are not classes.
    """
    words, notes = _unified(_written(raw.column(target, "target column")), target, raw)
    _refuse_holes(words, target, raw, reading)
    counts = Counter(words)
    kinds = in_order(set(counts))
    if len(kinds) < 2:
        raise DataError(
            f"Expected at least two classes in the target {target!r} of {raw.source}; got "
            f"{', '.join(repr(kind) for kind in kinds) or 'no row'}. Name another target."
        )
    if not reading.force:
        _refuse_continuous(counts, target, raw)
    number = {kind: k for k, kind in enumerate(kinds)}
    notes += _remarks(counts, target)
    return np.array([number[word] for word in words]), tuple(kinds), notes


def _written(values: Values) -> list[str]:
    """Return values as they would be written, without blanks around them."""
    if isinstance(values, np.ndarray) and not np.all(np.isnan(values) | (np.mod(values, 1) == 0)):
        return ["" if np.isnan(v) else repr(float(v)) for v in values]
    return [value.strip() for value in as_text(values)]


def _unified(words: list[str], target: str, raw: RawTable) -> tuple[list[str], list[str]]:
    """Give equal numbers one spelling (``1.0`` becomes ``1``); refuse codes that are equal.

    Where one spelling has zeros before it (``01``) it may be a code of its own.
    """
    spellings: dict[Decimal, set[str]] = {}
    kinds = {word for word in words if word}
    if not kinds or not all(is_number(kind) for kind in kinds):
        return words, []
    for kind in kinds:
        spellings.setdefault(Decimal(kind), set()).add(kind)
    double = {number: sorted(said) for number, said in spellings.items() if len(said) > 1}
    for said in double.values():
        coded = [
            word
            for word in said
            if len(word.lstrip("+-")) > 1
            and word.lstrip("+-").isdecimal()
            and word.lstrip("+-")[0] == "0"
        ]
        if coded:
            other = next(word for word in said if word != coded[0])
            rows = raw.where(words.index(coded[0])), raw.where(words.index(other))
            raise DataError(
                f"Expected one spelling for each class in the target {target!r} of {raw.source}; "
                f"{coded[0]!r} in {rows[0]} and {other!r} in {rows[1]} are the same number. Write "
                "one of them in every row, or words where they are different classes."
            )
    short = {
        word: min(said, key=lambda w: (len(w), w)) for said in double.values() for word in said
    }
    notes = [
        f"In the target {target!r} {', '.join(map(repr, said))} are one class, {short[said[0]]!r}."
        for said in double.values()
    ]
    return [short.get(word, word) for word in words], notes


def _refuse_holes(words: Sequence[str], target: str, raw: RawTable, reading: Reading) -> None:
    """Refuse rows without a class, and words for a missing one among classes that are numbers."""
    named = frozenset(map(str.lower, reading.missing)) | {""}
    holes = [row for row, word in enumerate(words) if word.lower() in named]
    if holes:
        word = words[holes[0]]
        written = "nothing is written" if not word else f"{word!r} stands"
        raise DataError(
            f"Expected a class in every row of {raw.source}; {target!r} is missing in "
            f"{len(holes):,}, first in {raw.where(holes[0])}, where {written}. Write the class "
            "there, or leave these rows out of the file."
        )
    odd = [row for row, word in enumerate(words) if not is_number(word)]
    if odd and not reading.force and len(odd) < len(words):
        strange = {words[row].lower() for row in odd}
        if strange <= MISSING and len(set(words)) > len(strange) + 1:
            raise DataError(
                f"Expected classes that are numbers in the target {target!r} of {raw.source}, as "
                f"in other rows; {raw.where(odd[0])} has {words[odd[0]]!r}. Write nothing where "
                "the class is missing, or say --force where this is a class."
            )


def _refuse_continuous(counts: Counter[str], target: str, raw: RawTable) -> None:
    """Refuse a target whose values are measurements or names of rows."""
    kinds, rows = len(counts), sum(counts.values())
    shown = ", ".join(in_order(set(counts))[:3])
    numeric = all(is_number(kind) for kind in counts)
    fractions = numeric and any(float(kind) % 1 for kind in counts)
    if (fractions and kinds > FEW) or (numeric and kinds > MANY and rows < TEN * kinds):
        raise DataError(
            f"Expected classes in the target {target!r} of {raw.source}; got {kinds:,} different "
            f"numbers in {rows:,} rows ({shown}, …), as of a continuous target. Name another "
            "column with --target, write ranges as classes, or say --force where these are classes."
        )
    if kinds > FEW and rows < 2 * kinds:
        raise DataError(
            f"Expected classes in the target {target!r} of {raw.source}; got {kinds:,} different "
            f"values in {rows:,} rows ({shown}, …), as of names of rows. Name another column with "
            "--target, or say --force where these are classes."
        )


def _remarks(counts: Counter[str], target: str) -> list[str]:
    """Return what a user should know of the classes."""
    notes = []
    words = sorted({kind for kind in counts if kind.lower() in MISSING})
    for kind in words:
        notes.append(
            f"{kind!r} is a class of {counts[kind]:,} rows in the target {target!r}; where it "
            f"means that the class is missing, say --missing {kind} and see which rows."
        )
    same = alike([*counts])
    if same:
        notes.append(
            f"Classes {', '.join(map(repr, same))} differ only in case, blanks or signs that are "
            "not seen, and count as different."
        )
    single = [kind for kind, rows in counts.items() if rows == 1]
    if single:
        some = ", ".join(map(repr, sorted(single)[:5])) + (", …" if len(single) > 5 else "")
        noun = "class has" if len(single) == 1 else "classes have"
        notes.append(f"{len(single)} {noun} one row only ({some}), to train on or to test on.")
    return notes

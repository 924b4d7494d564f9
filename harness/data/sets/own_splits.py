"""Which rows of a table of the user's own are for training and which for the test, as they say."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int

from harness.data.formats.raw_table import RawTable, Values
from harness.data.formats.text_files import check_regular
from harness.data.pools.parting import check_covered, fold_of_rows
from harness.data.pools.table_columns import in_order
from harness.data.sets.own_options import Options
from harness.errors import DataError, SpecError
from harness.streams import stream
from harness.types import Pool

MOST_SINGLE = 1000
"""Rows of a table at most whose rows are left out one by one: each is a model of its own."""
FEWEST_GROUPS = 3
"""Groups of a table at least where they are kept together."""
RULES = ("split", "test", "test_rows", "folds", "leave_one_out")
"""Options that say which rows are the test; one of them at most."""
_TRAIN = frozenset({"train", "training", "learn", "learning"})
_VALIDATION = frozenset({"val", "valid", "validation", "dev"})
_TEST = frozenset({"test", "testing", "holdout", "hold-out", "hold_out"})
_RANGE = re.compile(r"(\d+)(?:-(\d+))?")


@dataclass(frozen=True)
class Parting:
    """Rows of a table by what they are for; both None where the suite draws them."""

    test: Int[np.ndarray, " t"] | None = None
    """Rows of a given test part."""
    folds: Int[np.ndarray, " n"] | None = None
    """Fold of each row, from 0: each fold is the test once."""
    groups: Int[np.ndarray, " n"] | None = None
    """Group of each row, from 0: no group is in two parts."""
    notes: tuple[str, ...] = ()
    """What was found, one sentence each."""


def check_rules(options: Options) -> None:
    """Refuse two answers to the question which rows are the test.

    Raises
    ------
    SpecError
        Naming both.
    """
    given = [f"--{rule.replace('_', '-')}" for rule in RULES if getattr(options, rule)]
    if len(given) > 1:
        raise SpecError(
            f"Expected one rule for the test rows; got {' and '.join(given)}. Leave one out."
        )


def columns_of_rules(options: Options) -> list[str]:
    """Return the columns that say what rows are for, and so are not inputs."""
    named = [options.split, options.group]
    if options.folds and not options.folds.isdecimal():
        named.append(options.folds)
    return [name for name in named if name]


def split_column(raw: RawTable, options: Options) -> str | None:
    """Return the column that says train and test of each row, where no option speaks of it.

    As an input it would mean nothing, and drawing other test rows than those given would mean
    less: it is taken for what it says, and that is said.

    Raises
    ------
    DataError
        If another rule for the test rows was given, or two columns say it: with the options that
        say what a column is for.
    """
    named = {options.target, *columns_of_rules(options), *options.drop, *options.text}
    found: dict[str, list[str]] = {}
    for name, values in raw.columns.items():
        if name in named or isinstance(values, np.ndarray):
            continue
        words = {_word(value) for value in set(values)}
        if words <= _TRAIN | _VALIDATION | _TEST and words & _TRAIN and words & _TEST:
            found[name] = sorted(words)
    ruled = any(getattr(options, rule) for rule in RULES)
    if len(found) == 1 and not ruled:
        return next(iter(found))
    if not found:
        return None
    (name, said), *others = found.items()
    sentence = (
        f"Expected to be told what column {name!r} of {raw.source} is for; it says "
        f"{' and '.join(said)} of each row"
    )
    if ruled:
        raise DataError(
            f"{sentence}, and another rule gives the test rows. Say --drop {name} to leave it out, "
            f"or --text {name} where it is an input."
        )
    rest = " ".join(f"--drop {other}" for other, _ in others)
    too = " and ".join(repr(other) for other, _ in others)
    raise DataError(
        f"{sentence}, as {too} does. Say --split {name} {rest} where {name!r} gives the test rows."
    )


def part_rows(
    raw: RawTable, pool: Pool, name: str, options: Options, given: Int[np.ndarray, " t"] | None
) -> Parting:
    """Return what the rows of a table are for.

    Parameters
    ----------
    raw : RawTable
        As its file gave it, with the columns of the rules.
    pool : Pool
        Its inputs and labels.
    name : str
        Of the data set; folds are drawn from the stream ``own-<name>-v1|folds``.
    options : Options
        What the user said.
    given : int array of shape (t,) or None
        Rows that came from a test file.

    Raises
    ------
    DataError
        If a column or a list of rows does not say it, or a class would have no training row.
    """
    assert pool.labels is not None, "a table has labels"
    groups = None
    notes: list[str] = []
    if options.group:
        groups = _codes(raw.column(options.group, "column of groups"), options.group, raw)
        if (found := int(groups.max()) + 1) < FEWEST_GROUPS:
            raise DataError(
                f"Expected at least {FEWEST_GROUPS} groups, for training, test and calibration; "
                f"{options.group!r} of {raw.source} has {found}. Name a column with more, or leave "
                "--group out."
            )
    test = given
    if options.split:
        test, notes = _split_column(raw, options.split)
    elif options.test_rows:
        test = _listed_rows(options.test_rows, len(pool))
    folds = _folds(raw, pool, name, options, groups)
    _check(pool, test, folds, groups, options)
    return Parting(test, folds, groups, tuple(notes))


def _codes(values: Values, name: str, raw: RawTable) -> Int[np.ndarray, " n"]:
    """Return a number for each different value of a column."""
    words = [str(value).strip() for value in values]
    empty = next((k for k, word in enumerate(words) if word in ("", "nan")), None)
    if empty is not None:
        raise DataError(
            f"Expected a value in every row of column {name!r} of {raw.source}; "
            f"{raw.where(empty)} has none. Write one there, or leave the row out of the file."
        )
    number = {word: k for k, word in enumerate(in_order(set(words)))}
    return np.array([number[word] for word in words], dtype=np.int64)


def _split_column(raw: RawTable, name: str) -> tuple[Int[np.ndarray, " t"], list[str]]:
    """Return the rows that a column says are the test."""
    values = raw.column(name, "column of parts")
    words = [_word(value) for value in values]
    said = {True: _TRAIN | _VALIDATION, False: _TEST}
    yes, no = {"1", "true", "yes"}, {"0", "false", "no"}
    about = name.lower().replace("_", " ").replace("is", "").strip()
    if set(words) <= yes | no and about in _TRAIN | _TEST:
        said = {True: frozenset(yes if about in _TRAIN else no)}
        said[False] = frozenset((yes | no) - said[True])
    strange = next(
        (k for k, word in enumerate(words) if not any(word in s for s in said.values())), None
    )
    if strange is not None:
        seen = ", ".join(repr(word) for word in sorted(set(words))[:6])
        raise DataError(
            f"Expected train or test (perhaps validation) in column {name!r} of {raw.source}; "
            f"{raw.where(strange)} has {words[strange]!r}, and the column has {seen}. Write train "
            f"and test there, or say --folds {name} where it numbers folds."
        )
    test = np.array([k for k, word in enumerate(words) if word in said[False]], dtype=np.int64)
    held = sum(word in _VALIDATION for word in words)
    notes = [f"{held:,} validation rows are training rows here."] if held else []
    return test, notes


def _word(value: object) -> str:
    text = str(value).strip().lower()
    return text.removesuffix(".0") if text in ("0.0", "1.0") else text


def _listed_rows(text: str, n: int) -> Int[np.ndarray, " t"]:
    """Return rows from ``200-350,400`` or a file of numbers, one per line; they count from 0.

    So do the rows of ``tailmark data rows`` and of predictions.
    """
    path = Path(text)
    parts: Sequence[str] = [part.strip() for part in text.split(",") if part.strip()]
    if not all(_RANGE.fullmatch(part) for part in parts):
        if not path.exists():
            raise DataError(
                f"Expected rows such as 200-350,400 or a file of row numbers; got {text!r}, and "
                "there is no such file. Write for example --test-rows 200-350"
            )
        check_regular(path)
        written = path.read_text(encoding="utf-8-sig", errors="replace").replace(",", "\n")
        parts = [line.strip() for line in written.splitlines() if line.strip()]
        if parts and parts[0].lower() in ("row", "rows"):
            parts = parts[1:]
    rows: list[int] = []
    for part in parts:
        found = _RANGE.fullmatch(part)
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (-1, -1)
        if not 0 <= first <= last < n:
            raise DataError(
                f"Expected rows from 0 to {n - 1:,}, the first row of values being 0; got "
                f"{part[:40]!r} in {text!r}. Write for example --test-rows {n // 2}-{n - 1}"
            )
        rows += range(first, last + 1)
    if len(set(rows)) < len(rows):
        double = next(row for row in rows if rows.count(row) > 1)
        raise DataError(
            f"Expected each test row once; row {double:,} is listed twice in {text!r}. "
            "Leave it out once."
        )
    return np.array(sorted(rows), dtype=np.int64)


def _folds(
    raw: RawTable,
    pool: Pool,
    name: str,
    options: Options,
    groups: Int[np.ndarray, " n"] | None,
) -> Int[np.ndarray, " n"] | None:
    """Return the fold of each row: as given, drawn, or one for each row or group."""
    assert pool.labels is not None, "a table has labels"
    n = len(pool) if groups is None else int(groups.max()) + 1
    units = "rows" if groups is None else "groups"
    if options.leave_one_out:
        if n > MOST_SINGLE:
            raise DataError(
                f"Expected at most {MOST_SINGLE:,} {units} to leave out one by one; {raw.source} "
                f"has {n:,}, each a model of its own. Say --folds 10"
            )
        return np.arange(n) if groups is None else groups
    if not options.folds:
        return None
    if not options.folds.isdecimal():
        return _codes(raw.column(options.folds, "column of folds"), options.folds, raw)
    k = int(options.folds)
    if not 2 <= k <= n:
        raise DataError(
            f"Expected at least 2 folds and at most as many as {units}, {n:,} in {raw.source}; got "
            f"{k}. Say for example --folds {min(5, n)}, or --leave-one-out"
        )
    order = stream(f"own-{name}-v1|folds", 0, "partition").permutation(len(pool))
    return fold_of_rows(pool.labels, k, order, groups)


def _check(
    pool: Pool,
    test: Int[np.ndarray, " t"] | None,
    folds: Int[np.ndarray, " n"] | None,
    groups: Int[np.ndarray, " n"] | None,
    options: Options,
) -> None:
    """Refuse parts that lack a class or share a group."""
    assert pool.labels is not None, "a table has labels"
    every = np.arange(len(pool))
    if test is not None:
        training = np.setdiff1d(every, test)
        advice = "Name other rows for the test, or leave the class out of the file."
        check_covered(pool.labels, pool.class_names, training, test, advice)
        if groups is not None and len(shared := np.intersect1d(groups[training], groups[test])):
            rows = [int(np.flatnonzero(groups[part] == shared[0])[0]) for part in (training, test)]
            raise DataError(
                f"Expected no group of {options.group!r} in training and test; row "
                f"{training[rows[0]]:,} and test row {test[rows[1]]:,} are of one. Leave "
                "--group out where that is meant, or correct the parts."
            )
    for fold in [] if folds is None else np.unique(folds):
        advice = (
            f"It is all in fold {fold + 1}. Say fewer --folds, leave the class out of the file, or "
            "leave the rule out."
        )
        parts = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        check_covered(pool.labels, pool.class_names, *parts, advice)
        if groups is not None and len(np.intersect1d(groups[parts[0]], groups[parts[1]])):
            raise DataError(
                f"Expected no group of {options.group!r} in two folds of {options.folds!r}; fold "
                f"{fold + 1} shares one with others. Leave --group out, or say --folds 5."
            )

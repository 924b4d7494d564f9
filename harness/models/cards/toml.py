"""TOML that nobody vouches for, read; and TOML written, which the standard library only reads."""

import json
import math
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.errors import CardError, HarnessError

MAX_BYTES = 1 << 20
"""Longest file that is read: 10,000 files of predictions with their sums are 1 MiB."""
MAX_DEPTH = 8
"""Tables and lists inside each other."""
MAX_TEXT = 4096
"""Longest text, in characters."""
MAX_INTEGER = 2**63
"""Integers are smaller than this: TOML promises 64 bits, and so do JSON and numpy."""


def read_toml(path: Path, kind: type[HarnessError]) -> dict[str, Any]:
    """Return the tables of a TOML file, whatever it holds refused in one sentence.

    Parameters
    ----------
    path : Path
        A regular file.
    kind : type
        Class of the error.

    Raises
    ------
    HarnessError
        Of that class, if it is too long, not TOML, or nested too deeply.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise kind(f"{path} must be at most {MAX_BYTES:,} bytes; got {size:,}. Shorten it.")
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except RecursionError:
        raise kind(f"{path} nests tables or lists too deeply to be read. Make it flat.") from None
    except (OSError, ValueError) as error:  # of a number of too many digits, of UTF-8, of TOML
        raise kind(f"{path} is not TOML: {str(error)[:200]}. Correct it.") from None


def check_plain(value: Any, where: str, path: str = "", depth: int = 0) -> None:
    """Refuse values that no card needs and that keys, JSON or file systems cannot hold.

    Parameters
    ----------
    value : object
        From TOML.
    where : str
        What error sentences call the file.
    path : str
        Dotted name of the value.
    depth : int
        How many tables and lists are around it.

    Raises
    ------
    CardError
        For NaN and infinity, dates, integers beyond 64 bits, texts with control characters or of
        more than 4,096, and deep nesting.
    """
    if depth > MAX_DEPTH:
        raise CardError(f"{where}: {path[:80]} is nested more than {MAX_DEPTH} deep. Make it flat.")
    if isinstance(value, Mapping):
        for name, inner in value.items():
            check_plain(str(name), where, f"{path}.{name}"[:200].strip("."), depth)
            check_plain(inner, where, f"{path}.{name}"[:200].strip("."), depth + 1)
    elif isinstance(value, list):
        for inner in value:
            check_plain(inner, where, path, depth + 1)
    else:
        problem = _problem(value)
        if problem:
            raise CardError(f"{where}: {path}: {problem}")


def _problem(value: Any) -> str:
    """Return what is wrong with one value, with what to do."""
    if isinstance(value, str):
        if len(value) > MAX_TEXT:
            return (
                f"a text has at most {MAX_TEXT:,} characters; got {len(value):,}, which begin "
                f"{value[:30]!r}. Shorten it."
            )
        control = next((c for c in value if ord(c) < 32 and c not in "\n\t"), None)
        if control is not None:
            return f"a text has no control characters; got {control!r}. Take it out."
        return ""
    if isinstance(value, bool):
        return ""
    if isinstance(value, int):
        return "" if abs(value) < MAX_INTEGER else "an integer fits 64 bits. Write a smaller one."
    if isinstance(value, float):
        return "" if math.isfinite(value) else f"a number is finite; got {value}. Write a number."
    return f"expected a text, number, list or table; got {value!r}. Write dates as text."


def toml_lines(table: Mapping[str, Any], path: tuple[str, ...] = ()) -> list[str]:
    """Return a table's lines: values first, then its sub-tables under their dotted names.

    Parameters
    ----------
    table : mapping of str
        Values are texts, numbers, booleans, lists of these, or tables.
    path : tuple of str
        Names of the tables around it.

    Examples
    --------
    >>> toml_lines({"a": 1, "b": {"c": ["x"]}})
    ['a = 1', '', '[b]', 'c = ["x"]']
    """
    tables = {k: v for k, v in table.items() if isinstance(v, Mapping)}
    lines = [f"{_key(k)} = {_value(v)}" for k, v in table.items() if k not in tables]
    for name, inner in tables.items():
        below = (*path, name)
        lines += ["", f"[{'.'.join(map(_key, below))}]", *toml_lines(inner, below)]
    return lines


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name)


def _value(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")

"""Writing TOML: the standard library only reads it."""

import json
import re
from collections.abc import Mapping
from typing import Any


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

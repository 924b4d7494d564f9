"""The seal of what the store writes as JSON: its sha256, in the text itself.

Arrays are compared with their content address. What stands beside them has none, so that one
flipped bit would be believed; a seal covers it, and the place where it lies.
"""

import json
from collections.abc import Mapping
from typing import Any

from harness.errors import StoreError
from harness.keys import sha256_text

SEAL, FORMAT = "seal", "format"
"""Names of the sha256 and of the version that sealing began with."""
SEALED_SINCE = 2
"""Things of format 1 have neither name."""


def sealed(value: Mapping[str, Any], place: str) -> dict[str, Any]:
    """Return a JSON object with its seal.

    Parameters
    ----------
    value : mapping
        Anything that JSON can hold.
    place : str
        Where it lies, such as ``results/<key>``: moved elsewhere it is not believed.
    """
    plain: dict[str, Any] = json.loads(json.dumps({**value, FORMAT: SEALED_SINCE}))
    return {**plain, SEAL: _sha256(plain, place)}


def unsealed(text: str, place: str) -> tuple[dict[str, Any], bool]:
    """Return a JSON object without its seal, and whether there was one.

    Without one it is of an earlier version. One flipped bit cannot make it look so, since a sealed
    object has two names that an earlier one lacks.

    Raises
    ------
    ValueError
        If the seal is another.
    StoreError
        If a newer version of tailmark wrote it: that is no damage, and nothing is made again.
    """
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError("not an object")
    if SEAL not in value and FORMAT not in value:
        return value, False
    seal = value.pop(SEAL, None)
    if seal != _sha256(value, place):
        raise ValueError("its text has another sha256 than its seal says")
    if value.pop(FORMAT) > SEALED_SINCE:
        raise StoreError(
            f"{place} was written by a newer version of tailmark, which this one cannot read. "
            "Update this one, or name another folder with --store or TAILMARK_HOME."
        )
    return value, True


def _sha256(plain: Mapping[str, Any], place: str) -> str:
    return sha256_text(f"{place}\n{json.dumps(plain, sort_keys=True)}")

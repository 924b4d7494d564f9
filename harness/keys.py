"""Content addresses: how arrays, settings and code become the sha256 under which things are kept.

Nothing here looks at a file's container: two npz files with the same arrays have the same content.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

KEY_VERSION = 2
"""Raised by hand when reading, preprocessing or passing changes meaning (SPEC section 2).

2: keys hold the training inputs themselves; code is hashed by its syntax. What a store keeps
under keys of version 1 is never found again."""


def canonical(value: Any) -> str:
    """Return the one JSON text of `value`: sorted keys, no spaces, ASCII, no NaN.

    Raises
    ------
    ValueError
        If a float is NaN or infinite.

    Examples
    --------
    >>> canonical({"b": 1, "a": [1.5, None]})
    '{"a":[1.5,null],"b":1}'
    """
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    )


def sha256_text(text: str) -> str:
    """Return the sha256 of a text's UTF-8 bytes as 64 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def sha256_of(value: Any) -> str:
    """Return the sha256 of the canonical JSON of `value`."""
    return sha256_text(canonical(value))


def sha256_file(path: Path) -> str:
    """Return the sha256 of a file's bytes, read in blocks of 1 MiB."""
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while block := handle.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def content(arrays: Mapping[str, np.ndarray]) -> str:
    """Return the sha256 of named arrays, independent of how they are stored.

    Hashed in name order: name NUL dtype NUL shape NUL little-endian C-order bytes.

    Parameters
    ----------
    arrays : mapping of str to array
        Any number of arrays of any fixed-size dtype; not object arrays.

    Returns
    -------
    str
        64 hexadecimal digits.

    Examples
    --------
    >>> content({"x": np.arange(3, dtype="<i8")})[:8]
    '468b114b'
    """
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        little = array.astype(array.dtype.newbyteorder("<"), copy=False)
        header = f"{name}\0{little.dtype.str}\0{','.join(map(str, little.shape))}\0"
        digest.update(header.encode())
        digest.update(np.ascontiguousarray(little).data)
    return digest.hexdigest()


def train_key(
    *,
    trainer: str,
    code: str,
    config: Mapping[str, Any],
    split_sha256: str,
    inputs: str,
    seed: int,
    threads: int,
    device: str,
    dtype: str,
    parents: list[str],
) -> str:
    """Return the key of a trained state: everything that may change a weight, nothing else.

    Parameters
    ----------
    trainer : str
        ``module:function``.
    code : str
        sha256 of the trainer's code (`harness.models.methods.methods.code`).
    config : mapping
        The whole recipe, defaults filled in.
    split_sha256 : str
        Which rows, under which labels.
    inputs : str
        Identity of what these rows hold: row numbers and labels may be those of other data too.
    seed, threads : int
        Seed of the job; CPU threads (another number gives other weights).
    device, dtype : str
        For example ``"cpu"`` and ``"float32"``.
    parents : list of str
        Identity of every state and of all features that this one starts from.
    """
    return sha256_of(
        {
            "v": KEY_VERSION,
            "trainer": trainer,
            "code": code,
            "config": dict(config),
            "split_sha256": split_sha256,
            "inputs": inputs,
            "seed": seed,
            "threads": threads,
            "device": device,
            "dtype": dtype,
            "parents": parents,
        }
    )


def evidence_key(
    *,
    model_id: str,
    code: str | None,
    pool: str,
    rows: str | None,
    preprocessing: Mapping[str, Any] | None,
    device: str,
    dtype: str,
    memory_format: str,
    adapt: str | None = None,
) -> str:
    """Return the key of one pass of one model over one pool.

    Parameters
    ----------
    model_id : str
        train_key of a method; content of weights and architecture of a model.
    code : str or None
        sha256 of the entry's own code, None when it has none.
    pool : str
        Identity of the pool: contents and form.
    rows : str or None
        sha256 of the row numbers passed; None for all rows.
    preprocessing : mapping or None
        What the harness applied before the model saw the inputs.
    device, dtype, memory_format : str
        How the pass was computed.
    adapt : str or None
        Fingerprint of the inputs that a transductive entry adapted on.
    """
    return sha256_of(
        {
            "v": KEY_VERSION,
            "model_id": model_id,
            "code": code,
            "pool": pool,
            "rows": rows,
            "preprocessing": None if preprocessing is None else dict(preprocessing),
            "device": device,
            "dtype": dtype,
            "memory_format": memory_format,
            "adapt": adapt,
        }
    )

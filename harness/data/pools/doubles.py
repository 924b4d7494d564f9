"""Exact doubles: rows whose inputs are equal, within a part and between training and test."""

import hashlib
from collections.abc import Mapping

import numpy as np

from harness.types import Pool

BLOCK = 1024
"""Rows read together."""


def row_digests(pool: Pool) -> list[bytes]:
    """Return a digest of each row's inputs, as a model gets them.

    Parameters
    ----------
    pool : Pool
        Of arrays or of a table.
    """
    found: list[bytes] = []
    for start in range(0, len(pool), BLOCK):
        block = pool.inputs.take(np.arange(start, min(start + BLOCK, len(pool))))
        found += [hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in block]
    return found


def double_findings(parts: Mapping[str, Pool]) -> tuple[str, ...]:
    """Return how many rows occur twice: one sentence for each part, and for test in training.

    Parameters
    ----------
    parts : mapping of str to Pool
        Part → its rows: ``train`` and ``test``, or ``all``; other parts are OOD sets, compared
        with all of those.
    """
    found: list[str] = []
    known: dict[str, dict[bytes, int]] = {}
    for part, pool in parts.items():
        digests = row_digests(pool)
        labels = [-1] * len(digests) if pool.labels is None else pool.labels.tolist()
        seen: dict[bytes, int] = {}
        within = other = 0
        for digest, label in zip(digests, labels, strict=True):
            within += digest in seen
            other += seen.setdefault(digest, label) != label
        if within:
            drawn = " Some may be drawn into both training and test." if part == "all" else ""
            found.append(
                f"{within:,} of {len(pool):,} rows of {part} are exact doubles of earlier ones, "
                f"{other:,} of them with another label.{drawn}"
            )
        for before, there in known.items():
            both = [(d, label) for d, label in zip(digests, labels, strict=True) if d in there]
            if both:
                differ = sum(there[d] != label for d, label in both)
                labelled = f", {differ:,} of them with another label" if part == "test" else ""
                found.append(
                    f"{len(both):,} of {len(pool):,} rows of {part} are exact doubles of {before} "
                    f"rows{labelled}: a model may know them by heart."
                )
        if part in ("train", "test", "all"):
            known[part] = seen
    return tuple(found)

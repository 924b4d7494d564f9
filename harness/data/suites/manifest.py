"""Committed manifests: what the pools and splits of the shipped suites must be.

One JSON file per suite, made by `tailmark data manifest <suite>`: fingerprints of its pools, and of
each split the hashes of its rows and labels with the counts that people look at.
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from harness.data.splits.make import manifest
from harness.errors import RecordMismatchError
from harness.types import Split

FOLDER = Path(__file__).parent / "manifests"
"""Where the manifests lie."""


@lru_cache(maxsize=8)
def read_manifest(suite: str, folder: Path = FOLDER) -> dict[str, Any] | None:
    """Return a suite's committed manifest, None when there is none.

    Parameters
    ----------
    suite : str
        Suite id.
    folder : Path, optional
        Where manifests lie.
    """
    path = folder / f"{suite}.json"
    if not path.is_file():
        return None
    return dict(json.loads(path.read_text("utf-8")))


def manifest_text(suite: str, pools: Mapping[str, str], splits: Mapping[str, Split]) -> str:
    """Return the manifest of a suite as it is committed: one line a split.

    Parameters
    ----------
    suite : str
        Suite id.
    pools : mapping of str to str
        Pool name → fingerprint.
    splits : mapping of str to Split
        ``<cell>-s<seed>`` → split.
    """
    lines = [
        f"    {json.dumps(name)}: {json.dumps(manifest(split), sort_keys=True)}"
        for name, split in splits.items()
    ]
    names = [f"    {json.dumps(name)}: {json.dumps(sha)}" for name, sha in sorted(pools.items())]
    return (
        f'{{\n  "suite": {json.dumps(suite)},\n  "pools": {{'
        + ("\n" + ",\n".join(names) + "\n  " if names else "")
        + '},\n  "splits": {\n'
        + ",\n".join(lines)
        + "\n  }\n}\n"
    )


def check_pools(suite: str, pools: Mapping[str, str], folder: Path = FOLDER) -> None:
    """Refuse pools that are not those of the committed manifest.

    Parameters
    ----------
    suite : str
        Suite id; one without a manifest is not checked.
    pools : mapping of str to str
        Pool name → fingerprint.
    folder : Path, optional
        Where manifests lie.

    Raises
    ------
    RecordMismatchError
        With both fingerprints.
    """
    committed = read_manifest(suite, folder)
    for name, sha in ({} if committed is None else committed["pools"]).items():
        if pools.get(name) != sha:
            raise RecordMismatchError(
                f"Expected pool {name} of {suite} with fingerprint {sha[:12]}…; got "
                f"{str(pools.get(name))[:12]}…. Its data are not those the suite was made from; "
                "check them with: tailmark data verify"
            )


def check_split(suite: str, split: Split, folder: Path = FOLDER) -> None:
    """Refuse a split that is not the one of the committed manifest.

    Parameters
    ----------
    suite : str
        Suite id; one without a manifest is not checked.
    split : Split
        As it was made.
    folder : Path, optional
        Where manifests lie.

    Raises
    ------
    RecordMismatchError
        Naming the first thing that differs.
    """
    committed = read_manifest(suite, folder)
    name = f"{split.spec.id}-s{split.seed}"
    if committed is None or name not in committed["splits"]:
        return
    expected, found = committed["splits"][name], manifest(split)
    for key, value in expected.items():
        if found.get(key) != value:
            raise RecordMismatchError(
                f"Expected split {name} of {suite} with {key} {_short(value)}; got "
                f"{_short(found.get(key))}. Splits or data changed since the manifest was "
                "committed; a changed split needs a new suite version."
            )


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:36]}…"

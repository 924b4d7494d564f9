"""What reading a folder of records gave, kept beside them so that the next reading is quick.

For each record one file holds its head (everything but the metrics and long lists), the mean of
each metric, its metrics as one array of which one is read at a time, the replicates averaged over
cells and the small details that rankings need, and the long lists, which are parsed when somebody
looks at them. The files of the
record stay the truth: an index file counts only while size, time and inode of both are those that
it was made from, and one that is damaged, of another version or not writable is passed over; the
record is then read and verified as without an index.

Index files lie in ``<store>/index/<folder>/<suite>/<entry>.safetensors``.
"""

import hashlib
import json
import os
import shutil
import time
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, cast

import numpy as np
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from harness.atomic import replacing
from harness.errors import StoreError
from harness.paths import store_folder
from harness.records.later import (
    KINDS,
    SUMS,
    Grids,
    Later,
    LaterValues,
    LazyArrays,
    checked,
    later_parts,
    looked,
    sums_of,
    values_of,
)
from harness.records.records import Recorded, means_of, read_record
from harness.types import RunRecord

VERSION = "5"
"""Raised when what an index file holds changes."""
DETAILS = ("test_counts", "counts", "recall")
"""Details that rankings ask for; kept where they are small, the first read with the head."""
MEANS = "means"
"""Name of each metric's mean over all cells and seeds, and how many of them have no value."""
SMALL = 1 << 14
"""Bytes of a detail that an index file keeps."""
SETTLED = 0.1
"""Seconds that a record's files must be older than its index file's making: within one tick of a
file system's clock a second write would leave no trace."""
OFF = "TAILMARK_NO_INDEX"
"""Set to anything: records are read without an index."""


@dataclass(frozen=True)
class IndexedRecorded(Recorded):
    """A record as its index file gives it: the same answers, fewer bytes read."""

    index: str = field(kw_only=True)
    """Path of the index file."""
    checks: Mapping[str, int] = field(kw_only=True)
    """Name of an array in the index file → CRC-32 of its bytes."""
    read: Mapping[str, np.ndarray] = field(kw_only=True)
    """Details that were read with the head."""
    facts: Mapping[str, Any] = field(kw_only=True)
    """What rankings ask of the long lists."""

    def whole(self) -> RunRecord:
        """Return the record with the fields and metrics that are read later."""
        record = self.record
        variants = {
            name: variant.model_copy(update={"metrics": dict(variant.metrics)})
            for name, variant in record.variants.items()
        }
        fields = {name: list(getattr(record, name)) for name in KINDS}
        return record.model_copy(update={"variants": variants, **fields})

    @cached_property
    def lacking(self) -> frozenset[str]:
        """Return the metric keys that lack a value somewhere."""
        return frozenset(self.facts["lacking"])

    @cached_property
    def answers(self) -> str | None:
        """Return one hash over the test predictions of all jobs."""
        answers: str | None = self.facts["answers"]
        return answers

    def detail(self, variant: str, name: str) -> np.ndarray | None:
        """Return ``detail/<variant>/<name>``, from the index where it keeps this one."""
        key = f"detail/{variant or 'base'}/{name}"
        if key in self.read:
            return self.read[key]
        if key in self.checks:
            with suppress(OSError, SafetensorError, StoreError):
                return checked(self.index, key, self.checks[key])
        return super().detail(variant, name)

    def values(self, variant: str, key: str) -> Float[np.ndarray, "cells seeds"]:
        """Return a metric over cells and seeds; NaN (in memory only) where it is undefined."""
        return cast(Grids, self.record.variants[variant].metrics).array(key)

    def mean(self, variant: str, key: str) -> tuple[float | None, int]:
        """Return a metric's mean and the number of values that it lacks, from the index."""
        metrics = cast(Grids, self.record.variants[variant].metrics)
        if key not in metrics:
            return super().mean(variant, key)
        mean, absent = self.read[MEANS][metrics.place(key)].tolist()
        return (None if mean != mean else mean), int(absent)

    def streams(
        self, variant: str, key: str, cells: Sequence[int]
    ) -> Float[np.ndarray, "seeds replicates"] | None:
        """Return replicates averaged over cells; from the index where it keeps this average."""
        name = f"{variant or 'base'}/{key}"
        if name in self.checks and list(cells) == _whole_cells(self.values(variant, key)):
            with suppress(OSError, SafetensorError, StoreError):
                return checked(self.index, name, self.checks[name])
        return super().streams(variant, key, cells)


def read_indexed(path: Path, index: Path | None = None) -> Recorded:
    """Read and check one record with its arrays, through its index file where that is up to date.

    Parameters
    ----------
    path : Path
        ``<folder>/<entry>/results/<suite>.json``.
    index : Path, optional
        Folder of index files; default: ``index`` in the store.

    Raises
    ------
    StoreError
        If one of the two files is not there or cannot be read.
    RecordMismatchError
        If the content of one of them differs from what the record says of it.
    """
    if os.environ.get(OFF):
        return _verified(path)
    target = _target(path, index or store_folder() / "index")
    found = _load(target, path)
    if found is not None:
        return found
    started = time.time()
    recorded = _verified(path)
    stamp = _stamp(path, recorded.record)
    if stamp is None:
        return recorded
    if stamp["newest"] < (started - SETTLED) * 1e9:
        with suppress(OSError):
            return _write(Path(target), recorded, stamp)
    # Verified, but not kept in memory: thousands of records are read one after the other.
    arrays = recorded.record.arrays
    if arrays is None:
        return recorded
    given = LazyArrays(path.parent / arrays.file, tuple(recorded.arrays), stamp["looks"][-1])
    return Recorded(recorded.record, path, given)


def index_file(path: Path, index: Path) -> Path:
    """Return where the index file of a record lies.

    Parameters
    ----------
    path : Path
        Of the record.
    index : Path
        Folder of index files.
    """
    return Path(_target(path, index))


def _target(path: Path, index: Path) -> str:
    """Return the same as text: thousands of paths take longer than what is read."""
    folder, name = os.path.split(path)
    above, _ = os.path.split(folder)
    root, entry = os.path.split(above)
    return f"{_place(root, index)}/{name.rpartition('.')[0]}/{entry}.safetensors"


@lru_cache(maxsize=256)
def _place(root: str, index: Path) -> str:
    """Return the index of a folder of entries."""
    return str(index / hashlib.sha256(str(_root(root)).encode()).hexdigest()[:16])


def _root(folder: str) -> Path:
    return Path(folder).absolute().resolve()


def _verified(path: Path) -> Recorded:
    """Read a record and its arrays without an index; the arrays are opened, so damage shows."""
    recorded = read_record(path)
    _ = recorded.arrays
    return recorded


def _stamp(path: Path, record: RunRecord) -> dict[str, Any] | None:
    """Return what the two files look like from outside; None where one is gone."""
    names = [path.name] if record.arrays is None else [path.name, record.arrays.file]
    try:
        return _look(path, names)
    except OSError:
        return None


def _look(path: Path, names: Sequence[str]) -> dict[str, Any]:
    folder = path.parent
    looks = [looked(f"{folder}/{name}") for name in names]
    newest = max(max(look[1:3]) for look in looks)
    return {"names": list(names), "looks": looks, "newest": newest}


def _write(target: Path, recorded: Recorded, stamp: Mapping[str, Any]) -> Recorded:
    """Write an index file, whole or not at all, and return what reading it back would give."""
    record = recorded.record
    keys = {name: list(body.metrics) for name, body in record.variants.items()}
    values = values_of(recorded, keys)
    variants = {
        name: body.model_copy(update={"metrics": {}}) for name, body in record.variants.items()
    }
    bare = record.model_copy(update={"variants": variants} | {field: [] for field in KINDS})
    tensors = {"values": values, SUMS: sums_of(values), MEANS: means_of(values)}
    tensors |= later_parts(record)
    quick = Recorded(_with_grids(bare, keys, values), recorded.path, recorded.arrays)
    for name in recorded.arrays:
        kind, _, rest = name.partition("/")
        variant, _, key = rest.partition("/")
        variant = "" if variant == "base" else variant
        if kind == "detail" and key in DETAILS and recorded.arrays[name].nbytes <= SMALL:
            tensors[name] = np.ascontiguousarray(recorded.arrays[name])
        if kind != "replicates" or key not in keys.get(variant, ()):
            continue
        cells = _whole_cells(quick.values(variant, key))
        streams = quick.streams(variant, key, cells) if cells else None
        if streams is not None:
            tensors[rest] = np.ascontiguousarray(streams)
    checks = {name: zlib.crc32(array.data) for name, array in tensors.items()}
    facts = {"lacking": sorted(recorded.lacking), "answers": recorded.answers}
    about = {"checks": checks, "stamp": stamp, **facts}
    names = json.dumps({"keys": keys, "arrays": list(recorded.arrays)})
    head = bare.model_dump_json()
    parts = {"version": VERSION, "names": names, "about": json.dumps(about), "head": head}
    assert recorded.path is not None
    _make_room(target, recorded.path)
    with replacing(target, durable=False) as temporary:
        save_file(tensors, temporary, parts | {"sha256": _seal(parts)})
    first = {name: tensors[name] for name in tensors if _is_first(name)}
    return _indexed(bare, recorded.path, str(target), names, about, first, values)


def _make_room(target: Path, path: Path) -> None:
    """Make an index file's folder; a folder of records that is gone loses its index."""
    mine = target.parents[1]
    if target.parent.is_dir() and (mine / "folder").is_file():
        return
    if not mine.is_dir():
        for other in mine.parent.glob("*/folder"):
            if not Path(other.read_text("utf-8")).is_dir():
                shutil.rmtree(other.parent, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    (mine / "folder").write_text(str(_root(str(path.parents[2]))), "utf-8")


def _whole_cells(values: Float[np.ndarray, "cells seeds"]) -> list[int]:
    """Return the cells in which every seed has a value."""
    return [int(i) for i in np.flatnonzero(np.isfinite(values).all(axis=1))]


def _seal(parts: Mapping[str, str]) -> str:
    text = "\0".join(parts[name] for name in ("version", "names", "about", "head"))
    return hashlib.sha256(text.encode()).hexdigest()


def _load(target: str, path: Path) -> Recorded | None:
    """Return what an index file holds, or None when it is not there, stale or damaged."""
    try:
        with safe_open(target, framework="numpy") as file:
            parts = file.metadata() or {}
            if parts.get("version") != VERSION or parts.get("sha256") != _seal(parts):
                return None
            about = json.loads(parts["about"])
            if _look(path, about["stamp"]["names"]) != about["stamp"]:
                return None
            checks = about["checks"]
            found = {name: file.get_tensor(name) for name in checks if _is_first(name)}
        if any(zlib.crc32(array.data) != checks[name] for name, array in found.items()):
            return None
        record = RunRecord.model_validate_json(parts["head"])
        return _indexed(record, path, target, parts["names"], about, found)
    except (OSError, SafetensorError, ValueError, KeyError):
        return None


def _indexed(
    record: RunRecord,
    path: Path,
    target: str,
    names: str,
    about: Mapping[str, Any],
    read: Mapping[str, np.ndarray],
    values: np.ndarray | None = None,
) -> IndexedRecorded:
    stamp = record.arrays
    given: Mapping[str, np.ndarray] = {}
    keys, arrays = _names(names)
    checks = about["checks"]
    if stamp is not None:
        given = LazyArrays(path.parent / stamp.file, arrays, about["stamp"]["looks"][-1])
    later = {
        field: Later(field, target, checks[f"later/{field}"], path, record.record_sha256)
        for field in KINDS
    }
    kept: LaterValues | np.ndarray | None = values
    if kept is None:
        kept = LaterValues(keys, target, checks["values"], path, record.record_sha256)
    whole = _with_grids(record, keys, kept, later)
    return IndexedRecorded(whole, path, given, index=target, checks=checks, read=read, facts=about)


def _is_first(name: str) -> bool:
    return name == MEANS or (name.startswith("detail/") and name.endswith(f"/{DETAILS[0]}"))


def _with_grids(
    record: RunRecord,
    keys: Mapping[str, Sequence[str]],
    values: LaterValues | np.ndarray,
    more: Mapping[str, Any] | None = None,
) -> RunRecord:
    """Return a record without metrics with those of one array, the variants' one after another."""
    variants, start = {}, 0
    for name, own in keys.items():
        grids = Grids(own, values, start)
        variants[name] = record.variants[name].model_copy(update={"metrics": grids})
        start += len(own)
    return record.model_copy(update={"variants": variants, **(more or {})})


@lru_cache(maxsize=256)
def _names(text: str) -> tuple[dict[str, tuple[str, ...]], tuple[str, ...]]:
    """Return variant → metric keys, and the names of arrays: thousands of records have the same."""
    found = json.loads(text)
    return {name: tuple(keys) for name, keys in found["keys"].items()}, tuple(found["arrays"])

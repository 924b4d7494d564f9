"""Parts of a record that are made or read when they are first asked for.

Thousands of records are read for one ranking, and it looks at little of each.
"""

import os
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, overload

import numpy as np
from jaxtyping import Float, UInt32
from pydantic import TypeAdapter
from safetensors import SafetensorError, safe_open

from harness.errors import RecordMismatchError, StoreError
from harness.records.arrays import read_arrays
from harness.records.records import Recorded, read_record
from harness.types.results import JobRecord, RunRecord, UndefinedValue

KINDS: dict[str, TypeAdapter[list[Any]]] = {
    "jobs": TypeAdapter(list[JobRecord]),
    "undefined": TypeAdapter(list[UndefinedValue]),
    "cost": TypeAdapter(list[dict[str, Any]]),
}
"""Fields of a record that are long and seldom looked at → what they hold."""
SUMS = "sums"
"""Name of the CRC-32 of each metric in an index file, beside that of all of them."""
FEW = 6
"""Metrics of a record that are read one by one; whoever asks for more of them wants all."""


class Later(Sequence[Any]):
    """A long field of a record, read from its index file when it is first looked at."""

    def __init__(self, field: str, index: str, crc: int, path: Path, sha256: str | None) -> None:
        """Note where the field lies.

        Parameters
        ----------
        field : str
            A name in KINDS.
        index : str
            Path of the index file, which has it as bytes of JSON under ``later/<field>``.
        crc : int
            CRC-32 of these bytes.
        path : Path
            The record, which is read where the index file is gone or damaged.
        sha256 : str or None
            The record's own sha256: another record has nothing to say of this one.
        """
        self._from = (field, index, crc, path, sha256)
        self._found: Sequence[Any] | None = None

    def _items(self) -> Sequence[Any]:
        if self._found is None:
            field, index, crc, *_ = self._from
            with suppress(OSError, SafetensorError, StoreError, ValueError):
                text = checked(index, f"later/{field}", crc).tobytes()
                self._found = KINDS[field].validate_json(text)
        if self._found is None:
            self._found = self._of_the_record()
        return self._found

    def _of_the_record(self) -> Sequence[Any]:
        field, _, _, path, sha256 = self._from
        found: Sequence[Any] = getattr(_unchanged(path, sha256).record, field)
        return found

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        """Return one item, or several."""
        return self._items()[index]

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self._items())

    def __eq__(self, other: object) -> bool:
        """Return whether another sequence has the same items."""
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]


def later_parts(record: RunRecord) -> dict[str, np.ndarray]:
    """Return the fields of KINDS as an index file keeps them: name → bytes of JSON."""
    return {
        f"later/{field}": np.frombuffer(kind.dump_json(getattr(record, field)), np.uint8)
        for field, kind in KINDS.items()
    }


def checked(index: str, name: str, crc: int) -> np.ndarray:
    """Return an array of an index file.

    Raises
    ------
    StoreError
        If its bytes are not those that were written.
    """
    with safe_open(index, framework="numpy") as file:
        found: np.ndarray = file.get_tensor(name)
    return _believed(found, crc, index, name)


def _believed(found: np.ndarray, crc: int, index: str, name: str) -> np.ndarray:
    if zlib.crc32(found.data) != crc:
        raise StoreError(f"{index} is damaged at {name}; the record is read instead.")
    return found


def looked(file: Path | str) -> list[int]:
    """Return size, times of content and of status, and inode of a file."""
    s = os.stat(file)  # noqa: PTH116 (a Path of each takes longer than the look)
    return [s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino]


class LaterValues:
    """The metrics of all variants of a record, each read when it is first asked for."""

    def __init__(
        self,
        keys: Mapping[str, Sequence[str]],
        index: str,
        crc: int,
        path: Path,
        sha256: str | None,
    ) -> None:
        """Note where the array lies; the other parameters are those of `Later`.

        Parameters
        ----------
        keys : mapping of str to sequence of str
            Variant → its metrics, in their order.
        """
        self._from = (keys, index, crc, path, sha256)
        self._some: dict[int, Float[np.ndarray, "cells seeds"]] = {}
        self._all: Float[np.ndarray, "keys cells seeds"] | None = None

    def __getitem__(self, place: int) -> Float[np.ndarray, "cells seeds"]:
        """Return one metric by its place among those of all variants, one after the other."""
        if self._all is not None:
            return self._all[place]
        if place not in self._some:
            if len(self._some) == FEW:
                self._all, self._some = self._whole(), {}
                return self._all[place]
            with suppress(OSError, SafetensorError, StoreError):
                self._some[place] = self._one(place)
            if place not in self._some:
                self._all, self._some = self._whole(), {}
                return self._all[place]
        return self._some[place]

    def _one(self, place: int) -> Float[np.ndarray, "cells seeds"]:
        _, index, *_ = self._from
        with safe_open(index, framework="numpy") as file:
            sums = file.get_tensor(SUMS)
            found: np.ndarray = file.get_slice("values")[place : place + 1]
        return _believed(found, int(sums[place]), index, "values")[0]

    def _whole(self) -> Float[np.ndarray, "keys cells seeds"]:
        keys, index, crc, path, sha256 = self._from
        with suppress(OSError, SafetensorError, StoreError):
            return checked(index, "values", crc)
        return values_of(_unchanged(path, sha256), keys)


def sums_of(values: Float[np.ndarray, "keys cells seeds"]) -> UInt32[np.ndarray, " keys"]:
    """Return the CRC-32 of each metric, so that one can be believed without the others."""
    return np.array([zlib.crc32(np.ascontiguousarray(each).data) for each in values], np.uint32)


def values_of(
    recorded: Recorded, keys: Mapping[str, Sequence[str]]
) -> Float[np.ndarray, "keys cells seeds"]:
    """Return the metrics of all variants one after the other, NaN where there is no value.

    Parameters
    ----------
    recorded : Recorded
        As `read_record` returns it.
    keys : mapping of str to sequence of str
        Variant → its metrics, in their order.
    """
    record, known = recorded.record, recorded.grids
    shape = (len(record.suite.cells), len(record.suite.seeds))
    if known is not None:
        found = [np.zeros((0, *shape)), *(known[name] for name, own in keys.items() if own)]
        return np.concatenate(found)
    grids = [record.variants[name].metrics[key] for name, own in keys.items() for key in own]
    return np.array(grids, dtype=np.float64).reshape(len(grids), *shape)


def _unchanged(path: Path, sha256: str | None) -> Recorded:
    """Read a record again, which must be the one that was verified."""
    found = read_record(path)
    if found.record.record_sha256 != sha256:
        raise RecordMismatchError(
            f"{path.name} was verified and has changed since. Read the record again."
        )
    return found


class Grids(Mapping[str, list[list[float | None]]]):
    """The metrics of one variant: key → [cell][seed], made into lists when they are asked for."""

    def __init__(
        self,
        keys: Sequence[str],
        values: "LaterValues | Float[np.ndarray, 'keys cells seeds']",
        start: int = 0,
    ) -> None:
        self._places = _places(tuple(keys))
        self._values = values
        self._start = start

    def __getitem__(self, key: str) -> list[list[float | None]]:
        """Return a metric over cells and seeds, None where it has no value."""
        grid = self.array(key)
        return [[None if v != v else v for v in row] for row in grid.tolist()]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the metric keys."""
        return iter(self._places)

    def __len__(self) -> int:
        """Return the number of metrics."""
        return len(self._places)

    def __contains__(self, key: object) -> bool:
        """Return whether the variant has a metric; no list is made for the answer."""
        return key in self._places

    def array(self, key: str) -> Float[np.ndarray, "cells seeds"]:
        """Return a metric over cells and seeds, NaN where it has no value."""
        found: np.ndarray = self._values[self.place(key)]
        return found

    def place(self, key: str) -> int:
        """Return the place of a metric among those of all variants, one after the other."""
        return self._start + self._places[key]


@lru_cache(maxsize=256)
def _places(keys: tuple[str, ...]) -> dict[str, int]:
    """Return the place of each key: thousands of records have the same."""
    return {key: place for place, key in enumerate(keys)}


class LazyArrays(Mapping[str, np.ndarray]):
    """The arrays beside a record, read one at a time; their content was verified before."""

    def __init__(self, path: Path, names: Collection[str], look: Sequence[int]) -> None:
        self._path = path
        self._names = names
        self._look = list(look)

    def __getitem__(self, name: str) -> np.ndarray:
        """Return one array from the file.

        Raises
        ------
        StoreError
            If the file cannot be read any more.
        RecordMismatchError
            If it is not the file any more whose content was verified.
        """
        return self.several([name])[name]

    def several(self, names: Sequence[str]) -> dict[str, np.ndarray]:
        """Return some arrays, the file opened once; raises as for one."""
        for name in names:
            if name not in self._names:
                raise KeyError(name)
        try:
            same = looked(self._path) == self._look
        except OSError:
            same = True  # reading it says what is wrong
        if not same:
            raise RecordMismatchError(
                f"{self._path.name} was verified and has changed since. Read the record again."
            )
        return read_arrays(self._path, names)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names, without opening the file."""
        return iter(self._names)

    def __len__(self) -> int:
        """Return the number of arrays."""
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        """Return whether there is such an array, without opening the file."""
        return name in self._names

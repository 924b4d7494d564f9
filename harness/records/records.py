"""The only reader and writer of record files: ``results/<suite>.json`` and ``.npz``.

A record can always be recomputed from predictions; `record_sha256` says in one string whether two
runs agree. It covers everything except itself, what the run cost and who made it.
"""

import json
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from pydantic import ValidationError

from harness.atomic import replacing, write_text
from harness.errors import HarnessError, RecordMismatchError, StoreError, Undefined
from harness.keys import canonical, content, sha256_text
from harness.records.arrays import check_plain_file, read_arrays
from harness.records.validity import check_arrays, check_record
from harness.stats.spread import cell_mean
from harness.types import RunRecord, UndefinedValue

BYTES_PER_ROW = 1 << 20
"""What a committed results file may have for each row that it ranks, in a suite of sixteen cells or
fewer: replicates of sixteen cells, three seeds and nine metrics are 0.9 MiB."""
BYTES_PER_CELL = BYTES_PER_ROW // 16
"""The same for each cell of a larger suite."""
SHARE_OF_A_VARIANT = 0.5
"""The same for a correction that is computed beside and has no row, as part of a row's: its metrics
and the reasons of those that have no value stand in the record as well."""
SIGNIFICANT = 9
"""Digits kept in a record: more than any interval, fewer than what libraries disagree in."""
_NOT_HASHED = {"cost", "provenance", "record_sha256"}
_FIELD = re.compile(r'^ "([a-z0-9_]+)": ', re.MULTILINE)


def max_result_bytes(record: RunRecord) -> int:
    """Return the size above which CI refuses one of a record's two files.

    Parameters
    ----------
    record : RunRecord
        Ranks the entry itself and its ranked variants; its other variants count in part.
    """
    one = max(BYTES_PER_ROW, BYTES_PER_CELL * len(record.suite.cells))
    beside = len(record.variants.keys() - {"", *record.rank_variants})
    return round(one * (1 + len(record.rank_variants) + SHARE_OF_A_VARIANT * beside))


def whole_cells(record: RunRecord) -> list[int]:
    """Return the cells, as indices into the suite's, whose job of every seed is done.

    Parameters
    ----------
    record : RunRecord
        Of a whole run or of some cells.
    """
    done = Counter(job.cell for job in record.jobs if job.status == "done")
    cells = range(len(record.suite.cells))
    return [i for i in cells if done[i] == len(record.suite.seeds)]


@dataclass(frozen=True, repr=False)
class Recorded:
    """A record with the arrays beside it, as read from disk or just made."""

    record: RunRecord
    """The JSON part."""
    path: Path | None
    """Where the JSON lies; None when it was never written."""
    given: Mapping[str, np.ndarray] | None = None
    """Arrays, when they were made or read already."""
    grids: Mapping[str, np.ndarray] | None = field(default=None, compare=False)
    """Variant → its metrics as one array (keys, cells, seeds), when the record was just checked."""

    def __repr__(self) -> str:
        record = self.record
        return f"<Recorded {record.entry} on {record.suite.id}: {len(record.jobs)} jobs>"

    def whole(self) -> RunRecord:
        """Return the record with all of its fields read, as it is written."""
        return self.record

    @cached_property
    def arrays(self) -> Mapping[str, np.ndarray]:
        """Return the NPZ part, read on first use and checked against the record."""
        if self.given is not None:
            return self.given
        stamp = self.record.arrays
        if stamp is None or self.path is None:
            return {}
        arrays = read_arrays(self.path.parent / stamp.file)
        check_arrays(self.record, arrays)
        if content(arrays) != stamp.sha256:
            raise RecordMismatchError(
                f"{stamp.file}: content is {content(arrays)[:12]}…, the record {self.path.name} "
                f"expects {stamp.sha256[:12]}…. Run: tailmark run {self.record.entry}"
            )
        return arrays

    def replicates(self, variant: str, key: str) -> Float[np.ndarray, "cells seeds b"] | None:
        """Return replicates in natural units (value + deviation), or None when not stored.

        Parameters
        ----------
        variant : str
            Variant's name; empty for the entry itself.
        key : str
            Metric key, e.g. ``test/balanced_accuracy``.

        Returns
        -------
        float array of shape (cells, seeds, b) or None
            NaN where the value itself is undefined.
        """
        name = f"{variant or 'base'}/{key}"
        z = self.arrays.get(f"replicates/{name}")
        if z is None:
            return None
        return _in_units(self.values(variant, key), z, self.arrays[f"sd/{name}"])

    def values(self, variant: str, key: str) -> Float[np.ndarray, "cells seeds"]:
        """Return a metric over cells and seeds; NaN (in memory only) where it is undefined."""
        return np.array(self.record.variants[variant].metrics[key], dtype=np.float64)

    def mean(self, variant: str, key: str) -> tuple[float | None, int]:
        """Return a metric's mean over all cells and seeds, and how many of them have no value.

        Returns
        -------
        tuple of float or None, int
            The mean is over those that have one; None where none has.
        """
        if key not in self.record.variants[variant].metrics:
            return None, len(self.record.suite.cells) * len(self.record.suite.seeds)
        mean, absent = means_of(self.values(variant, key)[None])[0].tolist()
        return (None if mean != mean else mean), int(absent)

    def streams(
        self, variant: str, key: str, cells: Sequence[int]
    ) -> Float[np.ndarray, "seeds replicates"] | None:
        """Return replicates averaged over cells, as deviations from the values.

        Parameters
        ----------
        variant, key : str
            As in `replicates`.
        cells : sequence of int
            Places in the suite's list of cells, at least one.

        Returns
        -------
        float64 array of shape (seeds, replicates) or None
            None when none are stored, or one of these cells has none.
        """
        name = f"{variant or 'base'}/{key}"
        z = self.arrays.get(f"replicates/{name}")
        if z is None:
            return None
        at = list(cells)
        return averaged(self.values(variant, key)[at], z[at], self.arrays[f"sd/{name}"][at])

    def reason(self, variant: str, key: str, cell: int | None = None) -> str:
        """Return why a metric has no value, the first reason where there are several.

        Parameters
        ----------
        variant, key : str
            Variant (empty: the entry itself) and metric key.
        cell : int, optional
            Place in the suite's list of cells; None: any cell.
        """
        found = self._reasons.get((variant, key), ())
        fitting = (item.reason for item in found if cell in (None, item.cell))
        return next(fitting, "not in this record")

    def reasons(self, variant: str, key: str, cells: Collection[int]) -> list[str]:
        """Return every reason why a metric lacks a value in some cells, in their order."""
        found = self._reasons.get((variant, key), ())
        return sorted({item.reason for item in found if item.cell in cells})

    def void_reason(self, variant: str, key: str, cell: int) -> str | None:
        """Return why a metric exists for no seed of a cell; None when it may exist for some."""
        found = self._reasons.get((variant, key), ())
        whole = (item.reason for item in found if (item.cell, item.seed) == (cell, None))
        return next(whole, None)

    @cached_property
    def lacking(self) -> frozenset[str]:
        """Return the metric keys that lack a value somewhere."""
        return frozenset(item.key for item in self.record.undefined)

    @cached_property
    def answers(self) -> str | None:
        """Return one hash over the test predictions of all jobs; None where there are none."""
        found = [job.evidence.get("test", "") for job in self.record.jobs]
        return sha256_text("\n".join(found)) if any(found) else None

    @cached_property
    def _reasons(self) -> dict[tuple[str, str], list[UndefinedValue]]:
        found: dict[tuple[str, str], list[UndefinedValue]] = {}
        for item in self.record.undefined:
            found.setdefault((item.variant, item.key), []).append(item)
        return found

    def detail(self, variant: str, name: str) -> np.ndarray | None:
        """Return ``detail/<variant>/<name>`` for the board's pages, or None when not stored."""
        return self.arrays.get(f"detail/{variant or 'base'}/{name}")


def _in_units(
    values: Float[np.ndarray, "cells seeds"],
    z: Float[np.ndarray, "cells seeds b"],
    sd: Float[np.ndarray, "cells seeds"],
) -> Float[np.ndarray, "cells seeds b"]:
    found: np.ndarray = values[..., None] + z.astype(np.float32) * sd[..., None]
    return found


def means_of(values: Float[np.ndarray, "keys cells seeds"]) -> Float[np.ndarray, "keys 2"]:
    """Return of each metric the mean of the values that there are, and how many are not.

    The mean is NaN where there are none.
    """
    flat = values.reshape(len(values), -1)
    there = np.isfinite(flat)
    means = flat.mean(axis=1) if flat.size else np.full(len(flat), np.nan)
    for place in np.flatnonzero(~there.all(axis=1)):
        some = flat[place, there[place]]
        means[place] = some.mean() if len(some) else np.nan
    return np.stack([means, (~there).sum(axis=1)], axis=1)


def averaged(
    values: Float[np.ndarray, "cells seeds"],
    z: Float[np.ndarray, "cells seeds b"],
    sd: Float[np.ndarray, "cells seeds"],
) -> Float[np.ndarray, "seeds b"] | None:
    """Return stored replicates averaged over cells, as deviations from the values.

    Parameters
    ----------
    values : float array of shape (cells, seeds)
        The metric.
    z, sd : float arrays
        Replicates as a record stores them, and their unit.

    Returns
    -------
    float64 array of shape (seeds, b) or None
        None where one is missing.
    """
    deviations = _in_units(values, z, sd) - values[..., None]
    return cell_mean(deviations) if np.isfinite(deviations).all() else None


def rounded(value: Any) -> Any:
    """Return `value` with every float at nine significant digits; NaN is refused by JSON later.

    Examples
    --------
    >>> rounded({"a": [0.1234567891234, None]})
    {'a': [0.123456789, None]}
    """
    if isinstance(value, float):
        return float(f"{value:.{SIGNIFICANT}g}")
    if isinstance(value, Mapping):
        return {k: rounded(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(v) for v in value]
    return value


def record_sha256(record: RunRecord) -> str:
    """Return the sha256 of what a record says, without what it cost and who made it.

    What was asked is part of it where it is noted: two records with the same numbers of other
    settings are not the same.
    """
    body = record.model_dump(mode="json", exclude=_NOT_HASHED)
    if record.asked is None:  # records made before there was this field keep their sha256
        del body["asked"]
    return sha256_text(canonical(rounded(body)))


def fields_of(text: str) -> dict[str, str]:
    """Return the JSON of each field of a record's text, in order; none where it is laid out else.

    Parameters
    ----------
    text : str
        Of a file that `write_record` wrote: a field on a line of one space.
    """
    starts = list(_FIELD.finditer(text))
    if not starts:
        return {}
    ends = [found.start() for found in starts[1:]] + [len(text.rstrip()) - 1]
    parts = {m[1]: text[m.end() : end] for m, end in zip(starts, ends, strict=True)}
    if len(parts) < len(starts):
        return {}
    return {name: part.strip().removesuffix(",") for name, part in parts.items()}


def _proves_itself(text: str) -> bool:
    """Return whether a record's text is the one that its own sha256 was made of, which is quick.

    A file that `write_record` wrote has a field of the record on a line of one space, and its
    numbers are rounded already: without spaces and the fields that are not hashed it is the
    canonical JSON. Of any other text the answer is False, and `record_sha256` decides.
    """
    plain = fields_of(text)
    if not plain or "\\" in text or "NaN" in text or "Infinity" in text:
        return False
    if plain.get("asked") == "null":
        del plain["asked"]
    hashed = (f'"{name}":{part}' for name, part in plain.items() if name not in _NOT_HASHED)
    pieces = ("{" + ",".join(hashed) + "}").encode().split(b'"')
    # All that is outside of strings at once: there a record holds no NUL.
    outside = b"\0".join(pieces[::2]).translate(None, b" \n\r\t").split(b"\0")
    if len(outside) != len(pieces[::2]):
        return False
    pieces[::2] = outside
    found = sha256(b'"'.join(pieces)).hexdigest()
    return plain.get("record_sha256") == f'"{found}"'


def sealed(record: RunRecord, arrays: Mapping[str, np.ndarray]) -> Recorded:
    """Return a record with its numbers rounded, its arrays stamped and its own sha256 set."""
    stamp = {"file": f"{record.suite.id}.npz", "sha256": content(arrays)}
    body = rounded(record.model_dump(mode="json")) | {"arrays": stamp, "record_sha256": None}
    plain = RunRecord.model_validate(body)
    whole = plain.model_copy(update={"record_sha256": record_sha256(plain)})
    return Recorded(whole, None, dict(arrays))


def write_record(recorded: Recorded, folder: Path) -> Path:
    """Write a sealed record's JSON and NPZ into a folder, each whole or not at all.

    Returns
    -------
    Path
        Of the JSON.

    Raises
    ------
    StoreError
        If the folder cannot be written.
    """
    suite = recorded.record.suite.id
    text = _broken(recorded.whole().model_dump(mode="json"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{suite}.json"
        with replacing(folder / f"{suite}.npz") as temporary:
            with temporary.open("wb") as handle:
                np.savez(handle, **dict(recorded.arrays))  # type: ignore[arg-type]
            write_text(_next(path), text + "\n")  # a kill between the two can be made good
        _next(path).replace(path)
    except OSError as error:
        raise StoreError(
            f"A results folder must be writable; {folder} answered: {error.strerror}. "
            "Free space or change its permissions, or name another with --store; what was "
            "computed is kept in the store."
        ) from error
    return folder / f"{suite}.json"


def finish_writing(path: Path) -> None:
    """Make good that a process was killed between a record's two files.

    Parameters
    ----------
    path : Path
        Of the record's JSON; whoever calls holds the lock of its writers.
    """
    waiting = _next(path)
    if not waiting.is_file():
        return
    try:
        stamp = read_record(waiting).record.arrays
        arrived = (
            stamp is not None and content(read_arrays(path.parent / stamp.file)) == stamp.sha256
        )
    except HarnessError:
        arrived = False
    if arrived:
        waiting.replace(path)
    else:
        waiting.unlink()  # the arrays are still those of the record that stands


def _next(path: Path) -> Path:
    return path.with_name(f".{path.name}.next")


def _broken(value: Any, depth: int = 0) -> str:
    """Write JSON with one job or metric a line, so that a diff of two records can be read."""
    if depth == 4 or not value or not isinstance(value, (dict, list)):
        return json.dumps(value, sort_keys=True, allow_nan=False)
    if isinstance(value, dict):
        opening, closing = "{", "}"
        items = [f"{json.dumps(k)}: {_broken(value[k], depth + 1)}" for k in sorted(value)]
    else:
        opening, closing = "[", "]"
        items = [json.dumps(item, sort_keys=True, allow_nan=False) for item in value]
    inner = ",\n".join(" " * (depth + 1) + item for item in items)
    return f"{opening}\n{inner}\n{' ' * depth}{closing}"


def check_paired(one: RunRecord, two: RunRecord) -> None:
    """Refuse a difference between records whose replicates come from other weightings.

    Raises
    ------
    Undefined
        If their suites, cells, seeds or test pools differ.
    """
    if one.suite != two.suite or one.pools.get("test") != two.pools.get("test"):
        raise Undefined(
            f"{one.entry} and {two.entry} must be records of the same suite and test pool; got "
            f"{one.suite.id} {one.suite.sha256[:12]}… and {two.suite.id} {two.suite.sha256[:12]}…"
        )


def read_record(path: Path) -> Recorded:
    """Read and check one record; its arrays are read when they are first asked for.

    Raises
    ------
    StoreError
        If the file is not there or is not a record.
    RecordMismatchError
        If its content differs from its own sha256.
    """
    check_plain_file(path, "a record")
    try:
        text = path.read_text("utf-8")
        proven = _proves_itself(text)
        if proven:
            record = RunRecord.model_validate_json(text)
        else:
            record = RunRecord.model_validate(json.loads(text, parse_constant=_no_number))
    except (ValueError, ValidationError, OSError, RecursionError) as error:
        first = str(error).splitlines()[0]
        raise StoreError(
            f"{path} should be a record (JSON of format 1); reading it says: {first}. "
            "Make it again with: tailmark run"
        ) from error
    values = check_record(record)
    expected = record.record_sha256
    found = str(expected) if proven else record_sha256(record)
    if expected != found:
        raise RecordMismatchError(
            f"{path}: record_sha256 says {str(expected)[:12]}…, its content gives {found[:12]}…. "
            f"It was edited or damaged. Run: tailmark run {record.entry}"
        )
    return Recorded(record, path, grids=values)


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is not a number; a missing value is null")


def find_records(root: Path, suite: str) -> Iterator[Path]:
    """Yield the records of a suite under a folder of entries, in the order of their names.

    Parameters
    ----------
    root : Path
        ``submissions/`` or the store's ``records/``: one folder for each entry.
    suite : str
        Suite id.

    Notes
    -----
    A record of which only the arrays are left, or a link to nothing, is yielded as well: reading
    it says what is missing.
    """
    found = (p for p in root.glob(f"*/results/{suite}.*") if p.suffix in (".json", ".npz"))
    yield from sorted({path.with_suffix(".json") for path in found})

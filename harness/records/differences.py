"""Whether a record says what the same evidence gives when it is evaluated again.

What is compared is what the record says. Metrics that were added to the harness after it was made
are named as new and are no difference.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from harness.records.records import Recorded, record_sha256
from harness.types import RunRecord

TOLERANCE = 1e-6
"""Largest difference that other libraries or processors explain, as a share of the larger of 1 and
the value: a record keeps nine digits, and sums of float32 outputs move in the seventh."""
SPREAD_SHARE = 0.02
"""The same of replicates, as a share of their sd: they are float16, whose steps are 0.004 at 4."""
_IDENTITY = (
    "entry", "card_sha256", "produced_by", "suite", "facets", "rank_variants", "deterministic",
)  # fmt: skip


@dataclass(frozen=True)
class Differences:
    """What a record and its recomputation do not agree in."""

    identical: bool
    """Every bit that `record_sha256` covers is equal."""
    worst: tuple[str, str, str] | None
    """Metric key with the largest difference, its value in the record, the recomputed one."""
    others: tuple[str, ...]
    """What else differs, in words: jobs, settings, arrays."""
    new: tuple[str, ...]
    """Metric keys that the record does not have: its harness did not know them."""

    @property
    def same(self) -> bool:
        """Return whether everything that the record says follows from the evidence."""
        return self.worst is None and not self.others

    @property
    def sentence(self) -> str:
        """Return in one clause what was found."""
        if self.worst is not None:
            key, old, again = self.worst
            return f"{key} in the record is {old}, recomputed {again}"
        if self.others:
            return f"every number reproduces; what differs: {', '.join(self.others)}"
        if self.identical:
            return "reproduces to the last digit"
        return f"reproduces{_new_words(self.new)}"


def _new_words(keys: tuple[str, ...]) -> str:
    if not keys:
        return f" to {TOLERANCE:g}"
    shown = ", ".join(keys[:3]) + (", …" if len(keys) > 3 else "")
    noun = "metric is" if len(keys) == 1 else "metrics are"
    return f"; {len(keys)} {noun} newer than the record ({shown})"


def differences(before: Recorded, after: Recorded) -> Differences:
    """Compare a record with what the same evidence gave again.

    Parameters
    ----------
    before : Recorded
        The record.
    after : Recorded
        Recomputed, of the same entry and suite id.
    """
    again = _told_where(before.record, after.record)
    return Differences(
        identical=record_sha256(again) == before.record.record_sha256,
        worst=_worst(before, after),
        others=(*_others(before.record, again), *_arrays(before, after)),
        new=tuple(sorted(_keys(after.record) - _keys(before.record))),
    )


def _told_where(before: RunRecord, after: RunRecord) -> RunRecord:
    """Return the recomputed record with the address of its evidence: no prediction tells it."""
    if before.evidence is None or after.evidence is None:
        return after
    stamp = after.evidence.model_copy(update={"url": before.evidence.url})
    return after.model_copy(update={"evidence": stamp})


def _keys(record: RunRecord) -> set[str]:
    known = {key for body in record.variants.values() for key in body.metrics}
    return known | {item.key for item in record.undefined}


def _worst(before: Recorded, after: Recorded) -> tuple[str, str, str] | None:
    worst: tuple[float, tuple[str, str, str]] | None = None
    for variant, body in before.record.variants.items():
        theirs = after.record.variants.get(variant)
        for key in body.metrics:
            name = f"{key} of {variant}" if variant else key
            old = before.values(variant, key)
            if theirs is None or key not in theirs.metrics:
                if np.isfinite(old).any():
                    return name, "there", "not there"
                continue
            again = after.values(variant, key)
            if old.shape != again.shape:
                return name, f"of shape {old.shape}", f"of shape {again.shape}"
            gap = _gaps(old, again)
            place = np.unravel_index(int(np.argmax(gap)), gap.shape)
            if gap[place] > TOLERANCE and (worst is None or gap[place] > worst[0]):
                shown = _shown(float(old[place])), _shown(float(again[place]))
                worst = float(gap[place]), (name, *shown)
    return None if worst is None else worst[1]


def _gaps(
    old: Float[np.ndarray, "cells seeds"], again: Float[np.ndarray, "cells seeds"]
) -> Float[np.ndarray, "cells seeds"]:
    """Return shares of the larger of 1 and the value; infinite where one side is missing."""
    with np.errstate(invalid="ignore"):
        gap = np.abs(old - again) / np.maximum(1.0, np.abs(old))
    return np.where(np.isnan(old) != np.isnan(again), np.inf, np.nan_to_num(gap, posinf=np.inf))


def _shown(value: float) -> str:
    return "undefined" if np.isnan(value) else f"{value:.6g}"


def _others(before: RunRecord, after: RunRecord) -> Iterator[str]:
    for name in _IDENTITY:
        if getattr(before, name) != getattr(after, name):
            yield "the card" if name == "card_sha256" else name.replace("_", " ")
    pools = before.pools.keys() & after.pools.keys()
    if any(before.pools[name] != after.pools[name] for name in pools):
        yield "the test data"
    if _jobs(before) != _jobs(after):
        yield "jobs or their evidence"
    if before.asked != after.asked:
        yield "settings"


def _jobs(record: RunRecord) -> list[tuple[object, ...]]:
    return [
        (j.cell, j.seed, j.status, j.split_sha256, j.model_id, sorted(j.evidence.items()))
        for j in record.jobs
    ]


def _arrays(before: Recorded, after: Recorded) -> Iterator[str]:
    for name, old in before.arrays.items():
        again = after.arrays.get(name)
        if again is None or old.shape != again.shape or not _alike(name, old, again):
            yield name
            return  # one name is enough


def _alike(name: str, old: np.ndarray, again: np.ndarray) -> bool:
    if old.dtype.kind != "f":
        return np.array_equal(old, again)
    slack = SPREAD_SHARE if name.startswith("replicates/") else TOLERANCE
    wide = old.astype(np.float64), again.astype(np.float64)
    return np.allclose(*wide, rtol=10 * TOLERANCE, atol=slack, equal_nan=True)


def written_as(after: Recorded, before: Recorded) -> Recorded:
    """Return a recomputed record that also says where its evidence can be fetched.

    Parameters
    ----------
    after, before : Recorded
        As in `differences`.
    """
    record = _told_where(before.record, after.record)
    return replace(after, record=record.model_copy(update={"record_sha256": record_sha256(record)}))


COMPUTED = ("batch_size", "dtype", "pass_threads", "train_device", "train_dtype", "train_threads")
"""What a job's cost says that can move the last digits of a number."""


def computed_otherwise(one: RunRecord, other: RunRecord) -> list[str]:
    """Return in what two records were computed differently, none of which is part of their sha256.

    Parameters
    ----------
    one, other : RunRecord
        Of one entry: where their numbers differ, this may be why.

    Returns
    -------
    list of str
        Such as ``batch size 7 and 256``, what both note and do not share.
    """
    first, second = _computed(one), _computed(other)
    return [
        f"{name} {first[name]} and {second[name]}"
        for name in sorted(first.keys() & second.keys())
        if first[name] != second[name]
    ]


def _computed(record: RunRecord) -> dict[str, str]:
    said: dict[str, set[str]] = {}
    for cost in record.cost:
        for name in COMPUTED:
            if name in cost:
                said.setdefault(name.replace("_", " "), set()).add(str(cost[name]))
    host = record.provenance.get("host") or {}
    versions = record.provenance.get("versions") or {}
    limits = host.get("instruction_limits") or {}
    alone = {name: str(host[name]) for name in ("processor", "instructions") if host.get(name)}
    if host:
        alone["limits of instructions"] = ", ".join(f"{k}={v}" for k, v in limits.items()) or "none"
    joined = {name: "/".join(sorted(values)) for name, values in said.items()}
    return joined | alone | {name: str(version) for name, version in versions.items()}

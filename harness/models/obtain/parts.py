"""Parts of a pass in the store: what a killed process had computed is not computed again."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from harness.models.obtain.source import Source
from harness.models.obtain.work import Work, version_of
from harness.models.passes.parts import Part
from harness.models.store.store import PARTS, Store
from harness.types.data import Pool
from harness.types.models import Output

_STATISTIC = "statistic/"
"""What a statistic's name begins with among a part's arrays."""


class KeptParts:
    """The parts of one pass in a store (`harness.models.passes.parts.Parts`).

    Parameters
    ----------
    store : Store
        Where they lie, each under the evidence key and its first row, checked like all else.
    key : str
        Evidence key of the pass.
    made : mapping
        All that decides bits and is no part of the key: parts that were made otherwise are removed
        and not used.
    note : str
        Entry, cell, seed and pool, for a listing of the store.
    """

    def __init__(self, store: Store, key: str, made: Mapping[str, Any], note: str) -> None:
        self._store, self._key, self._made, self._note = store, key, dict(made), note

    def kept(self) -> list[Part]:
        """Return what an earlier try of the same pass has left.

        Raises
        ------
        StoreError
            If a part is damaged and nobody can be told.
        """
        found = []
        for name in self._store.beginning(PARTS, self._key):
            loaded = self._store.load_result(name, room=PARTS)
            if loaded is None:  # damaged, set aside, told: its rows are passed again
                continue
            value, arrays = loaded
            if value["made"] != self._made:
                self._store.remove(PARTS, name)
                continue
            found.append(_part(value, arrays))
        return found

    def keep(self, part: Part) -> None:
        """Keep a part.

        Raises
        ------
        StoreError
            If it cannot be written.
        """
        output = part.output
        arrays = {f"{_STATISTIC}{name}": array for name, array in output.statistics.items()}
        arrays["values"] = output.values
        if output.features is not None:
            arrays["features"] = output.features
        value = {
            "made": self._made,
            "start": part.start,
            "kind": output.kind,
            "batch_size": part.batch_size,
            "seconds": part.seconds,
        }
        name = f"{self._key}-{part.start:012d}"
        self._store.save_result(name, value, arrays, note=self._note, room=PARTS)

    def remove(self) -> None:
        """Remove all parts: their pass is in the store."""
        for name in self._store.beginning(PARTS, self._key):
            self._store.remove(PARTS, name)


def parts_of(work: Work, source: Source, pool: Pool, key: str) -> KeptParts | None:
    """Return where a pass keeps its parts; None where two tries may be of different models.

    Those are models that live in memory alone, and entries that adapt while they predict.

    Parameters
    ----------
    work : Work
        The job.
    source : Source
        Its model.
    pool : Pool
        What is passed.
    key : str
        Evidence key of the pass.
    """
    if source.weights_sha256 is None or work.job.card.facets.transductive:
        return None
    made = {
        "weights": source.weights_sha256,
        "rows": len(pool),
        "batch_size": work.numerics.batch_size,
        "threads": work.numerics.threads,
        "versions": {package: version_of(package) for package in ("numpy", "torch")},
    }
    return KeptParts(work.store, key, made, f"{work.job.name} {pool.name}")


def _part(value: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Part:
    statistics = {
        name.removeprefix(_STATISTIC): array
        for name, array in arrays.items()
        if name.startswith(_STATISTIC)
    }
    output = Output(value["kind"], arrays["values"], arrays.get("features"), statistics)
    return Part(value["start"], output, value["batch_size"], value["seconds"])

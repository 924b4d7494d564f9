"""What of a suite may be handed out: inputs, row numbers and training labels as observed.

Never a label of the test or OOD pools and never a clean training label. Calibration labels are
clean and may be used (PROTOCOL section 6).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Int

from harness.data.pools.file_pools import FileInputs
from harness.data.suites.open import OpenSuite
from harness.types import Pool, Split
from harness.types.data import Inputs, Modality

Jobs = Sequence[tuple[str, int]]
"""Cells with seeds."""


@dataclass(frozen=True)
class Part:
    """Some inputs of a suite as they are handed out."""

    path: str
    """Where it goes: ``test``, ``ood/near/<set>``, ``<cell>-s<seed>/training``."""
    pool: str
    """Name of the pool, as predictions name it."""
    modality: Modality
    """What one input is."""
    inputs: Inputs
    """The inputs, n of them."""
    class_names: tuple[str, ...]
    """The suite's, in its order."""
    labels: Int[np.ndarray, " n"] | None = None
    """Observed labels of training rows, clean ones of the calibration pool, else None."""
    source: tuple[Any, ...] = ()
    """Row of the data set's part, or file, of each input; empty where it is made."""
    known: Int[np.ndarray, " r"] | None = None
    """Rows that a trainer is told are corrupted, where the split reveals some."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What else identifies it."""


def fixed_parts(opened: OpenSuite) -> list[Part]:
    """Return test, calibration, corrupted copies and OOD sets: the same for every split.

    Parameters
    ----------
    opened : OpenSuite
        A suite over several data sets gives those of each, below its name.
    """
    if opened.members:
        return [
            _below(name, part)
            for name, member in opened.members.items()
            for part in fixed_parts(member)
        ]
    names = opened.test.class_names
    pools: dict[str, Pool] = {"test": opened.test}
    if opened.calibration is not None:
        pools["calibration"] = opened.calibration
    pools |= opened.covariate | opened.ood
    return [
        Part(
            path=name,
            pool=name,
            modality=pool.modality,
            inputs=pool.inputs,
            class_names=names,
            labels=pool.labels if name == "calibration" else None,
            source=_source(opened, pool, name),
        )
        for name, pool in pools.items()
    ]


def _below(folder: str, part: Part) -> Part:
    return Part(**(vars(part) | {"path": f"{folder}/{part.path}"}))


def training_parts(opened: OpenSuite, split: Split) -> list[Part]:
    """Return what a trainer may see of one split: training rows, and validation rows if any.

    Parameters
    ----------
    opened : OpenSuite
        The suite.
    split : Split
        One of its splits.
    """
    home = opened.at(split.spec.id)
    data, job = home.training_data(split), f"{split.spec.id}-s{split.seed}"
    pool = home.train_pool(split)
    parts = [
        Part(
            path=f"{job}/training",
            pool="train",
            modality=pool.modality,
            inputs=data.inputs,
            class_names=home.test.class_names,
            labels=data.observed,
            source=_split_source(home, pool, split.indices),
            known=data.known,
            facts={"split_sha256": split.sha256},
        )
    ]
    held_out = home.val_pool(split)
    if data.val is not None and held_out is not None and split.val_indices is not None:
        inputs, observed = data.val
        parts.append(
            Part(
                path=f"{job}/validation",
                pool="val",
                modality=pool.modality,
                inputs=inputs,
                class_names=home.test.class_names,
                labels=observed,
                source=_split_source(home, held_out, split.val_indices),
            )
        )
    return parts


def _split_source(home: OpenSuite, pool: Pool, indices: Int[np.ndarray, " n"]) -> tuple[Any, ...]:
    if isinstance(pool.inputs, FileInputs):
        return tuple(pool.inputs.paths)
    origin = home.origin.get("train")
    return () if origin is None else tuple(origin[indices].tolist())


def _source(opened: OpenSuite, pool: Pool, name: str) -> tuple[Any, ...]:
    """Return where each row of a fixed pool comes from; a copy of the test pool is its rows."""
    if isinstance(pool.inputs, FileInputs):
        return tuple(pool.inputs.paths)
    origin = opened.origin.get(name.partition("@")[0])
    found = () if origin is None else tuple(origin.tolist())
    return found if len(found) == len(pool) else ()


def row_lines(opened: OpenSuite, jobs: Jobs = ()) -> Iterator[dict[str, Any]]:
    """Yield one line per row of a suite's pools: part, row and where it comes from, no label.

    Parameters
    ----------
    opened : OpenSuite
        The suite.
    jobs : sequence of (cell, seed), optional
        Splits whose training and validation rows are listed too.

    Yields
    ------
    dict
        ``part`` (the pool's name; training rows below their job), ``row`` (what predictions name),
        ``source`` (row of the data set's part from 0, or file; empty where the input is made) and,
        in a suite over several data sets, ``dataset``.
    """
    parts = [(part, "") for part in fixed_parts(opened)]
    for cell, seed in jobs:
        split = opened.split(cell, seed)
        parts += [(part, f"{cell}-s{seed}/") for part in training_parts(opened, split)]
    for part, job in parts:
        for row in range(len(part.inputs)):
            line = {"part": job + part.pool, "row": row}
            line["source"] = part.source[row] if part.source else ""
            if opened.members:
                line["dataset"] = (job or part.path).partition("-" if job else "/")[0]
            yield line

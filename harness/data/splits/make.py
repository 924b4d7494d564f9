"""Splits: from a split id and a pool to the rows and labels that a model may train on.

Order is fixed: subsample first, flip labels second, set validation rows aside last.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Int, Shaped

from harness.data.splits.ids import check_spec, parse_split_id
from harness.data.splits.imbalance import class_counts, realised_imbalance_factor
from harness.data.splits.sources import Sources, give_labels
from harness.data.splits.spurious import draw_attributes
from harness.keys import content
from harness.streams import Draw, Stream, stream
from harness.types import DatasetSpec, Split, SplitSpec

NOTHING = Sources()
"""Sources of a split whose noise needs labels only."""
__all__ = ["check_spec", "make_split", "manifest", "parse_split_id", "planted_attributes"]


def make_split(
    spec: SplitSpec,
    labels: Int[np.ndarray, " p"],
    num_classes: int,
    seed: int,
    dataset: DatasetSpec,
    sources: Sources = NOTHING,
) -> Split:
    """Return a split of a training pool: subsampled, then mislabelled, then parted.

    Parameters
    ----------
    spec : SplitSpec
        What it is.
    labels : int array of shape (p,)
        Clean labels of the training pool.
    num_classes : int
        C.
    seed : int
        Seed of the job.
    dataset : DatasetSpec
        Facts about it; asymmetric noise needs its map of similar classes.
    sources : Sources, optional
        Inputs, people's labels and the size of another pool, for the kinds that need them.

    Returns
    -------
    Split
        Rows increasing.

    Raises
    ------
    SpecError
        If the spec is out of range or the pool cannot supply it.
    """
    check_spec(spec)

    def draw(step: str) -> Stream:
        return _stream(spec, seed, step)

    rows = _subsample(spec, labels, num_classes, draw)
    clean = labels[rows].astype(np.int64)
    given = give_labels(spec, labels, rows, num_classes, dataset, sources, draw)
    whole = Split(
        spec,
        seed,
        rows,
        given.observed,
        clean,
        None,
        None,
        num_classes,
        foreign=given.foreign,
        attributes=_of(planted_attributes(spec, labels, num_classes, seed), rows),
        patched=given.patched,
        known=given.known,
    )
    return whole if not spec.val_fraction else _set_aside(whole, draw("val"))


def _stream(spec: SplitSpec, seed: int, step: str) -> Stream:
    """Return a split's stream; a smaller share of the same split has the same: it is nested."""
    return stream(replace(spec, train_fraction=1.0).id, seed, step)


def planted_attributes(
    spec: SplitSpec, labels: Int[np.ndarray, " p"], num_classes: int, seed: int
) -> Int[np.ndarray, " p"] | None:
    """Return where each row of the training pool would carry a split's planted square.

    Every row has one, in the split or not: validation rows are planted as training rows are.

    Parameters
    ----------
    spec : SplitSpec
        Of the split.
    labels : int array of shape (p,)
        Clean labels of the training pool.
    num_classes : int
        C, the number of places.
    seed : int
        Seed of the job.

    Returns
    -------
    int array of shape (p,) or None
        Places 0 … C−1; None where nothing is planted.

    Raises
    ------
    SpecError
        If the correlation is below chance.
    """
    if spec.correlation is None:
        return None
    words = _stream(spec, seed, "corrupt")
    return draw_attributes(labels, num_classes, spec.correlation, words)


def _of(values: Shaped[np.ndarray, " n"] | None, rows: np.ndarray) -> np.ndarray | None:
    """Return some rows of what may not be there."""
    return None if values is None else values[rows]


def _subsample(
    spec: SplitSpec, labels: Int[np.ndarray, " p"], num_classes: int, draw: Draw
) -> Int[np.ndarray, " n"]:
    """Return the rows kept: of each class the first n_k in random order."""
    available = np.bincount(labels, minlength=num_classes)
    counts = class_counts(spec, available, draw("class-order"))
    order = draw("subsample").permutation(len(labels))
    return _first_of_each(labels, counts, order)


def _first_of_each(
    labels: Int[np.ndarray, " p"], counts: Int[np.ndarray, " c"], order: Int[np.ndarray, " p"]
) -> Int[np.ndarray, " n"]:
    """Return, increasing, the first `counts[k]` rows of each class k in the given order."""
    shuffled = labels[order]
    kept = [order[shuffled == k][:count] for k, count in enumerate(counts)]
    return np.sort(np.concatenate(kept))


def _set_aside(split: Split, draw: Stream) -> Split:
    """Return the split with a stratified share of its rows set aside for validation."""
    counts = np.floor(split.clean_counts * split.spec.val_fraction + 0.5).astype(np.int64)
    counts = np.minimum(counts, np.maximum(split.clean_counts - 1, 0))  # no class is emptied
    at = _first_of_each(split.clean, counts, draw.permutation(len(split.clean)))
    kept = np.ones(len(split.clean), dtype=bool)
    kept[at] = False
    return replace(
        split,
        indices=split.indices[kept],
        observed=split.observed[kept],
        clean=split.clean[kept],
        val_indices=split.indices[at],
        val_observed=split.observed[at],
        val_clean=split.clean[at],
        foreign=_of(split.foreign, kept),
        attributes=_of(split.attributes, kept),
        patched=_of(split.patched, kept),
        known=None if split.known is None else _still_known(split.known, kept),
    )


def _still_known(
    known: Int[np.ndarray, " r"], kept: Bool[np.ndarray, " n"]
) -> Int[np.ndarray, " k"]:
    """Return the revealed rows that are kept, by their new positions."""
    return (np.cumsum(kept) - 1)[known[kept[known]]]


def manifest(split: Split) -> dict[str, Any]:
    """Return what identifies a split, as plain values (PROTOCOL section 1).

    Parameters
    ----------
    split : Split
        Any.

    Returns
    -------
    dict
        Spec, seed, hashes of rows and observed labels, counts, realised factor and noise rate;
        where a square is planted the realised correlation, where rows are revealed their number.
    """
    factor = realised_imbalance_factor(split.clean_counts)
    wrong = split.flipped if split.foreign is None else split.foreign >= 0
    facts = {
        "spec": split.spec.id,
        "seed": split.seed,
        "sha256": split.sha256,
        "indices_sha256": content({"indices": split.indices.astype(np.int64)}),
        "observed_sha256": content({"observed": split.observed.astype(np.int64)}),
        "clean_counts": split.clean_counts.tolist(),
        "observed_counts": split.observed_counts.tolist(),
        "realised_imbalance_factor": None if factor is None else float(f"{factor:.9g}"),
        "realised_noise_rate": float(f"{wrong.mean():.9g}"),
    }
    if split.attributes is not None:
        agrees = float((split.attributes == split.clean).mean())
        facts["realised_correlation"] = float(f"{agrees:.9g}")
    if split.known is not None:
        facts["revealed"] = len(split.known)
    return facts

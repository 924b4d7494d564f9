"""What the board's pages draw, counted once when a job is evaluated."""

from collections.abc import Mapping
from contextlib import suppress

import numpy as np
from jaxtyping import Float, Int

from harness.errors import Undefined
from harness.metrics.engine.outputs import Outputs
from harness.types import Split
from harness.types.pools import Pools

RELIABILITY_BINS = 15
HISTOGRAM_BINS = 40
MAX_CONFUSION = 20
"""Classes up to which the whole confusion matrix is kept: a results file stays below 1 MiB."""


def job_details(
    opened: Pools,
    split: Split,
    outputs: Outputs,
    scores: Mapping[str, Float[np.ndarray, " n"]],
) -> dict[str, np.ndarray]:
    """Return the counts behind one job's pictures.

    Parameters
    ----------
    opened : Pools
        For the names of the OOD pools.
    split : Split
        For the training counts.
    outputs : Outputs
        Of the test pool.
    scores : mapping of str to float array
        Declared OOD score of ``test`` and each OOD pool; empty when undefined.

    Returns
    -------
    dict of str to array
        ``confusion`` (c, c) rows true, for up to 20 classes; ``recall`` (c,), NaN for an absent
        class; ``test_counts`` (c,); ``reliability`` (15, 3) count, Σ confidence, Σ correct,
        absent without probabilities;
        ``counts`` (2, c) training images by clean and by observed label; ``ood_hist``
        (1 + sets, 40) and ``ood_edges`` (41,).
    """
    c = split.num_classes
    confusion = np.bincount(outputs.y_true * c + outputs.y_pred, minlength=c * c).reshape(c, c)
    details = {
        "recall": _recall(confusion),
        "test_counts": confusion.sum(axis=1).astype(np.int32),
        "counts": np.stack([split.clean_counts, split.observed_counts]).astype(np.int32),
    }
    with suppress(Undefined):  # decisions have no probability that could be reliable
        details["reliability"] = _reliability(outputs.confidence, outputs.correct)
    if c <= MAX_CONFUSION:
        details["confusion"] = confusion.astype(np.uint32)
    if scores:
        details["ood_hist"], details["ood_edges"] = _histograms(
            [scores["test"], *(scores[name] for name in sorted(opened.ood) if name in scores)]
        )
    return details


def _recall(confusion: Int[np.ndarray, "c c"]) -> np.ndarray:
    n = confusion.sum(axis=1)
    absent = n == 0
    return np.where(absent, np.nan, np.diag(confusion) / np.maximum(n, 1)).astype(np.float32)


def _reliability(confidence: np.ndarray, correct: np.ndarray) -> np.ndarray:
    """Sum the ingredients of a reliability diagram over bins (lo, hi], the first one closed."""
    edges = np.arange(1, RELIABILITY_BINS) / RELIABILITY_BINS
    bins = np.searchsorted(edges, confidence, side="left")
    parts = (np.ones_like(confidence), confidence, correct.astype(np.float64))
    sums = [np.bincount(bins, weights=part, minlength=RELIABILITY_BINS) for part in parts]
    return np.stack(sums, axis=1).astype(np.float32)


def _histograms(scores: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Count every pool's scores in common bins; the outermost bins take what lies beyond."""
    ends = np.quantile(np.concatenate(scores), (0.005, 0.995))
    low, high = float(ends[0]), float(ends[1])
    edges = np.linspace(low, high if high > low else low + 1.0, HISTOGRAM_BINS + 1)
    counts = [np.histogram(np.clip(s, edges[0], edges[-1]), bins=edges)[0] for s in scores]
    return np.array(counts, dtype=np.uint32), edges.astype(np.float32)

"""METRICS: every metric under its key, with direction, bounds, unit, source and caveats."""

from harness.metrics.entries_other import GROUP_METRICS, NOISE_METRICS, OOD_METRICS
from harness.metrics.entries_pool import (
    CALIBRATION,
    CLASSIFICATION,
    PROBABILITY,
    RANKING,
    SELECTIVE,
)
from harness.metrics.entries_shift import SHIFT_METRICS
from harness.metrics.metric import Metric

__all__ = ["METRICS", "SUBJECTS", "Metric"]

SUBJECTS: dict[str, tuple[Metric, ...]] = {
    "Classification": CLASSIFICATION,
    "Ranking": RANKING,
    "Probability": PROBABILITY,
    "Calibration": CALIBRATION,
    "Selective prediction": SELECTIVE,
    "Groups of classes": GROUP_METRICS,
    "Out of distribution": OOD_METRICS,
    "Wrong training labels": NOISE_METRICS,
    "Shifted worlds": SHIFT_METRICS,
}
"""The table by subject, in the order in which pages show it."""

METRICS: dict[str, Metric] = {m.key: m for metrics in SUBJECTS.values() for m in metrics}
"""Key → metric."""

"""OOD detection as frames: every set, every cell, and the curves that histograms hold."""

import numpy as np
import pandas as pd

from harness.metric_keys import MetricKey
from harness.rankings.display import PLACES, cell_parts, value_text
from harness.rankings.field import Candidate
from harness.records.records import Recorded
from leaderboard.frames.trade import mean_over

METRICS_SHOWN = (
    "ood_auroc",
    "ood_auroc_right",
    "ood_auroc_wrong",
    "ood_fpr95",
    "ood_ap_out",
    "ood_ap_in",
)
"""Of each set, in this order."""


def sets_of(recorded: Recorded, variant: str) -> list[str]:
    """Return the OOD sets that a record has values of: near and far first, then single sets."""
    keys = (MetricKey.parse(key) for key in recorded.record.variants[variant].metrics)
    found = {key.ood_set for key in keys if key.root == "ood" and key.is_ood and key.ood_set}
    return sorted(found, key=lambda name: (name not in PLACES, name))


def sets_frame(row: Candidate, cell: int, titles: dict[str, str]) -> pd.DataFrame:
    """Return each OOD set's metrics under the declared score, means over seeds, as texts.

    Metrics of which the record has no value at all are left out.

    Parameters
    ----------
    row : Candidate
        What is read.
    cell : int
        Of the suite.
    titles : dict of str to str
        Metric's name → heading.
    """
    score = row.recorded.record.variants[row.variant].ood_score
    lines = []
    for name in sets_of(row.recorded, row.variant):
        keys = [f"ood/{name}/{score}/{metric}" for metric in METRICS_SHOWN]
        values = [mean_over(row.recorded, row.variant, key, [cell]) for key in keys]
        texts = [value_text(value, key) for value, key in zip(values, keys, strict=True)]
        lines.append((PLACES.get(name, name.replace("_", " ")), *texts))
    frame = pd.DataFrame(lines, columns=["OOD set", *(titles[m] for m in METRICS_SHOWN)])
    return frame.loc[:, [i == 0 or (frame.iloc[:, i] != "–").any() for i in range(frame.shape[1])]]


def rough_frame(row: Candidate, place: str) -> pd.DataFrame:
    """Return OOD AUROC under the declared score in every cell, over imbalance and noise.

    Parameters
    ----------
    row : Candidate
        What is read.
    place : {"near", "far"}
        Which sets.

    Returns
    -------
    DataFrame
        Columns ``imbalance``, ``noise``, ``value`` in [0, 1], ``text``; cells without a value are
        left out.
    """
    key = f"ood/{place}/{row.recorded.record.variants[row.variant].ood_score}/ood_auroc"
    lines = []
    for index, cell in enumerate(row.recorded.record.suite.cells):
        value = mean_over(row.recorded, row.variant, key, [index])
        if value is not None:
            lines.append((*cell_parts(cell), value, value_text(value, key)))
    return pd.DataFrame(lines, columns=["imbalance", "noise", "value", "text"])


def curves_frame(histogram: pd.DataFrame) -> pd.DataFrame:
    """Return ROC and precision-recall points of each OOD set at the histogram's edges.

    At an edge the shares above it are exact, so each point lies on the curve; between them the
    curve is not known.

    Parameters
    ----------
    histogram : DataFrame
        From `leaderboard.frames.entry.ood_frame`; its first pool is ID.

    Returns
    -------
    DataFrame
        Columns ``pool``, ``fpr`` (share of ID at or above the edge), ``tpr`` (share of OOD),
        ``precision`` (with ID and OOD in equal numbers; empty where nothing lies above).
    """
    pools = list(dict.fromkeys(histogram["pool"]))
    shares = {pool: histogram[histogram["pool"] == pool]["share"].to_numpy() for pool in pools}
    above = {pool: _above(share) for pool, share in shares.items()}
    fpr = above[pools[0]]
    frames = []
    for pool in pools[1:]:
        tpr = above[pool]
        both = tpr + fpr
        precision = np.divide(tpr, both, out=np.full_like(tpr, np.nan), where=both > 0)
        frames.append(pd.DataFrame({"pool": pool, "fpr": fpr, "tpr": tpr, "precision": precision}))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(
        columns=["pool", "fpr", "tpr", "precision"]
    )  # fmt: skip


def _above(share: np.ndarray) -> np.ndarray:
    """Return the share at or above each edge, from all to none."""
    whole = np.concatenate([[0.0], np.cumsum(share[::-1])])[::-1]
    return np.clip(whole, 0, 1)

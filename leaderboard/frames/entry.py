"""One entry's pictures as frames: the counts behind them, pooled over seeds.

Everything is read from the record and the arrays beside it; only sums over seeds and shares of
those sums are made here.
"""

import numpy as np
import pandas as pd

from harness.metric_keys import MetricKey
from harness.rankings.display import PLACES, value_text
from harness.records.records import Recorded


def _of_cell(recorded: Recorded, variant: str, name: str, cell: int) -> np.ndarray | None:
    """Return a detail of one cell over seeds, as float64; None where it is not stored."""
    found = recorded.detail(variant, name)
    return None if found is None else found[cell].astype(np.float64)


def _classes(recorded: Recorded, cell: int) -> int:
    """Return how many classes a cell's data set has: up to the last one with a training row."""
    counts = _of_cell(recorded, "", "counts", cell)
    if counts is None:
        return 0
    return int(np.flatnonzero(counts.sum(axis=(0, 1))).max(initial=0)) + 1


def reliability_frame(recorded: Recorded, variant: str, cell: int) -> pd.DataFrame | None:
    """Return a reliability diagram's bins that hold an image.

    Returns
    -------
    DataFrame or None
        Columns ``confidence``, ``right`` (means in [0, 1]), ``images`` (a count over all seeds),
        ``low``, ``high`` (edges of the bin).
    """
    sums = _of_cell(recorded, variant, "reliability", cell)
    if sums is None:
        return None
    count, confidence, right = sums.sum(axis=0).T
    edges = np.linspace(0, 1, len(count) + 1)
    seen = count > 0
    return pd.DataFrame(
        {
            "confidence": confidence[seen] / count[seen],
            "right": right[seen] / count[seen],
            "images": count[seen].astype(int),
            "low": edges[:-1][seen],
            "high": edges[1:][seen],
        }
    )


def confusion_frame(recorded: Recorded, variant: str, cell: int) -> pd.DataFrame | None:
    """Return a confusion matrix as shares of the true class.

    Returns
    -------
    DataFrame or None
        Columns ``true``, ``predicted`` (class indices), ``share`` in [0, 1] and ``images``.
    """
    counts = _of_cell(recorded, variant, "confusion", cell)
    if counts is None:
        return None
    total = counts.sum(axis=0)
    # Suites over several data sets pad their arrays: classes after the last one are not there.
    size = max(_classes(recorded, cell), int(np.flatnonzero(total.sum(axis=1)).max(initial=0)) + 1)
    total = total[:size, :size]
    shares = total / np.maximum(total.sum(axis=1, keepdims=True), 1)
    true, predicted = np.indices(total.shape)
    return pd.DataFrame(
        {
            "true": true.ravel(),
            "predicted": predicted.ravel(),
            "share": shares.ravel(),
            "images": total.ravel().astype(int),
        }
    )


def counts_frame(recorded: Recorded, cell: int) -> pd.DataFrame | None:
    """Return training counts of each class, mean over seeds.

    Returns
    -------
    DataFrame or None
        Columns ``class``, ``labels`` (``clean`` or ``observed``) and ``images``.
    """
    counts = _of_cell(recorded, "", "counts", cell)
    if counts is None:
        return None
    clean, observed = counts.mean(axis=0)[:, : _classes(recorded, cell)]
    index = np.arange(len(clean))
    return pd.DataFrame(
        {
            "class": np.tile(index, 2),
            "labels": ["clean"] * len(index) + ["observed"] * len(index),
            "images": np.concatenate([clean, observed]),
        }
    )


def recall_frame(recorded: Recorded, variant: str, cell: int) -> pd.DataFrame | None:
    """Return each class's recall, one line per class and seed; absent classes are left out.

    Returns
    -------
    DataFrame or None
        Columns ``class``, ``seed``, ``recall`` in [0, 1] and ``images`` (clean training count).
    """
    recalls = _of_cell(recorded, variant, "recall", cell)
    if recalls is None:
        return None
    counts = _of_cell(recorded, "", "counts", cell)
    trained = np.full(recalls.shape, np.nan) if counts is None else counts[:, 0]
    seeds, classes = recalls.shape
    frame = pd.DataFrame(
        {
            "class": np.tile(np.arange(classes), seeds),
            "seed": np.repeat(recorded.record.suite.seeds, classes),
            "recall": recalls.ravel(),
            "images": trained.ravel(),
        }
    )
    return frame[frame["recall"].notna()]


def classes_frame(recorded: Recorded, variant: str, cell: int) -> pd.DataFrame | None:
    """Return a table of classes as texts: training rows, recall over seeds, where errors go.

    Returns
    -------
    DataFrame or None
        Columns ``class``, ``training rows`` (clean, mean over seeds), ``observed`` (after label
        noise), ``recall`` (mean over seeds), ``lowest`` and ``highest`` (over seeds), ``taken
        for`` (the class that most of its errors went to); None where no recall is kept.
    """
    recalls = recall_frame(recorded, variant, cell)
    if recalls is None:
        return None
    counts, confusion = counts_frame(recorded, cell), confusion_frame(recorded, variant, cell)
    lines = []
    for label in sorted(set(recalls["class"])):
        own = recalls["recall"][recalls["class"] == label]
        shares = [value_text(float(v), "test/accuracy") for v in (own.mean(), own.min(), own.max())]
        trained = [_trained(counts, label, which) for which in ("clean", "observed")]
        lines.append((str(label), *trained, *shares, _taken_for(confusion, label)))
    names = ["class", "training rows", "observed", "recall", "lowest", "highest", "taken for"]
    return pd.DataFrame(lines, columns=names)


def _trained(counts: pd.DataFrame | None, label: int, which: str) -> str:
    if counts is None:
        return "–"
    found = counts["images"][(counts["class"] == label) & (counts["labels"] == which)]
    return f"{found.iloc[0]:.0f}" if len(found) else "–"


def _taken_for(confusion: pd.DataFrame | None, label: int) -> str:
    if confusion is None:
        return "–"
    wrong = confusion[(confusion["true"] == label) & (confusion["predicted"] != label)]
    most = wrong.sort_values("images", ascending=False, kind="stable").head(1)
    if not most["images"].any():
        return "–"
    return f"{most['predicted'].iloc[0]} ({100 * most['share'].iloc[0]:.1f} %)"


def ood_frame(recorded: Recorded, variant: str, cell: int) -> pd.DataFrame | None:
    """Return histograms of the declared OOD score, seed by seed added up over common edges.

    Edges belong to a seed, since another training has another scale: the first seed that has
    scores is shown, and its number stands in the frame.

    Returns
    -------
    DataFrame or None
        Columns ``pool``, ``low``, ``high`` (edges of the bin), ``share`` of the pool, ``seed``.
    """
    hist = _of_cell(recorded, variant, "ood_hist", cell)
    edges = _of_cell(recorded, variant, "ood_edges", cell)
    if hist is None or edges is None or not has_ood(recorded):
        return None
    seed = next((s for s in range(len(hist)) if hist[s].sum() > 0), None)
    if seed is None:
        return None
    names = ["test (ID)", *sorted(p for p in recorded.record.pools if p.startswith("ood/"))]
    frames = [
        pd.DataFrame(
            {
                "pool": name.removeprefix("ood/").replace("/", " OOD: ").replace("_", " "),
                "low": edges[seed][:-1],
                "high": edges[seed][1:],
                "share": counts / max(counts.sum(), 1),
                "seed": recorded.record.suite.seeds[seed],
            }
        )
        for name, counts in zip(names, hist[seed], strict=False)
    ]
    return pd.concat(frames, ignore_index=True)


CURVES = {
    "loss": ("training loss", False),
    "lr": ("learning rate", False),
    "clean_train_accuracy": ("accuracy on clean training labels", True),
    "memorised": ("memorised: wrong labels repeated", True),
    "label_error_auroc_loss": ("AUROC of the loss as a detector of wrong labels", True),
    "val_accuracy": ("validation accuracy", True),
}
"""Curves that have words of their own, and whether they are shares."""


def curves_frame(recorded: Recorded, cell: int) -> pd.DataFrame | None:
    """Return what was followed during training in one cell.

    Returns
    -------
    DataFrame or None
        Columns ``curve`` (in words), ``name``, ``share`` (whether it lies in [0, 1]), ``seed``,
        ``epoch``, ``value``; None where the record keeps no curve.
    """
    prefix = "detail/base/curve_"
    names = [n.removeprefix(prefix) for n in recorded.arrays if n.startswith(prefix)]
    frames = []
    for name in sorted((n for n in names if "@" not in n), key=_curve_place):
        values = _of_cell(recorded, "", f"curve_{name}", cell)
        epochs = _of_cell(recorded, "", f"curve_{name}@epoch", cell)
        assert values is not None
        steps = np.arange(1, values.shape[1] + 1)
        words, share = CURVES.get(name, (name.replace("_", " "), False))
        frames += [
            pd.DataFrame(
                {
                    "curve": words,
                    "name": name,
                    "share": share,
                    "seed": seed,
                    "epoch": steps if epochs is None else epochs[i],
                    "value": values[i],
                }
            )
            for i, seed in enumerate(recorded.record.suite.seeds)
        ]
    if not frames:
        return None
    whole = pd.concat(frames, ignore_index=True).dropna()
    return whole if len(whole) else None


def _curve_place(name: str) -> int:
    return [*CURVES, name].index(name)


def scores_frame(recorded: Recorded, variant: str, cell: int) -> pd.DataFrame | None:
    """Return OOD AUROC of every score in one cell, mean over seeds, the best near score first.

    Returns
    -------
    DataFrame or None
        Columns ``score``, ``sets`` (``near OOD`` or ``far OOD``), ``auroc`` in [0, 1], ``seeds``;
        None where no score has a value.
    """
    lines = []
    for key, grid in recorded.record.variants[variant].metrics.items():
        parsed = MetricKey.parse(key)
        sets, score = parsed.ood_set, parsed.score
        if parsed.root == "ood" and sets in PLACES and score and parsed.metric == "ood_auroc":
            values = [v for v in grid[cell] if v is not None]
            if values:
                mean = float(np.mean(values))
                lines.append((score.replace("_", " "), PLACES[sets], mean, len(values)))
    if not lines:
        return None
    frame = pd.DataFrame(lines, columns=["score", "sets", "auroc", "seeds"])
    near = frame[frame["sets"] == PLACES["near"]].set_index("score")["auroc"]
    order = (near if len(near) else frame.set_index("score")["auroc"]).sort_values(ascending=False)
    place = {score: i for i, score in enumerate(dict.fromkeys(order.index))}
    frame["place"] = frame["score"].map(place).fillna(len(place))
    return frame.sort_values(["place", "sets"], kind="stable").drop(columns="place")


def has_ood(recorded: Recorded) -> bool:
    """Return whether the suite has OOD pools at all."""
    return any(pool.startswith("ood/") for pool in recorded.record.pools)


def ece_words(recorded: Recorded, variant: str, cell: int) -> str:
    """Return ECE of a cell beside what a calibrated model would show, means over seeds."""
    metrics = recorded.record.variants[variant].metrics
    words = []
    for key in ("test/ece", "test/ece_null"):
        found = [v for v in metrics[key][cell] if v is not None] if key in metrics else []
        words.append(value_text(float(np.mean(found)) if found else None, key))
    return f"ECE {words[0]}; a calibrated model would show {words[1]}"

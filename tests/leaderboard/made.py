"""Records with every array that the board and the plots draw, made up but shaped like real ones."""

import json
import tomllib
from pathlib import Path

import numpy as np

from harness.models.cards.cards import card_sha256
from harness.models.store.seal import sealed as seal
from harness.rankings.field import suite_rows
from harness.rankings.notes import NOTES
from harness.rankings.ranking import rank
from harness.records.records import Recorded, read_record, sealed, write_record
from harness.records.trust import add_to_rerun_list, note_path
from harness.types import EntryCard, Ranking, RunRecord
from tests.runs.synthetic import recorded

SHA = "ab" * 32
CELLS = (
    "digits-balanced-clean",
    "digits-exp10-clean",
    "digits-exp50-clean",
    "digits-balanced-symmetric0.2",
    "digits-exp50-symmetric0.4",
)
SEEDS = (0, 1, 2)
CLASSES = 8
PER_CLASS = 60
POOLS = {"test": SHA, "ood/near/digits_8_9": SHA, "ood/far/photo_patches": SHA}
HEADLINE = (
    "test/balanced_accuracy",
    "test/auroc",
    "test/nll",
    "test/ece",
    "test/recall_tail",
    "ood/near/energy/ood_auroc",
    "ood/far/energy/ood_auroc",
)


def made(
    entry: str,
    skill: float,
    *,
    seed: int = 0,
    variants: tuple[str, ...] = (),
    missing: bool = False,
) -> Recorded:
    """Return a record of an entry whose recalls lie around `skill`.

    With `missing`, the last cell's last seed failed.
    """
    rng = np.random.default_rng([seed, int(skill * 1000)])
    names = ("", *variants)
    arrays: dict[str, np.ndarray] = {}
    records = {}
    for i, name in enumerate(names):
        metrics, parts = _variant(rng, min(skill + 0.02 * i, 0.99), name, missing=missing)
        arrays |= parts
        records[name] = {"ood_score": "energy", "selection": "last", "metrics": metrics}
    if variants:
        records[variants[0]]["facets"] = {"saw_clean_labels": False}
    return sealed(RunRecord.model_validate(_body(entry, records, missing=missing)), arrays)


def _variant(rng, skill, name, *, missing):
    """Return one variant's metrics and arrays: (cells, seeds, …)."""
    hard = np.linspace(0, 0.12, len(CELLS))[:, None, None]
    slope = np.linspace(0.06, -0.10, CLASSES) * np.linspace(0, 1, len(CELLS))[:, None, None]
    recall = np.clip(skill - hard + slope + rng.normal(0, 0.012, (5, 3, CLASSES)), 0.02, 0.99)
    confusion = np.zeros((5, 3, CLASSES, CLASSES), dtype=np.uint32)
    for index in np.ndindex(5, 3, CLASSES):
        p = np.full(CLASSES, (1 - recall[index]) / (CLASSES - 1))
        p[index[2]] = recall[index]
        confusion[index] = rng.multinomial(PER_CLASS, p / p.sum())
    recall = np.diagonal(confusion, axis1=2, axis2=3) / PER_CLASS
    values = {key: np.clip(recall.mean(axis=2), 0, 1) for key in HEADLINE}
    values["test/recall_tail"] = recall[..., -3:].mean(axis=2)
    values["test/nll"] = -np.log(values["test/balanced_accuracy"])
    values["test/ece"] = 0.03 + 0.2 * (1 - values["test/balanced_accuracy"])
    values["test/ece_null"] = np.full((5, 3), 0.018)
    values["uniform/accuracy"] = values["test/balanced_accuracy"]
    values["ood/near/energy/ood_fpr95"] = 1 - values["ood/near/energy/ood_auroc"]
    grids = {key: grid.tolist() for key, grid in values.items()}
    if missing:
        for grid in grids.values():
            grid[-1][-1] = None
    arrays = _details(rng, name, confusion, recall)
    for key in HEADLINE:
        z = rng.normal(size=(5, 3, 200)).astype(np.float16)
        arrays[f"replicates/{name or 'base'}/{key}"] = z
        arrays[f"sd/{name or 'base'}/{key}"] = np.full((5, 3), 0.012)
    return grids, arrays


def _details(rng, name, confusion, recall):
    bins = np.linspace(1 / 30, 29 / 30, 15)
    share = rng.dirichlet(np.linspace(0.3, 6, 15), size=(5, 3)) * CLASSES * PER_CLASS
    count = np.round(share)
    correct = np.round(count * np.clip(bins - 0.08 * bins, 0, 1))
    centre = np.array([-9.0, -5.0, -3.0])[:, None]
    edges = np.linspace(-14, 2, 41)
    density = np.exp(-0.5 * ((edges[:-1] - centre) / 1.5) ** 2)
    hist = np.round(density / density.sum(axis=1, keepdims=True) * 480).astype(np.uint32)
    prefix = f"detail/{name or 'base'}/"
    details = {
        "confusion": confusion,
        "recall": recall.astype(np.float32),
        "reliability": np.stack([count, count * bins, correct], axis=-1).astype(np.float32),
        "ood_hist": np.broadcast_to(hist, (5, 3, 3, 40)).copy(),
        "ood_edges": np.broadcast_to(edges, (5, 3, 41)).astype(np.float32),
    }
    if not name:
        clean = (90 * np.array([1, 10, 50, 1, 50.0])[:, None] ** -np.linspace(0, 1, CLASSES)) + 1
        observed = clean * np.linspace(0.9, 1.3, CLASSES)
        counts = np.stack([clean, observed], axis=1).astype(np.int32)
        details["counts"] = np.broadcast_to(counts[:, None], (5, 3, 2, CLASSES)).copy()
        losses = np.exp(-np.linspace(0, 3, 12)) + rng.normal(0, 0.01, (5, 3, 12))
        details["curve_loss"] = losses.astype(np.float32)
    return {prefix + key: value for key, value in details.items()}


def _body(entry, records, *, missing):
    jobs = [
        {"cell": c, "seed": s, "status": "done", "split_sha256": SHA, "numerics": {"device": "cpu"}}
        for c in range(len(CELLS))
        for s in range(len(SEEDS))
    ]
    undefined = [
        {
            "variant": "",
            "key": "test/recall_tail",
            "cell": 0,
            "seed": None,
            "reason": "the realised imbalance factor is below 1.5",
        }
    ]
    if missing:
        jobs[-1] |= {"status": "failed", "error": "TrainingError: the loss is NaN in epoch 3"}
    return {
        "entry": entry,
        "card_sha256": SHA,
        "produced_by": "trained",
        "suite": {
            "id": "digits-v1",
            "sha256": SHA,
            "cells": CELLS,
            "seeds": SEEDS,
            "primary": "test/balanced_accuracy",
            "tail_metric": "recall_tail",
            "metrics_version": 1,
        },
        "facets": {"backbone": "cnn3", "parameters": 24_000, "saw_clean_labels": False},
        "pools": POOLS,
        "jobs": jobs,
        "rank_variants": [name for name in records if name][:1],
        "variants": records,
        "undefined": undefined,
        "cost": [{"train_seconds": 3.2}] * len(jobs),
        "provenance": {"commit": "abc1234", "versions": {"numpy": "2.0"}},
    }


WORLD_KEYS = (
    "covariate/mean/balanced_accuracy",
    "covariate/severity-3/balanced_accuracy",
    "covariate/fog-3/balanced_accuracy",
    "covariate/gaussian_noise-1/balanced_accuracy",
    "subsampled/forward-5/accuracy",
    "truth/label_errors/agreement",
    "truth/label_errors/published_accuracy",
    "groups/worst_group_accuracy",
)


def write_worlds(root: Path) -> Path:
    """Write an entry that was scored on shifted test data: 0.1 below its test pool everywhere."""
    plain = made("shifted", 0.9)
    body = plain.record.model_dump(mode="json")
    metrics = body["variants"][""]["metrics"]
    below = (plain.values("", "test/balanced_accuracy") - 0.1).tolist()
    metrics |= dict.fromkeys(WORLD_KEYS, below)
    _write_rerun(root, sealed(RunRecord.model_validate(body), plain.arrays))
    return root


def write_elsewhere(root: Path, entry: str, suite: str) -> None:
    """Write an entry that has a record of another suite alone."""
    plain = made(entry, 0.8)
    body = plain.record.model_dump(mode="json")
    body["suite"]["id"] = suite
    _write_rerun(root, sealed(RunRecord.model_validate(body), plain.arrays))


def _write_rerun(root: Path, recorded: Recorded) -> None:
    _write(root, recorded, ())
    add_to_rerun_list(root, recorded.record)


def note(path: Path) -> None:
    """Note that a run of this machine made a record, as runs do."""
    record = read_record(path).record
    target = note_path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    place = f"{record.entry}/{path.name}"
    target.write_text(json.dumps(seal({"record_sha256": record.record_sha256}, place)))


FIELD = {"cnn-ce": 0.93, "cnn-bs": 0.94, "logreg": 0.85, "majority": 0.2}


def write_field(root: Path) -> Path:
    """Write four complete entries and one with a failed job, as `submissions/` would hold them."""
    for name, skill in FIELD.items():
        variants = ("la",) if name == "cnn-ce" else ()
        _write(root, made(name, skill, variants=variants), variants)
    _write(root, made("broken", 0.7, missing=True), ())
    for path in root.glob("*/results/*.json"):
        add_to_rerun_list(root, read_record(path).record)
    return root


def _write(root: Path, recorded: Recorded, variants: tuple[str, ...]) -> None:
    folder = root / recorded.record.entry
    write_record(recorded, folder / "results")
    ranked = ", ".join(f'"{v}"' for v in variants)
    (folder / "entry.toml").write_text(
        f'format = 1\nname = "{recorded.record.entry}"\nkind = "method"\n'
        f'title = "{recorded.record.entry.upper()}"\nood_score = "energy"\n'
        f'rank_variants = [{ranked}]\n\n[method]\ntrainer = "baselines.x:fit"\n'
    )


CIFAR_CELLS = ("cifar10-exp100-clean", "cifar100-exp100-clean")
CIFAR_CARD = """format = 1
name = "{name}"
kind = "method"
[method]
trainer = "cross-entropy"
recipe = "cifar-lt"
[method.overrides]
{overrides}
"""


def write_conforming(root: Path) -> Path:
    """Write an entry with a number that is missed, and one of fewer epochs."""
    for name, overrides in (("r32-ce", ""), ("r32-short-ce", "epochs = 10")):
        text = CIFAR_CARD.format(name=name, overrides=overrides)
        stamp = card_sha256(EntryCard(**tomllib.loads(text)))
        suite = {
            "id": "cifar10-v1",
            "sha256": SHA,
            "cells": CIFAR_CELLS,
            "seeds": SEEDS,
            "primary": "test/balanced_accuracy",
            "tail_metric": "recall_few",
            "metrics_version": 1,
        }
        made_up = recorded(name, 0.2, suite=suite, card_sha256=stamp)
        write_record(made_up, root / name / "results")
        (root / name / "entry.toml").write_text(text)
    return root


def ranked(
    root: Path | None, cells: list[str] | None = None, *, local_roots: tuple[Path, ...] = ()
) -> Ranking:
    """Return the ranking of what is recorded for digits-v1."""
    rows = suite_rows("digits-v1", roots=[root] if root else [], local_roots=local_roots)
    return rank(rows, suite="digits-v1", cells=cells, notes=NOTES)

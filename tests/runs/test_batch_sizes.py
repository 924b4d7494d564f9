"""Whole records of a network over batch sizes, and over one process, several, and shares of it."""

import os

import numpy as np
import pytest
from PIL import Image

import harness
from harness.data.sets.own import Options
from harness.data.sets.prepare import prepare
from harness.keys import sha256_file
from harness.models.obtain.vision import timm, torchvision
from harness.models.store.store import PARTS, Store

CARD = """
format = 1
name = "net"
kind = "model"
[model]
arch = "test_convnext"
preprocessing = {{ size = [32, 32], channels = 3, mean = [0.5, 0.5, 0.5], std = [0.2, 0.2, 0.2] }}
[model.files]
"*" = {{ path = "w.safetensors", sha256 = "{sha256}" }}
"""
COUNTS = {"train": 30, "test": 120, "near": 20}
SIZES = (1, 7, 256)
OF_FEATURES = {"mahalanobis", "relative_mahalanobis", "knn", "vim", "react"}
CELL = "sizes-natural-clean"


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """A data set of 3 classes with a near OOD set, and an entry with random weights."""
    import torch
    from safetensors.torch import save_file

    home, rng = tmp_path_factory.mktemp("sizes"), np.random.default_rng(0)
    for part, n in COUNTS.items():
        folder = home / ("near" if part == "near" else "id")
        (folder / "images").mkdir(parents=True, exist_ok=True)
        names = [f"images/{part}{at}.png" for at in range(n)]
        for at, name in enumerate(names):
            pixels = rng.integers(0, 120, (32, 32, 3)).astype(np.uint8)
            pixels[:, :, at % 3] += 100
            Image.fromarray(pixels).save(folder / name)
        if part != "near":
            lines = "".join(f"{name} {at % 3}\n" for at, name in enumerate(names))
            (folder / f"{part}.txt").write_text(lines)
    options = Options(name="sizes", near=(f"folder:{home / 'near'}",))
    prepare(f"folder:{home / 'id'}", home / "data", torchvision, options)
    entry = home / "submissions" / "net"
    entry.mkdir(parents=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        state = timm().create_model("test_convnext", num_classes=3).state_dict()
    save_file(state, entry / "w.safetensors")
    (entry / "entry.toml").write_text(CARD.format(sha256=sha256_file(entry / "w.safetensors")))
    return {"submissions": home / "submissions", "data_root": home / "data"}


def run(places, store, **how):
    made = harness.run(
        "net", "own-sizes-v1", cells=CELL, seeds=0, store=store, **places, **how
    )  # fmt: skip
    assert [job.status for job in made[0].record.jobs] == ["done"]
    return made[0].record


@pytest.fixture
def sized(monkeypatch):
    return lambda size: monkeypatch.setenv("TAILMARK_BATCH_SIZE", str(size))


def said(store):
    """Return the logits of every pool, by the note of its evidence."""
    kept = Store(store)
    things = [thing for thing in kept.listing() if thing.room == "evidence"]
    return {thing.note: kept.load_evidence(thing.key).values for thing in things}


@pytest.fixture(scope="module")
def alone(places, tmp_path_factory):
    """Batch size → record and logits of a run in one process."""
    found = {}
    for size in SIZES:
        store = tmp_path_factory.mktemp("alone")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TAILMARK_BATCH_SIZE", str(size))
            found[size] = run(places, store, executor="local"), said(store)
        assert found[size][0].cost[0]["batch_size"] == size
    return found


@pytest.mark.parametrize("size", SIZES[:-1])
def test_a_record_over_batch_sizes_differs_by_rounding_alone(alone, size):
    """Metrics agree to 1e-6 because no predicted class changes; that none does is counted.

    Scores of features read float16, whose last bit may turn: two inputs then change places.
    """
    (record, logits), (other, others) = alone[size], alone[SIZES[-1]]
    assert logits.keys() == others.keys() and len(logits) >= 3
    changed = 0
    for name, values in logits.items():
        np.testing.assert_allclose(values, others[name], rtol=1e-4, atol=1e-5)
        changed += (values.argmax(axis=1) != others[name].argmax(axis=1)).sum()
    assert changed == 0
    found, base = (r.variants[""].metrics for r in (record, other))
    assert found.keys() == base.keys() and len(base) > 50
    for key, grid in found.items():
        score, metric = key.split("/")[-2:]
        if score in OF_FEATURES and metric != "ood_auroc":
            continue
        near = 5e-3 if score in OF_FEATURES else 1e-6  # 12 of 2,400 pairs
        np.testing.assert_allclose(grid[0][0], base[key][0][0], atol=near, err_msg=key)


def test_a_record_made_from_shares_is_that_of_one_process(
    places, alone, tmp_path, sized, monkeypatch
):
    """Workers are called one after the other here; processes are tried with make faults."""
    sized(7)
    parts = []

    def in_turn(jobs, work, processes, **more):
        for job in jobs:
            yield job, work(job, lambda name, event: None)
            parts.append(len([k for k in Store(tmp_path).listing() if k.room == PARTS]))

    monkeypatch.setattr("harness.runs.execute.work_all", in_turn)
    shared = run(places, tmp_path, executor="processes", processes=2)
    assert parts == [1, 2, 0]
    assert shared.record_sha256 == alone[7][0].record_sha256


@pytest.mark.skipif("TAILMARK_FAULTS" not in os.environ, reason="part of make faults: 40 s")
def test_one_two_and_four_processes_give_the_same_record(places, alone, tmp_path, sized):
    sized(7)
    calm = alone[7][0].record_sha256
    for workers in (1, 2, 4):
        how = {"executor": "processes", "processes": workers}
        assert run(places, tmp_path / str(workers), **how).record_sha256 == calm

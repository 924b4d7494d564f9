"""Whole records of a network over batch sizes, and over one process, several, and shares of it."""

import time
from functools import partial
from threading import Thread

import numpy as np
import pytest
from PIL import Image

import harness
from harness.data.sets.own import Options
from harness.data.sets.prepare import prepare
from harness.keys import sha256_file
from harness.models.obtain import sharing
from harness.models.obtain.vision import timm, torchvision
from harness.models.passes import parts as kept_parts
from harness.models.passes.predict import pass_share
from harness.models.store.store import PARTS, Store
from harness.runs import execute
from tests.runs.conftest import faults_only

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
COUNTS = {"train": 100, "test": 120, "near": 20}
"""More training rows than the 64 features, or ViM's residual space is that of rounding."""
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
    compare_metrics(record, other)


def compare_metrics(record, other):
    """Fail where a metric of two records with the same predicted classes differs beyond 1e-6."""
    found, base = (r.variants[""].metrics for r in (record, other))
    assert found.keys() == base.keys() and len(base) > 50
    for key, grid in found.items():
        score, metric = key.split("/")[-2:]
        if score in OF_FEATURES and metric != "ood_auroc":
            continue
        near = 5e-3 if score in OF_FEATURES else 1e-6  # 12 of 2,400 pairs
        one, two = (np.array(values, dtype=float) for values in (grid, base[key]))
        np.testing.assert_allclose(one, two, atol=near, err_msg=key)


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


@faults_only
def test_one_two_and_four_processes_give_the_same_record(places, alone, tmp_path, sized):
    sized(7)
    calm = alone[7][0].record_sha256
    for workers in (1, 2, 4):
        how = {"executor": "processes", "processes": workers}
        assert run(places, tmp_path / str(workers), **how).record_sha256 == calm


def begin(place, share, send):
    """Say on which node a share is begun, and pass it in many parts."""
    import ray

    said = place.submissions / place.store.name
    with said.with_name(f"{said.name}-{share.index}").open("a") as file:
        file.write(f"{ray.get_runtime_context().get_node_id()}\n")
    kept_parts.EVERY = 0.0  # in this process, which ends with its node or run
    sharing.pass_share = partial(held, said.with_name(f"{said.name}-go"))
    execute._share(place, share, send)


def held(go, model, *given, **named):
    return pass_share(Held(model, go), *given, **named)


class Held:
    """A model that waits before its fourth batch until a file is there."""

    def __init__(self, model, go):
        self.model, self.go, self.calls = model, go, 0

    def __getattr__(self, name):
        return getattr(self.model, name)

    def __call__(self, inputs):
        self.calls += 1
        while self.calls >= 4 and not self.go.exists():
            time.sleep(0.02)
        return self.model(inputs)


@faults_only
@pytest.mark.parametrize("lost", [False, True], ids=["both stay", "one is killed"])
def test_shares_on_two_nodes_give_the_record_of_one_process(
    two_nodes, places, alone, tmp_path, sized, monkeypatch, lost
):
    """One job and two workers: each node passes a share; one that is lost begins again.

    The nodes were started before the batch size was set: a run carries its settings there.
    """
    sized(7)
    monkeypatch.setattr(execute, "_share", begin)
    store = tmp_path / "lost" if lost else tmp_path / "kept"
    begun = [places["submissions"] / f"{store.name}-{index}" for index in (0, 1)]

    go = places["submissions"] / f"{store.name}-go"

    def kill():
        """End a node with SIGKILL in the middle of both shares: two parts of nine are kept."""
        while len([k for k in Store(store).listing() if k.room == PARTS]) < 4:
            time.sleep(0.05)
        two_nodes.remove_node(next(iter(two_nodes.worker_nodes)), allow_graceful=False)
        go.touch()

    if lost:
        Thread(target=kill, daemon=True).start()
    else:
        go.touch()
    how = {"executor": "ray", "address": two_nodes.address, "processes": 2}
    shared = run(places, store, **how)
    assert shared.record_sha256 == alone[7][0].record_sha256
    assert shared.cost[0]["batch_size"] == 7
    nodes = [path.read_text().split() for path in begun]
    assert len({node for each in nodes for node in each}) == 2
    assert sorted(map(len, nodes)) == ([1, 2] if lost else [1, 1])
    assert len(two_nodes.worker_nodes) == (not lost)

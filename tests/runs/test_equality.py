"""One model of digits over batch sizes, numbers of workers and executors: one record each size."""

import shutil
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

import harness
from tests.runs.conftest import faults_only
from tests.runs.test_batch_sizes import compare_metrics, said

SIZES = (1, 7, 256)
WORKERS = (1, 2, 4)
CELLS, SEEDS = ["digits-exp10-clean", "digits-balanced-clean"], [0, 1]
CARD = """
format = 1
name = "net"
kind = "method"
[method]
trainer = "cross-entropy"
recipe = "small-cnn"
overrides = { epochs = 1 }
"""


@pytest.fixture(scope="module")
def nodes(cluster_of):
    """Two nodes with two CPUs each, started before any setting is made."""
    yield from cluster_of(2, 2)


def record(home: Path, store: Path, **how):
    """Train, pass and measure four jobs."""
    (made,) = harness.run("net", cells=CELLS, seeds=SEEDS, submissions=home, store=store, **how)
    assert [job.status for job in made.record.jobs] == ["done"] * 4
    return made.record


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("equality")
    (folder / "net").mkdir()
    (folder / "net" / "entry.toml").write_text(CARD)
    return folder


@pytest.fixture(scope="module")
def alone(home, tmp_path_factory):
    """Batch size → store and record of a run in this process."""
    found = {}
    for size in SIZES:
        store = tmp_path_factory.mktemp(f"size-{size}")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TAILMARK_BATCH_SIZE", str(size))
            found[size] = store, record(home, store, executor="local")
        assert {cost["batch_size"] for cost in found[size][1].cost} == {size}
    return found


@faults_only
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("executor", ["processes", "ray"])
def test_workers_and_executors_give_the_same_record(
    home, alone, tmp_path, monkeypatch, request, executor, size
):
    """Byte for byte, for every number of workers."""
    monkeypatch.setenv("TAILMARK_BATCH_SIZE", str(size))
    how = {"executor": executor}
    if executor == "ray":
        how["address"] = request.getfixturevalue("nodes").address
    for workers in WORKERS:
        store = tmp_path / str(workers)
        found = record(home, store, processes=workers, **how)
        assert found.record_sha256 == alone[size][1].record_sha256, workers
        assert {cost["batch_size"] for cost in found.cost} == {size}  # known on the nodes, too
        shutil.rmtree(store)


@faults_only
def test_batch_sizes_differ_by_rounding_alone(alone):
    """For each pair of sizes: outputs within float32's steps, no other class, metrics to 1e-6.

    Scores of features read float16, whose last bit may turn: two inputs then change places.
    """
    for (size, (store, found)), (other_size, (other_store, base)) in combinations(alone.items(), 2):
        pair = f"{size} and {other_size}"
        logits, others = said(store), said(other_store)
        assert logits.keys() == others.keys() and len(logits) >= 12, pair
        for name, values in logits.items():
            np.testing.assert_allclose(values, others[name], rtol=1e-4, atol=1e-5, err_msg=name)
            assert (values.argmax(axis=1) == others[name].argmax(axis=1)).all(), f"{pair}: {name}"
        compare_metrics(found, base)

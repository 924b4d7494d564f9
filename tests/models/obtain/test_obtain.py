"""From a job to predictions: computed once, never reused across a changed key, resumed."""

import json
import multiprocessing
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from harness.errors import CardError, UnknownNameError
from harness.keys import sha256_file
from harness.models.obtain.curves import Recorder
from harness.models.obtain.obtain import obtain
from harness.models.passes.numerics import LARGE_PAGES, Numerics
from harness.models.store.store import Store
from harness.types import EntryCard, Job
from tests.models.tiny_suite import CELL, VAL_CELL, open_tiny

TRIED = 3
"""Batches that a model is tried on before a job's first pass."""
POOLS = ["train", "test", "calibration", "ood/near/noise"]


def test_every_pool_of_the_suite_is_passed_by_default(toy_job, opened, store):
    found = obtain(toy_job("fit_means"), opened, store)
    assert list(found.predictions) == ["train", "test", "calibration", "ood/near/noise"]
    assert [len(p.row) for p in found.predictions.values()] == [120, 70, 15, 20]


def test_the_second_time_nothing_is_trained_or_passed(toy_job, opened, store, counts):
    first = obtain(toy_job("fit_means"), opened, store)
    done = dict(counts)
    second = obtain(toy_job("fit_means"), opened, store)
    assert dict(counts) == done
    assert done == {"fit": 1, "pass": 4 + TRIED}
    for pool in POOLS:
        assert second.predictions[pool].sha256 == first.predictions[pool].sha256
    assert second.model_id == first.model_id
    assert second.weights_sha256 == first.weights_sha256
    assert second.cost["parameters"] == first.cost["parameters"] == 3 * 36 + 3


@pytest.mark.parametrize(
    "change",
    [{"scale": 2.0}, {"seed": 1}, {"cell": VAL_CELL}],
    ids=["setting", "seed", "split"],
)
def test_a_changed_key_is_computed_anew(toy_job, opened, store, counts, change):
    first = obtain(toy_job("fit_means"), opened, store, pools=["test"])
    second = obtain(toy_job("fit_means", **change), opened, store, pools=["test"])
    assert counts["fit"] == 2
    assert second.model_id != first.model_id
    assert second.predictions["test"].sha256 != first.predictions["test"].sha256


def test_a_changed_pool_is_passed_again_by_the_same_model(toy_job, opened, store, counts):
    first = obtain(toy_job("fit_means"), opened, store, pools=["test"])
    other = replace(opened, test=open_tiny(7).test)
    second = obtain(toy_job("fit_means"), other, store, pools=["test"])
    assert counts == {"fit": 1, "pass": 2 + 2 * TRIED}
    assert second.model_id == first.model_id
    assert second.predictions["test"].sha256 != first.predictions["test"].sha256


def test_a_missing_pool_is_added_to_what_is_there(toy_job, opened, store, counts):
    obtain(toy_job("fit_means"), opened, store, pools=["test"])
    both = obtain(toy_job("fit_means"), opened, store, pools=["test", "calibration"])
    assert counts == {"fit": 1, "pass": 2 + 2 * TRIED}
    assert sorted(both.predictions) == ["calibration", "test"]


def test_dropped_features_are_passed_again_and_logits_are_the_same(toy_job, opened, store, counts):
    first = obtain(toy_job("fit_means"), opened, store, pools=["test"])
    assert store.drop_features(0) > 0
    second = obtain(toy_job("fit_means"), opened, store, pools=["test"])
    assert counts == {"fit": 1, "pass": 2 + 2 * TRIED}
    np.testing.assert_array_equal(
        second.predictions["test"].features, first.predictions["test"].features
    )
    assert second.predictions["test"].sha256 == first.predictions["test"].sha256


def test_the_head_reproduces_the_logits_from_the_features(toy_job, opened, store):
    found = obtain(toy_job("fit_means"), opened, store, pools=["test"]).predictions["test"]
    again = found.features.astype("f4") @ found.head["weight"].T + found.head["bias"]
    np.testing.assert_allclose(again, found.values, rtol=1e-3, atol=1e-2)


def test_training_labels_are_the_observed_ones_only(toy_job, opened, store):
    """The means of the observed classes are the weights: clean labels would give others."""
    obtain(toy_job("fit_means"), opened, store, pools=["test"])
    state = store.load_state(obtain(toy_job("fit_means"), opened, store, pools=[]).model_id)
    split = opened.split(CELL, 0)
    rows = opened.train.inputs.array.reshape(120, -1).astype("f4") / 255
    expected = np.stack([rows[split.observed == k].mean(axis=0) for k in range(3)])
    np.testing.assert_allclose(state.arrays["weight"], expected * 2, rtol=1e-5)


def test_curves_follow_every_epoch(toy_job, opened, store):
    found = obtain(toy_job("fit_steps", epochs=3), opened, store, pools=["test"])
    assert found.curves["loss@epoch"] == [1, 2, 3]
    assert found.curves["loss"][0] > found.curves["loss"][-1]
    assert len(found.curves["memorised"]) == 3
    assert len(found.curves["clean_train_accuracy"]) == 3
    assert all(0 <= value <= 1 for value in found.curves["label_error_auroc_loss"])


def test_an_interrupted_training_resumes_and_ends_the_same(
    toy_job, opened, store, tmp_path, counts
):
    whole = obtain(
        toy_job("fit_steps", stop_after=0), opened, Store(tmp_path / "other"), pools=["test"]
    )
    counts.clear()
    job = toy_job("fit_steps", stop_after=2)
    with pytest.raises(KeyboardInterrupt):
        obtain(job, opened, store, pools=["test"])
    assert counts["epoch"] == 2
    assert list(store.root.glob("scratch/*/"))
    found = obtain(job, opened, store, pools=["test"])
    assert counts["epoch"] == 4
    assert not [path for path in store.root.glob("scratch/*") if path.is_dir()]
    assert found.weights_sha256 == whole.weights_sha256
    assert found.curves == whole.curves


def test_resumed_seconds_include_those_before_the_interruption(opened, tmp_path):
    (tmp_path / "curves.json").write_text(json.dumps({"points": {}, "best": {}, "seconds": 50.0}))
    assert 50 < Recorder(opened.split(CELL, 0), tmp_path).seconds < 60


def test_forgotten_seeds_are_seeded_by_the_job(toy_job, opened, tmp_path):
    """fit_steps draws from numpy's global generator without seeding it."""
    one = obtain(toy_job("fit_steps"), opened, Store(tmp_path / "a"), pools=["test"])
    two = obtain(toy_job("fit_steps"), opened, Store(tmp_path / "b"), pools=["test"])
    assert one.weights_sha256 == two.weights_sha256


def test_of_epochs_that_are_as_good_the_first_is_kept(opened, tmp_path):
    split = opened.split(VAL_CELL, 0)
    recorder = Recorder(split, tmp_path, 3)
    right = np.eye(split.num_classes, dtype=np.float32)[split.val_observed]
    for epoch, logits in enumerate([-right, right, 2 * right], start=1):
        recorder.snapshot(epoch, right[:0], logits, {"w": np.full(2, epoch, np.float32)})
    state, epoch = recorder.selected()["noisy_val"]
    assert epoch == 2 and state["w"].tolist() == [2, 2]
    assert recorder.curves["noisy_val_balanced_accuracy"][1:] == [1.0, 1.0]


def test_the_selected_state_is_another_model_of_the_same_training(toy_job, opened, store, counts):
    last = obtain(toy_job("fit_steps", cell=VAL_CELL, lr=3.0), opened, store, pools=["val"])
    chosen = obtain(
        toy_job("fit_steps", cell=VAL_CELL, lr=3.0, facets={"selection": "noisy_val"}),
        opened,
        store,
        pools=["val"],
    )
    assert counts["fit"] == 1
    assert chosen.model_id != last.model_id
    curve = chosen.curves["noisy_val_balanced_accuracy"]
    observed = opened.split(VAL_CELL, 0).val_observed
    y_pred = chosen.predictions["val"].values.argmax(axis=1)
    recalls = [(y_pred == observed)[observed == k].mean() for k in np.unique(observed)]
    assert np.mean(recalls) == pytest.approx(max(curve))


def test_selection_without_validation_is_refused(toy_job, opened, store):
    job = toy_job("fit_steps", facets={"selection": "noisy_val"})
    with pytest.raises(CardError, match="neither the recipe selects nor did the trainer"):
        obtain(job, opened, store)


def test_card_and_recipe_must_agree_on_selection(toy_job, opened, store):
    with pytest.raises(CardError, match="facets.selection is 'last' and the recipe's select"):
        obtain(toy_job("fit_steps", select="noisy_val"), opened, store)


def test_a_child_starts_from_its_parents_state(toy_job, opened, store):
    parent = toy_job("fit_means", name="parent")
    child = toy_job("fit_from_parent", init_from="parent")
    found = obtain(child, opened, store, pools=["test"], parent=lambda name: parent)
    base = obtain(parent, opened, store, pools=["test"])
    np.testing.assert_allclose(
        found.predictions["test"].values, base.predictions["test"].values + 1, rtol=1e-5
    )


def test_outliers_are_part_of_the_key_of_who_names_them_and_not_of_a_parents(
    toy_job, opened, store, counts
):
    parent = toy_job("fit_means", name="parent")
    alone = obtain(parent, opened, store, pools=[])
    seen = set()
    for outliers in ({}, {"auxiliary": "noise"}, {"auxiliary": "other noise"}):
        child = toy_job("fit_from_parent", init_from="parent", **outliers)
        seen.add(obtain(child, opened, store, pools=[], parent=lambda name: parent).model_id)
    assert len(seen) == 3
    assert counts["fit"] == 4  # the parent once
    assert obtain(parent, opened, store, pools=[]).model_id == alone.model_id


def test_a_probe_is_fitted_on_its_parents_features(toy_job, opened, store, counts):
    parent = toy_job("fit_means", name="parent")
    child = toy_job("fit_means", features_from="parent")
    found = obtain(child, opened, store, pools=["test"], parent=lambda name: parent)
    assert counts["fit"] == 2
    features = obtain(parent, opened, store, pools=["test"]).predictions["test"].features
    np.testing.assert_allclose(
        found.predictions["test"].features, features.astype("f4") / 255, rtol=1e-2
    )


def test_a_changed_parent_changes_the_child(toy_job, opened, store):
    ids = {
        obtain(
            toy_job("fit_from_parent", init_from="parent"),
            opened,
            store,
            pools=["test"],
            parent=lambda name, scale=scale: toy_job("fit_means", name="parent", scale=scale),
        ).model_id
        for scale in (1.0, 2.0)
    }
    assert len(ids) == 2


def _obtain_and_count(job, root, start, queue):
    from toybox.counting import COUNTS

    COUNTS.clear()
    start.wait()
    found = obtain(job, open_tiny(), Store(root), pools=["test"])
    queue.put((COUNTS["fit"], found.weights_sha256))


def test_two_processes_with_the_same_job_train_it_once(toy_job, tmp_path):
    context = multiprocessing.get_context("fork")
    start, queue = context.Event(), context.Queue()
    job = toy_job("fit_steps", epochs=200)
    workers = [
        context.Process(target=_obtain_and_count, args=(job, tmp_path / "s", start, queue))
        for _ in range(2)
    ]
    for worker in workers:
        worker.start()
    start.set()
    fits, weights = zip(*(queue.get(timeout=60) for _ in workers), strict=True)
    for worker in workers:
        worker.join(60)
    assert sorted(fits) == [0, 1]
    assert weights[0] == weights[1]


def test_the_callers_numerics_are_also_the_parents(toy_job, opened, store):
    fast = Numerics("cpu", "bfloat16", "channels_last")
    parent = toy_job("fit_means", name="parent")
    child = toy_job("fit_means", features_from="parent")
    obtain(child, opened, store, pools=["test"], parent=lambda name: parent, numerics=fast)
    assert len(list(store.root.glob("models/*/*"))) == 2
    base = obtain(parent, opened, store, pools=["test"], numerics=fast)
    assert len(list(store.root.glob("models/*/*"))) == 2
    assert base.numerics["dtype"] == "bfloat16"


def test_mlflow_may_open_no_pickle_in_this_process(toy_job, opened, store, monkeypatch):
    monkeypatch.delenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", raising=False)
    obtain(toy_job("fit_means"), opened, store, pools=["test"])
    assert os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] == "false"


@pytest.mark.parametrize(("said", "then"), [(None, "1"), ("0", "0")])
def test_torch_asks_for_large_pages_unless_the_user_said_otherwise(
    toy_job, opened, store, monkeypatch, said, then
):
    monkeypatch.setenv(LARGE_PAGES, "")  # given back in any case
    if said is None:
        monkeypatch.delenv(LARGE_PAGES)
    else:
        monkeypatch.setenv(LARGE_PAGES, said)
    obtain(toy_job("fit_means"), opened, store, pools=["test"])
    assert os.environ[LARGE_PAGES] == then


def test_progress_tells_epochs_and_inputs(toy_job, opened, store):
    events = []
    obtain(toy_job("fit_steps"), opened, store, pools=["test"], progress=events.append)
    assert [(e["stage"], e["done"], e["total"]) for e in events] == [
        ("fit", 1, 4),
        ("fit", 2, 4),
        ("fit", 3, 4),
        ("fit", 4, 4),
        ("test", 70, 70),
    ]


def test_an_unknown_pool_is_refused_with_the_closest(toy_job, opened, store):
    with pytest.raises(UnknownNameError, match="No pool named 'tset'. Did you mean 'test'"):
        obtain(toy_job("fit_means"), opened, store, pools=["tset"])


def given_job(folder, arrays: dict[str, np.ndarray]) -> Job:
    folder.mkdir(exist_ok=True)
    files = {}
    for pool, values in arrays.items():
        path = folder / f"{pool.replace('/', '-')}.npz"
        np.savez(path, logits=values)
        files[f"{CELL}-s0/{pool}"] = {"path": path.name, "sha256": sha256_file(path)}
    card = {"format": 1, "name": "given", "kind": "predictions", "predictions": {"files": files}}
    return Job(EntryCard.model_validate(card), folder, CELL, 0)


def test_given_predictions_are_read_and_a_missing_pool_is_absent(opened, store, tmp_path, rng):
    job = given_job(tmp_path / "given", {"test": rng.normal(size=(70, 3))})
    found = obtain(job, opened, store)
    assert list(found.predictions) == ["test"]
    assert found.weights_sha256 is None


def test_given_predictions_need_test(opened, store, tmp_path, rng):
    job = given_job(tmp_path / "given", {"calibration": rng.normal(size=(15, 3))})
    with pytest.raises(CardError, match="test is required"):
        obtain(job, opened, store)


CACHED = """
import sys
from pathlib import Path
sys.path[:0] = [{root!r}, {toys!r}]
from harness.models.obtain.curves import Recorder
from harness.models.passes.numerics import Numerics
from harness.models.obtain.obtain import obtain
from harness.models.store.store import Store
from harness.types import EntryCard, Job
from tests.models.tiny_suite import open_tiny
card = EntryCard.model_validate_json(Path({card!r}).read_text())
found = obtain(Job(card, Path("."), {cell!r}, 0), open_tiny(), Store(Path({store!r})))
print(len(found.predictions), sorted(m for m in ("torch", "toybox", "baselines", "timm")
      if m in sys.modules))
"""


def test_a_cached_job_imports_neither_torch_nor_the_trainer(toy_job, opened, store, tmp_path):
    from tests.conftest import ROOT
    from tests.models.conftest import TOYS

    job = toy_job("fit_means")
    obtain(job, opened, store)
    card = tmp_path / "card.json"
    card.write_text(job.card.model_dump_json())
    code = CACHED.format(
        root=str(ROOT), toys=TOYS, card=str(card), cell=CELL, store=str(store.root)
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[0] == "4 []"

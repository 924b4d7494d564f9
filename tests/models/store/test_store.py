"""The store: all or nothing, checked on read, safe under several writers, within its budget."""

import contextlib
import errno
import json
import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest

from harness.atomic import unfinished
from harness.errors import StoreError
from harness.models.safe.predictions import from_arrays
from harness.models.store.store import State, Store

KEY, OTHER = "a" * 64, "b" * 64


def evidence(rng, n=50, d=8):
    return from_arrays(
        {"logits": rng.normal(size=(n, 3)).astype("f4"), "features": rng.normal(size=(n, d))}
    )


def test_evidence_comes_back_as_it_was(store, rng):
    given = evidence(rng)
    store.save_evidence(KEY, given, {"note": "toy test"})
    found = store.load_evidence(KEY)
    assert found.sha256 == given.sha256
    np.testing.assert_array_equal(found.features, given.features)
    assert store.load_evidence(OTHER) is None


def test_states_and_heads_come_back_as_they_were(store, rng):
    arrays = {"w": rng.normal(size=(3, 4)), "steps": np.array(7)}
    head = {"weight": rng.normal(size=(3, 4)), "bias": np.zeros(3)}
    sha256 = store.save_state(KEY, State(arrays, {"note": "toy"}, head))
    found = store.load_state(KEY)
    np.testing.assert_array_equal(found.arrays["w"], arrays["w"])
    np.testing.assert_array_equal(found.head["weight"], head["weight"])
    assert found.meta["weights_sha256"] == sha256
    assert store.load_state(OTHER) is None


@pytest.mark.parametrize("name", ["evidence.npz", "features.npz", "meta.json"])
def test_damaged_evidence_is_refused(store, rng, name):
    store.save_evidence(KEY, evidence(rng), {})
    path = store.folder("evidence", KEY) / name
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(StoreError, match="is not what was written.* Remove that folder"):
        store.load_evidence(KEY)


@pytest.mark.parametrize("name", ["evidence.npz", "features.npz", "meta.json"])
def test_damaged_evidence_is_set_aside_where_somebody_is_told(tmp_path, rng, name):
    told = []
    store = Store(tmp_path, told=told.append)
    given = evidence(rng)
    store.save_evidence(KEY, given, {})
    path = store.folder("evidence", KEY) / name
    path.write_bytes(path.read_bytes()[:-200])
    assert store.load_evidence(KEY) is None and not store.has("evidence", KEY)
    (aside,) = (tmp_path / "damaged").iterdir()
    assert str(aside) in told[0] and (aside / name).is_file()
    store.save_evidence(KEY, given, {})
    assert store.load_evidence(KEY).sha256 == given.sha256 and len(told) == 1


def test_every_bit_of_metadata_is_covered(tmp_path):
    """Names, values and the key under which they lie: another bit is refused or says the same."""
    store = Store(tmp_path)
    store.save_json("jobs", KEY, {"x": 0.5, "pools": {"test": "ab"}}, note="toy")
    path = store.folder("jobs", KEY) / "meta.json"
    raw = path.read_bytes()
    for place in range(len(raw)):
        for bit in (1, 2, 4, 32):
            path.write_bytes(raw[:place] + bytes([raw[place] ^ bit]) + raw[place + 1 :])
            with contextlib.suppress(StoreError):
                assert store.load_json("jobs", KEY) == {"x": 0.5, "pools": {"test": "ab"}}
    path.write_bytes(raw)
    store.folder("jobs", OTHER).parent.mkdir(parents=True)
    store.folder("jobs", KEY).rename(store.folder("jobs", OTHER))
    with pytest.raises(StoreError, match="another sha256 than its seal says"):
        store.load_json("jobs", OTHER)


def test_what_a_newer_version_wrote_is_refused_and_left_as_it_is(tmp_path, monkeypatch):
    """Two versions on one store: the older one does not take the newer one's things for damage."""
    store = Store(tmp_path, told=lambda said: pytest.fail(said))
    with monkeypatch.context() as newer:
        newer.setattr("harness.models.store.seal.SEALED_SINCE", 3)
        store.save_json("jobs", KEY, {"x": 0.5}, note="toy")
    written = (store.folder("jobs", KEY) / "meta.json").read_bytes()
    with pytest.raises(StoreError, match="was written by a newer version of tailmark.*Update this"):
        store.load_json("jobs", KEY)
    assert (store.folder("jobs", KEY) / "meta.json").read_bytes() == written


def _as_an_earlier_version_wrote(path):
    meta = json.loads(path.read_text())
    del meta["seal"], meta["format"]
    path.write_text(json.dumps(meta))


def test_predictions_of_an_earlier_version_are_sealed_and_its_results_made_again(tmp_path, rng):
    told = []
    store = Store(tmp_path, told=told.append)
    given = evidence(rng)
    store.save_evidence(KEY, given, {})
    store.save_result(KEY, {"x": 1.0}, {"a": np.zeros(3)}, note="")
    for room in ("evidence", "results"):
        _as_an_earlier_version_wrote(store.folder(room, KEY) / "meta.json")
    assert store.load_evidence(KEY).sha256 == given.sha256
    assert "seal" in json.loads((store.folder("evidence", KEY) / "meta.json").read_text())
    assert store.load_result(KEY) is None and "computed again" in told[0]
    store.save_result(KEY, {"x": 2.0}, {"a": np.zeros(3)}, note="")
    assert store.load_result(KEY)[0] == {"x": 2.0}


def test_what_a_killed_process_left_is_removed_and_that_of_a_living_one_stays(tmp_path):
    store = Store(tmp_path)
    gone = multiprocessing.get_context("fork").Process(target=int)
    gone.start()
    gone.join()
    mine = unfinished("x")
    left = mine.replace(f"~{os.getpid()}~", f"~{gone.pid}~")
    for name in (mine, left):
        (tmp_path / "tmp" / name).mkdir(parents=True)
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / left).touch()
    assert store.tidy() == 2
    assert [path.name for path in (tmp_path / "tmp").iterdir()] == [mine]


def test_a_file_system_without_locks_is_refused_with_a_sentence(monkeypatch, store):
    def no_locks(handle, how):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", no_locks)
    refused = pytest.raises(StoreError, match="file system with file locks.*No locks available")
    with refused, store.scratch(KEY):
        pass


def test_exchanged_evidence_is_refused(store, rng):
    store.save_evidence(KEY, evidence(rng), {})
    store.save_evidence(OTHER, evidence(rng), {})
    other = store.folder("evidence", OTHER) / "evidence.npz"
    other.replace(store.folder("evidence", KEY) / "evidence.npz")
    with pytest.raises(StoreError, match="is not what was written"):
        store.load_evidence(KEY)


@pytest.mark.parametrize("name", ["state.safetensors", "head.npz"])
def test_a_damaged_state_is_refused(store, rng, name):
    arrays = {"w": rng.normal(size=(30, 40))}
    store.save_state(KEY, State(arrays, {}, {"weight": arrays["w"], "bias": np.zeros(30)}))
    path = store.folder("models", KEY) / name
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(bytes(raw))
    with pytest.raises(StoreError, match="is not what was written"):
        store.load_state(KEY)


def test_a_write_that_fails_leaves_nothing(store):
    with pytest.raises(TypeError):
        store.save_json("results", KEY, {"x": object()}, note="")
    assert not store.has("results", KEY)
    assert not [path for path in store.root.rglob("*") if path.is_file()]


def test_the_budget_drops_the_oldest_features_and_nothing_else(tmp_path, rng):
    size = 50 * 8 * 2 + 300  # float16 (50, 8) in an npz
    store = Store(tmp_path, budget=2 * size)
    keys = [digit * 64 for digit in "abc"]
    for age, key in enumerate(keys):
        store.save_evidence(key, evidence(rng), {})
        path = store.folder("evidence", key) / "features.npz"
        if path.exists():
            os.utime(path, (age, age))
    kept = [(store.folder("evidence", key) / "features.npz").exists() for key in keys]
    assert kept == [False, True, True]
    assert store.load_evidence(keys[0]) is None
    assert store.load_evidence(keys[0], features=False).values.shape == (50, 3)


def test_dropped_features_come_back_when_they_are_computed_again(store, rng):
    predictions = evidence(rng)
    store.save_evidence(KEY, predictions, {})
    assert store.drop_features(0) > 0 and store.drop_features(0) == 0
    assert store.load_evidence(KEY) is None
    store.save_evidence(KEY, predictions, {})
    assert (store.load_evidence(KEY).features == predictions.features).all()


def test_json_values_are_replaced(store):
    store.save_json("jobs", KEY, {"x": 1}, note="first")
    store.save_json("jobs", KEY, {"x": 2}, note="second")
    assert store.load_json("jobs", KEY) == {"x": 2}


def test_the_listing_says_what_there_is(store, rng):
    store.save_evidence(KEY, evidence(rng), {"note": "toy test"})
    store.save_json("jobs", OTHER, {"x": 1}, note="toy")
    listed = [(kept.room, kept.note, kept.bytes > kept.features > 0) for kept in store.listing()]
    assert listed == [("evidence", "toy test", True), ("jobs", "toy", False)]


def test_a_read_only_store_says_so(tmp_path, rng):
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match="must be a folder that can be written"):
        Store(tmp_path / "s").save_evidence(KEY, evidence(rng), {})


def test_a_store_that_cannot_be_a_folder_says_so(tmp_path, rng):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="must be a folder that can be written; got Not a dir"):
        Store(tmp_path / "file").save_evidence(KEY, evidence(rng), {})


def test_the_folder_is_named_by_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("TAILMARK_HOME", str(tmp_path / "home"))
    assert Store().root == tmp_path / "home"
    assert Store(tmp_path / "given").root == tmp_path / "given"


def test_a_thing_that_is_replaced_while_it_is_read_is_read_again(tmp_path, monkeypatch):
    """Between the two renames of a writer its folder is gone, and there again a moment later."""
    store = Store(tmp_path)
    store.save_json("jobs", "c" * 64, {"k": 1}, note="shared")
    read, missing = Path.read_bytes, iter([True, True, False])

    def sometimes(path):
        if path.name == "meta.json" and next(missing, False):
            raise FileNotFoundError(2, "No such file or directory", str(path))
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", sometimes)
    assert store.load_json("jobs", "c" * 64) == {"k": 1}


def _write_many(root, start):
    rng = np.random.default_rng(0)
    store = Store(root)
    start.wait()
    for k in range(10):
        store.save_evidence(f"{k:064d}", evidence(rng), {"note": str(k)})
        store.save_json("jobs", "c" * 64, {"k": k}, note="shared")
        found = store.load_json("jobs", "c" * 64)
        assert found is None or set(found) == {"k"}


def test_four_processes_may_write_the_same_things(tmp_path):
    context = multiprocessing.get_context("fork")
    start = context.Event()
    writers = [context.Process(target=_write_many, args=(tmp_path, start)) for _ in range(4)]
    for writer in writers:
        writer.start()
    start.set()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0] * 4
    store = Store(tmp_path)
    assert store.load_json("jobs", "c" * 64) == {"k": 9}
    assert all(store.load_evidence(f"{k:064d}") is not None for k in range(10))
    assert not list((tmp_path / "tmp").iterdir())


def _count_in_scratch(root, times):
    for _ in range(times):
        with Store(root).scratch(KEY) as folder:
            path = folder.parent.parent / "counter.json"
            value = json.loads(path.read_text())
            path.write_text(json.dumps(value + 1))


def test_a_scratch_folder_belongs_to_one_process_at_a_time(tmp_path):
    (tmp_path / "counter.json").write_text("0")
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_count_in_scratch, args=(tmp_path, 20)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert json.loads((tmp_path / "counter.json").read_text()) == 60


def test_a_scratch_folder_survives_an_interruption(store):
    with pytest.raises(KeyboardInterrupt), store.scratch(KEY) as folder:
        (folder / "checkpoint").write_text("half")
        raise KeyboardInterrupt
    with store.scratch(KEY) as folder:
        assert (folder / "checkpoint").read_text() == "half"
    assert not folder.exists()

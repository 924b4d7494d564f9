"""Corrupted copies are made once, equal what is made as it is taken, and make room."""

import numpy as np
import pytest

import harness
from harness.data.pools.pools import image_pool
from harness.data.worlds.corruption import CorruptedInputs, corrupted_pool
from harness.models.obtain import copies
from harness.models.obtain.copies import kept_copy
from harness.models.store.store import COPIES, Store


@pytest.fixture
def pool(rng, monkeypatch):
    """A corrupted copy of forty images, large enough to be kept."""
    monkeypatch.setattr(copies, "LEAST", 40 * 8 * 8 * 3)
    images = rng.integers(0, 256, (40, 8, 8, 3)).astype(np.uint8)
    whole = image_pool("test", images, np.arange(40) % 2, ("a", "b"))
    return corrupted_pool(whole, "elastic_transform", 3)


def taken(pool):
    return pool.inputs.take(np.arange(len(pool)))


def test_a_copy_is_made_once_and_is_what_is_made_as_it_is_taken(pool, tmp_path, monkeypatch):
    fresh = taken(pool)
    store = Store(tmp_path)
    first = kept_copy(store, pool)
    monkeypatch.setattr(CorruptedInputs, "take", None)  # nothing is corrupted any more
    second = kept_copy(store, pool)
    assert np.array_equal(taken(first), fresh) and np.array_equal(taken(second), fresh)
    assert first.identity == second.identity == pool.identity
    assert [(kept.room, kept.note) for kept in store.listing()] == [(COPIES, pool.name)]


def test_another_severity_or_library_is_another_copy(pool, tmp_path, monkeypatch):
    store = Store(tmp_path)
    kept_copy(store, pool)
    other = corrupted_pool(pool, "fog", 2)
    assert kept_copy(store, other) is other  # a copy of a copy is not kept
    monkeypatch.setattr(copies, "version", lambda name: "another")
    assert np.array_equal(taken(kept_copy(store, pool)), taken(pool))
    assert len(list(store.listing())) == 2


def test_a_damaged_copy_is_set_aside_and_made_again(pool, tmp_path):
    told = []
    store = Store(tmp_path, told=told.append)
    kept_copy(store, pool)
    (path,) = tmp_path.glob(f"{COPIES}/*/*/arrays.npz")
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 4
    path.write_bytes(raw)
    assert np.array_equal(taken(kept_copy(store, pool)), taken(pool))
    assert len(told) == 1 and "set aside" in told[0]


def test_the_budget_drops_the_oldest_copy(pool, tmp_path):
    other = corrupted_pool(image_pool("test", *_more(pool), ("a", "b")), "fog", 1)
    kept_copy(Store(tmp_path), pool)
    (first,) = tmp_path.glob(f"{COPIES}/*/*")
    size = (first / "arrays.npz").stat().st_size
    found = kept_copy(Store(tmp_path, budget=size), other)
    assert np.array_equal(taken(found), taken(other))
    assert not first.exists() and len(list(tmp_path.glob(f"{COPIES}/*/*"))) == 1
    assert Store(tmp_path).drop_features(0) == size
    assert not list(tmp_path.glob(f"{COPIES}/*/*"))


def _more(pool):
    return 255 - pool.inputs.inputs.array, pool.labels


def test_what_is_small_or_no_copy_is_left_alone(pool, tmp_path, monkeypatch):
    monkeypatch.setattr(copies, "LEAST", copies.LEAST + 1)
    store = Store(tmp_path)
    plain = image_pool("test", *_more(pool), ("a", "b"))
    assert kept_copy(store, pool) is pool and kept_copy(store, plain) is plain
    assert not list(tmp_path.iterdir())


def test_a_record_is_the_same_with_kept_copies_and_without(tmp_path, monkeypatch):
    records = []
    for least in (2**40, 0):
        monkeypatch.setattr(copies, "LEAST", least)
        store = tmp_path / str(least)
        (found,) = harness.run(
            "nearest-mean", suite="digits-shift-v1", cells=["digits-exp50-clean"], seeds=[0],
            processes=1, store=store, told=lambda said: None,
        )  # fmt: skip
        records.append(found.record.record_sha256)
        assert len(list(store.glob(f"{COPIES}/*/*"))) == (48 if least == 0 else 0)
    assert records[0] == records[1]

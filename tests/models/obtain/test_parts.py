"""Parts of a pass in the store: a killed pass goes on, damage and other settings are noticed."""

import multiprocessing
import os
from dataclasses import replace

import pytest

from harness.errors import StoreError
from harness.models.obtain.obtain import obtain
from harness.models.passes import parts as kept_parts
from harness.models.passes.numerics import Numerics
from harness.models.store.store import PARTS, Store
from harness.types.models import MethodPart

BATCH, TRIED = 8, 3
BATCHES = 9
"""The test pool's 70 inputs in batches of eight."""
SMALL = Numerics(batch_size=BATCH)


@pytest.fixture(autouse=True)
def every_batch(monkeypatch):
    monkeypatch.setattr(kept_parts, "EVERY", 0.0)


def parts(store):
    return [kept for kept in store.listing() if kept.room == PARTS]


def passed(job, opened, store, numerics=SMALL):
    return obtain(job, opened, store, pools=["test"], numerics=numerics).predictions["test"]


def _until_killed(job, opened, store, batches):
    seen = []

    def progress(event):
        seen.append(event)
        if event["stage"] == "test" and event["done"] >= BATCH * batches:
            os._exit(9)

    obtain(job, opened, store, pools=["test"], numerics=SMALL, progress=progress)


@pytest.fixture
def killed(toy_job, opened, store):
    """A store that a process left which ended without a word in the seventh batch."""
    job = toy_job("fit_means")
    process = multiprocessing.get_context("fork").Process(
        target=_until_killed, args=(job, opened, store, 7)
    )
    process.start()
    process.join()
    assert process.exitcode == 9
    return job


@pytest.fixture
def undisturbed(toy_job, opened, tmp_path):
    return passed(toy_job("fit_means"), opened, Store(tmp_path / "calm"))


def same(one, other):
    return one.sha256 == other.sha256 and one.features.tobytes() == other.features.tobytes()


def test_a_killed_pass_goes_on_where_its_last_part_ended(
    killed, undisturbed, opened, store, counts
):
    assert len(parts(store)) == 6  # the seventh was said and not kept
    assert parts(store)[0].note == f"{killed.name} test" and parts(store)[0].bytes > 0
    assert same(passed(killed, opened, store), undisturbed)
    assert counts["pass"] == TRIED + BATCHES - 6
    assert not parts(store)


def test_parts_of_another_batch_size_are_not_used(killed, opened, store, counts):
    found = passed(killed, opened, store, Numerics(batch_size=16))
    assert counts["pass"] == TRIED + 5 and found.numerics["batch_size"] == 16
    assert not parts(store)


def test_a_damaged_part_is_set_aside_and_its_rows_are_passed_again(
    killed, undisturbed, opened, store, counts
):
    counts.clear()
    path = store.folder(PARTS, parts(store)[2].key) / "arrays.npz"
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    with pytest.raises(StoreError, match="is not what was written.* Remove that folder"):
        passed(killed, opened, store)
    told = []
    store.told = told.append
    assert same(passed(killed, opened, store), undisturbed)
    assert len(told) == 1 and "set aside" in told[0]
    assert counts["pass"] == 2 * TRIED + BATCHES - 5


def test_a_part_under_another_pass_is_not_believed(killed, opened, store):
    first, second = (store.folder(PARTS, part.key) for part in parts(store)[:2])
    (second / "meta.json").replace(first / "meta.json")
    (second / "arrays.npz").replace(first / "arrays.npz")
    with pytest.raises(StoreError, match="another sha256 than its seal says"):
        passed(killed, opened, store)


def test_parts_of_a_finished_pass_are_tidied_and_those_of_an_unfinished_one_stay(
    killed, opened, store
):
    assert store.tidy() == 0 and len(parts(store)) == 6
    left = [(part.key, store.load_result(part.key, room=PARTS)) for part in parts(store)]
    passed(killed, opened, store)
    (evidence,) = {key.partition("-")[0] for key, _ in left}
    for key, (value, arrays) in left:  # as if killed between evidence and the removal of parts
        store.save_result(key, value, arrays, note="", room=PARTS)
        os.utime(store.folder(PARTS, key) / "meta.json", (0, 0))
    assert store.has("evidence", evidence)
    assert store.tidy() == 6 and not parts(store)


@pytest.mark.parametrize("how", ["unkept", "adapting"])
def test_models_that_may_differ_between_two_tries_keep_no_parts(toy_job, opened, store, how):
    if how == "unkept":
        job = toy_job("fit_means")
        method = MethodPart(trainer="toybox.unkept:fit_means")
        job = replace(job, card=job.card.model_copy(update={"method": method}))
    else:
        job = toy_job("fit_adapting", facets={"transductive": True})
    kept = []
    obtain(
        job, opened, store, pools=["test"], numerics=SMALL,
        progress=lambda event: kept.append(len(parts(store))),
    )  # fmt: skip
    assert len(kept) >= BATCHES and set(kept) == {0}

"""Several workers pass shares of a pool: joined they are the bytes of one process."""

import pytest

from harness.models.obtain import sharing
from harness.models.obtain.obtain import obtain
from harness.models.obtain.sharing import pass_shares, shareable
from harness.models.passes.numerics import choose
from harness.models.passes.parts import share_of
from harness.models.store.store import PARTS, Store

BATCH = 4
"""The tiny suite's training pool then has 30 batches, its test pool 18, the others fewer."""


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setenv("TAILMARK_BATCH_SIZE", str(BATCH))


@pytest.fixture
def calm(entry, opened, tmp_path):
    return obtain(entry(), opened, Store(tmp_path / "calm"))


@pytest.mark.parametrize("total", [1, 7, 8, 9, 70, 120])
@pytest.mark.parametrize("of", [1, 2, 3, 8])
def test_shares_are_whole_batches_and_cover_each_row_once(total, of):
    shares = [share_of(total, 8, index, of) for index in range(of)]
    assert [row for share in shares for row in share] == list(range(total))
    assert all(share.start % 8 == 0 for share in shares if len(share))
    sizes = [-(-len(share) // 8) for share in shares]
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_workers_give_the_bytes_of_one(entry, opened, store, calm, monkeypatch, order):
    job = entry()
    for index in order:
        assert pass_shares(job, opened, store, index, 2) == ["train", "test"]
    parts = [kept for kept in store.listing() if kept.room == PARTS]
    assert len(parts) == 4
    passed = []
    monkeypatch.setattr(
        "harness.models.passes.predict._pass", lambda model, pool, *rest: passed.append(pool.name)
    )
    found = obtain(job, opened, store, pools=["train", "test"])
    assert passed == []
    for name, predictions in found.predictions.items():
        other = calm.predictions[name]
        assert predictions.sha256 == other.sha256
        assert predictions.features.tobytes() == other.features.tobytes()
        assert predictions.numerics == other.numerics
    assert found.evidence_keys.items() <= calm.evidence_keys.items()
    assert not [kept for kept in store.listing() if kept.room == PARTS]


def test_what_a_worker_did_not_do_the_job_does(entry, opened, store, calm):
    pass_shares(entry(), opened, store, 2, 3)
    found = obtain(entry(), opened, store)
    assert {n: p.sha256 for n, p in found.predictions.items()} == {
        n: p.sha256 for n, p in calm.predictions.items()
    }


def test_small_pools_and_what_is_kept_are_left(entry, opened, store, monkeypatch):
    assert pass_shares(entry(), opened, store, 0, 4) == []  # 30 batches are fewer than 4 · 8
    obtain(entry(), opened, store)
    monkeypatch.setattr(sharing, "pass_share", lambda *given, **named: pytest.fail("again"))
    assert pass_shares(entry(), opened, store, 0, 2) == []


def test_only_loaded_models_that_do_not_adapt_are_shared(entry, toy_job, opened):
    assert shareable(entry(), opened)
    assert not shareable(toy_job("fit_means"), opened)
    job = entry()
    adapts = job.card.facets.model_copy(update={"transductive": True})
    card = job.card.model_copy(update={"facets": adapts})
    assert not shareable(type(job)(card, job.folder, job.cell, job.seed), opened)
    assert choose().batch_size == BATCH

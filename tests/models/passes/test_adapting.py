"""Transductive entries: which inputs each pool's model adapted on, and that nothing leaks."""

from dataclasses import replace

import numpy as np
import pytest

from harness.errors import CardError
from harness.models.obtain.obtain import obtain
from harness.models.passes.predict import predict
from tests.models.tiny_suite import pool

ADAPTS = {"transductive": True}


@pytest.fixture
def shifted(opened):
    """The tiny suite with a brighter copy of its test pool."""
    bright = np.minimum(opened.test.inputs.array + 40, 255).astype(np.uint8)
    return replace(
        opened, covariate={"test@bright-1": pool("test@bright-1", bright, opened.test.labels)}
    )


def test_an_inductive_entry_never_adapts_and_sees_no_views(toy_job, opened, store, counts):
    found = obtain(toy_job("fit_adapting"), opened, store)
    assert "adapt" not in counts
    assert not [name for name in found.predictions if "@" in name]


def test_each_view_and_copy_is_adapted_on_by_itself_and_the_rest_on_test(
    toy_job, shifted, store, counts
):
    found = obtain(toy_job("fit_adapting", facets=ADAPTS), shifted, store).predictions
    assert {n for n in found if "@" in n} == {"test@bright-1", "test@uniform", "test@forward-5"}
    assert counts["adapt"] >= 4  # test, its copy and two views; OOD sets use the state of test
    plain = obtain(toy_job("fit_adapting", name="plain"), shifted, store).predictions

    def moved(name, on):
        """Least squares on inputs without the mean of what was adapted on."""
        array = on.inputs.take(np.arange(len(on))).reshape(len(on), -1) / np.float32(255)
        weight = plain[name].head["weight"]
        return plain[name].values - weight @ array.mean(axis=0)

    for name in ("test", "train", "calibration", "ood/near/noise"):
        np.testing.assert_allclose(found[name].values, moved(name, shifted.test), atol=1e-5)
    copy = shifted.covariate["test@bright-1"]
    np.testing.assert_allclose(found[copy.name].values, moved(copy.name, copy), atol=1e-5)


def test_what_a_pool_gets_does_not_depend_on_the_order_of_asking(toy_job, shifted, tmp_path):
    from harness.models.store.store import Store

    job = toy_job("fit_adapting", facets=ADAPTS)
    names = ["test@uniform", "ood/near/noise", "test", "test@bright-1"]
    one = obtain(job, shifted, Store(tmp_path / "a"), pools=names).predictions
    two = obtain(job, shifted, Store(tmp_path / "b"), pools=names[::-1]).predictions
    alone = obtain(job, shifted, Store(tmp_path / "c"), pools=["ood/near/noise"]).predictions
    assert {n: p.sha256 for n, p in one.items()} == {n: p.sha256 for n, p in two.items()}
    assert alone["ood/near/noise"].sha256 == one["ood/near/noise"].sha256


@pytest.mark.parametrize("adapts", [False, True])
def test_only_what_never_adapts_may_be_computed_in_micro_batches(
    toy_job, shifted, store, monkeypatch, adapts
):
    """A model that adapts may answer by the batch: trying a batch twice would move it."""
    given = []

    def noted(model, pool, *, micro, **more):
        given.append(micro is None)
        return predict(model, pool, **more)

    monkeypatch.setattr("harness.models.passes.predict.predict", noted)
    obtain(toy_job("fit_adapting", facets=ADAPTS if adapts else {}), shifted, store)
    assert len(given) >= 5 and set(given) == {adapts}


def test_other_test_inputs_are_adapted_on_anew(toy_job, opened, store):
    job = toy_job("fit_adapting", facets=ADAPTS)
    first = obtain(job, opened, store, pools=["ood/near/noise"]).predictions["ood/near/noise"]
    other = replace(opened, test=pool("test", opened.test.inputs.array[:9].copy(), None))
    # the OOD pool itself is the same: only what was adapted on has changed
    again = obtain(job, other, store, pools=["ood/near/noise"]).predictions["ood/near/noise"]
    assert again.sha256 != first.sha256


def test_a_card_that_says_transductive_needs_a_model_that_adapts(toy_job, opened, store):
    with pytest.raises(CardError, match=r"transductive is true, and its model has no\s+adapt"):
        obtain(toy_job("fit_means", facets=ADAPTS), opened, store)

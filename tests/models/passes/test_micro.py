"""Micro-batches: a pass has the bits of its batch size, whichever way it was computed."""

from dataclasses import replace

import numpy as np
import pytest

from harness.keys import content
from harness.models.passes import micro
from harness.models.passes.micro import MicroBatches, filled, micro_size
from harness.models.passes.numerics import Numerics
from harness.models.passes.predict import predict
from harness.types import ArrayInputs, Output, Pool, Preprocessing

SIDE, BATCH, SMALL, MANY = 16, 32, 8, 10**6
HOW = Preprocessing(size=(SIDE, SIDE), channels=3, mean=(0.5,) * 3, std=(0.25,) * 3)


class Sums:
    """A model of exact sums that remembers how many rows it got; `change` spoils its answers."""

    num_classes, preprocessing = 2, HOW

    def __init__(self, change=lambda values: values):
        self.change, self.calls = change, []

    def __call__(self, inputs):
        self.calls.append(len(inputs))
        rows = np.rint(inputs * 510).reshape(len(inputs), -1)
        values = np.stack([rows[:, ::2].sum(1), rows[:, 1::2].sum(1)], axis=1).astype("f4")
        return Output("logits", self.change(values), rows[:, :5], {"layer_0": values[:, :1]})


def last_bit_by_place(values):
    """Round the last row of a batch of 32 otherwise, as a kernel does that has rows left over."""
    if len(values) == BATCH:
        values[-1, 0] = np.nextafter(values[-1, 0], np.float32(np.inf))
    return values


def last_bit_by_size(values):
    return np.nextafter(values, np.float32(np.inf)) if len(values) < BATCH else values


@pytest.fixture
def pool(rng):
    return pool_of(rng.integers(0, 256, (4 * BATCH + 13, SIDE, SIDE, 3)).astype(np.uint8))


@pytest.fixture(autouse=True)
def eight_rows(monkeypatch):
    monkeypatch.setattr(micro, "PIXELS", SMALL * SIDE * SIDE)
    monkeypatch.setattr(micro, "SLOWER", np.inf)  # whatever else this machine does


def pool_of(images):
    return Pool("test", "image", ArrayInputs(images), None, ("a", "b"), content({"x": images}))


def passed(model, pool, rows=MANY, **more):
    numerics = Numerics(batch_size=more.pop("batch_size", BATCH), **more)
    return predict(model, pool, numerics=numerics, micro=MicroBatches(rows))


def same(one, other):
    return (
        one.values.tobytes() == other.values.tobytes()
        and one.features.tobytes() == other.features.tobytes()
        and all((array == other.statistics[n]).all() for n, array in one.statistics.items())
    )


def test_after_one_batch_both_ways_the_rest_is_computed_in_micro_batches(pool):
    whole, small = Sums(), Sums()
    found = passed(small, pool)
    assert same(found, predict(whole, pool, numerics=Numerics(batch_size=BATCH)))
    assert whole.calls == [BATCH] * 5
    assert small.calls == [BATCH, BATCH, *[SMALL] * 4, *[SMALL] * 8, *[SMALL] * 2]
    assert found.numerics["batch_size"] == BATCH


@pytest.mark.parametrize("change", [last_bit_by_place, last_bit_by_size])
def test_one_other_bit_in_one_row_keeps_batches_whole(pool, change):
    model = Sums(change)
    found = passed(model, pool)
    assert same(found, predict(Sums(change), pool, numerics=Numerics(batch_size=BATCH)))
    assert model.calls == [BATCH, BATCH, *[SMALL] * 4, *[BATCH] * 3]


@pytest.mark.parametrize("what", ["features", "statistics"])
def test_features_and_statistics_are_compared_too(pool, what):
    class Spoilt(Sums):
        def __call__(self, inputs):
            said = super().__call__(inputs)
            more = np.float32(len(inputs) == BATCH)
            other = {
                "features": said.features + more,
                "statistics": {"layer_0": said.statistics["layer_0"] + more},
            }
            return replace(said, **{what: other[what]})

    model = Spoilt()
    assert same(passed(model, pool), predict(Spoilt(), pool, numerics=Numerics(batch_size=BATCH)))
    assert model.calls[-3:] == [BATCH] * 3


def test_inputs_that_are_all_alike_show_nothing(pool):
    """Black images first: equal answers to them say nothing of those that follow."""
    images = pool.inputs.array.copy()
    images[: BATCH + BATCH // 2 + 1] = 0
    model = Sums(last_bit_by_size)
    dull = pool_of(images)
    assert same(passed(model, dull), predict(model, dull, numerics=Numerics(batch_size=BATCH)))
    model = Sums()
    passed(model, dull)
    assert model.calls[-3:] == [BATCH] * 3


@pytest.mark.parametrize(
    ("rows", "batch_size"),
    [(micro.WORTH * BATCH - 1, BATCH), (MANY, 7), (MANY, SMALL), (MANY, 30)],
)
def test_where_it_does_not_pay_or_divide_nothing_is_tried(pool, rows, batch_size):
    model = Sums()
    passed(model, pool, rows, batch_size=batch_size)
    assert set(model.calls) == {batch_size}


@pytest.mark.parametrize(("slow", "taken"), [(BATCH, SMALL), (SMALL, BATCH)])
def test_what_takes_more_time_is_not_taken(pool, monkeypatch, slow, taken):
    """Equal bits both ways: only how long a batch takes decides."""
    clock = [0.0]

    class Timed(Sums):
        def __call__(self, inputs):
            clock[0] += len(inputs) * (2.0 if len(inputs) == slow else 1.0)
            return super().__call__(inputs)

    monkeypatch.setattr(micro, "SLOWER", 1.1)
    monkeypatch.setattr(micro.time, "thread_time", lambda: clock[0])
    model = Timed()
    found = passed(model, pool)
    assert model.calls[-1] == taken
    assert same(found, predict(Sums(), pool, numerics=Numerics(batch_size=BATCH)))


def test_a_batch_that_is_filled_up_is_not_tried_on(pool):
    few, small = pool_of(pool.inputs.array[: BATCH - 1]), MicroBatches(MANY)
    model = Sums()
    predict(model, few, numerics=Numerics(batch_size=BATCH), micro=small)
    assert model.calls == [BATCH]
    predict(model, pool, numerics=Numerics(batch_size=BATCH), micro=small)
    model.calls.clear()
    found = predict(model, few, numerics=Numerics(batch_size=BATCH), micro=small)
    assert model.calls == [SMALL] * 4
    assert same(found, predict(Sums(), few, numerics=Numerics(batch_size=BATCH)))


def test_other_prepared_inputs_than_images_stay_whole():
    assert micro_size(np.zeros((BATCH, SIDE, SIDE, 3), np.uint8), BATCH) == BATCH
    assert micro_size(np.zeros((BATCH, 4), np.float32), BATCH) == BATCH


def test_a_model_that_gives_too_few_rows_later_is_refused(pool):
    class Short(Sums):
        def __call__(self, inputs):
            said = super().__call__(inputs)
            return said if len(self.calls) < 8 else Output("logits", said.values[:-1])

    from harness.errors import PredictionsError

    with pytest.raises(PredictionsError, match=r"one row per input, \(32, 2\)"):
        passed(Short(), pool)


@pytest.mark.parametrize("arch", ["resnet18", "test_convnext", "test_vit"])
def test_networks_answer_with_the_bits_of_their_batch(arch, monkeypatch):
    """Whether or not this processor's kernels let a batch be divided."""
    import torch

    from harness.models.loaders.timm_weights import TimmModel
    from harness.models.obtain.vision import timm

    side = 32 if arch == "resnet18" else 96
    side = 160 if arch == "test_vit" else side
    how = HOW.model_copy(update={"size": (side, side)})
    monkeypatch.setattr(micro, "PIXELS", SMALL * side * side)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = timm().create_model(arch, num_classes=2)
    model = TimmModel(network, 2, how, Numerics(batch_size=BATCH))
    images = np.random.default_rng(0).integers(0, 256, (3 * BATCH + 9, side, side, 3))
    pool = pool_of(images.astype(np.uint8))
    whole = predict(model, pool, numerics=Numerics(batch_size=BATCH))
    found = passed(model, pool)
    assert found.values.tobytes() == whole.values.tobytes()
    assert found.features.tobytes() == whole.features.tobytes()


@pytest.mark.parametrize("shape", [(5, 1, 4, 4), (5, 3, 4, 4)])
def test_filling_up_repeats_the_last_row(shape, rng):
    given = rng.normal(size=shape).astype("f4")
    found = filled(given, 8)
    assert (found[:5] == given).all() and (found[5:] == given[-1]).all()

"""One pass: the batch cannot matter, memory may run out, labels stay out, wrong outputs stop."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from harness.errors import PredictionsError
from harness.keys import content
from harness.models.passes.numerics import Numerics
from harness.models.passes.predict import predict
from harness.types import ArrayInputs, Output, Pool, Preprocessing
from tests.conftest import ROOT

GREY = Preprocessing(size=(8, 8), channels=1, mean=(0.5,), std=(0.25,))


class Convolution:
    """A small fixed network of torch: two convolutions, a pooled linear layer."""

    num_classes = 3
    preprocessing = GREY

    def __init__(self):
        import torch
        from torch import nn

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.network = nn.Sequential(
                nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Conv2d(8, 16, 3), nn.ReLU(), nn.Flatten(),
                nn.Linear(16 * 16, 3),
            ).eval()  # fmt: skip

    def __call__(self, inputs):
        import torch

        with torch.inference_mode():
            return Output("logits", self.network(torch.from_numpy(inputs)).float().numpy())


class Rows:
    """A model of numpy: it takes the arrays as they are and remembers its batches."""

    num_classes = 2
    preprocessing = None

    def __init__(self, fits=10**9, error=MemoryError, change=lambda output: output):
        self.fits, self.error, self.change, self.batches = fits, error, change, []

    def __call__(self, inputs):
        if len(inputs) > self.fits:
            raise self.error("DefaultCPUAllocator: not enough memory: you tried to allocate 9 GB")
        self.batches.append(len(inputs))
        rows = inputs.reshape(len(inputs), -1).astype("f4")
        return self.change(Output("logits", np.stack([rows.sum(1), rows[:, 0]], axis=1), rows))


@pytest.fixture
def pool(rng):
    array = rng.integers(0, 256, (37, 8, 8, 1)).astype(np.uint8)
    return Pool("test", "image", ArrayInputs(array), None, ("a", "b"), content({"x": array}))


@pytest.mark.parametrize("batch_size", [1, 5, 36, 37, 64])
def test_logits_do_not_depend_on_the_batch_size(pool, batch_size):
    model = Convolution()
    whole = predict(model, pool, numerics=Numerics(batch_size=37)).values
    found = predict(model, pool, numerics=Numerics(batch_size=batch_size)).values
    np.testing.assert_allclose(found, whole, atol=1e-5)


def test_a_row_gets_the_same_bits_wherever_it_lies_in_the_last_batch(pool):
    """The last batch is filled up, so that the same kernel serves each of its rows."""
    model = Convolution()
    whole = predict(model, pool, numerics=Numerics(batch_size=16)).values
    part = predict(model, pool, rows=np.arange(35), numerics=Numerics(batch_size=16)).values
    assert (part == whole[:35]).all()


TWICE = """
import sys; sys.path.insert(0, {root!r})
import numpy as np
from tests.models.passes.test_predict import Convolution
from harness.models.passes.predict import predict
from harness.types import ArrayInputs, Pool
array = np.random.default_rng(0).integers(0, 256, (37, 8, 8, 1)).astype(np.uint8)
print(predict(Convolution(), Pool("test", "image", ArrayInputs(array), None, (), "f")).sha256)
"""


def test_two_processes_give_equal_bits(pool):
    code = TWICE.format(root=str(ROOT))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == predict(Convolution(), pool).sha256


def test_the_meaning_of_reading_preprocessing_and_passing_is_pinned(pool):
    """When this changes, raise KEY_VERSION: cached evidence then means something else.

    Integers and powers of two only: the sums are exact on every machine.
    """
    from harness.keys import KEY_VERSION

    class Exact:
        num_classes = 2
        preprocessing = Preprocessing(size=(4, 4), channels=3, mean=(0, 0, 0), std=(1, 1, 1))

        def __call__(self, inputs):
            pixels = np.rint(inputs * 255)
            sums = pixels.reshape(len(inputs), 3, 16) @ np.arange(16, dtype="f4")
            return Output("logits", sums[:, :2] * np.array([1, -0.5], dtype="f4"), sums)

    # The centre crop keeps pixels 7 + 6a + b with weight 4a + b for a, b in 0 … 3: their sum is
    # 7·120 + 24·56 + 10·36 + 56 = 2600, and 36·120 = 4320 more for each further image.
    ramp = np.arange(3 * 36, dtype=np.uint8).reshape(3, 6, 6, 1)
    crop = Exact.preprocessing.model_copy(update={"crop_pct": 4 / 6})
    Exact.preprocessing = crop
    found = predict(Exact(), Pool("test", "image", ArrayInputs(ramp), None, (), "f"))
    assert KEY_VERSION == 2
    assert found.values.tolist() == [[2600, -1300], [6920, -3460], [11240, -5620]]
    assert found.features.dtype == np.float16


@pytest.mark.parametrize("error", [MemoryError, RuntimeError])
def test_the_batch_is_halved_when_memory_runs_out(pool, error):
    model = Rows(fits=9, error=error)
    found = predict(model, pool, numerics=Numerics(batch_size=32))
    assert model.batches == [8, 8, 8, 8, 8]
    assert found.numerics["batch_size"] == 8
    np.testing.assert_array_equal(found.values, predict(Rows(), pool).values)


@pytest.mark.parametrize(
    ("asked", "fits", "size"), [(1, 99, 5), (7, 99, 5), (64, 99, 60), (64, 9, 5)]
)
def test_batches_are_whole_groups_of_the_rows_that_a_model_takes_at_once(pool, asked, fits, size):
    model = Rows(fits=fits)
    model.rows_at_once = 5
    found = predict(model, pool, numerics=Numerics(batch_size=asked))
    assert set(model.batches) == {size} and found.numerics["batch_size"] == size
    np.testing.assert_array_equal(found.values, predict(Rows(), pool).values)


def test_a_group_that_does_not_fit_is_a_clear_error(pool):
    model = Rows(fits=4)
    model.rows_at_once = 5
    with pytest.raises(PredictionsError, match="does not fit into memory"):
        predict(model, pool, numerics=Numerics(batch_size=64))


def test_one_input_that_does_not_fit_is_a_clear_error(pool):
    with pytest.raises(PredictionsError, match="One input of test does not fit into memory"):
        predict(Rows(fits=0), pool)


def test_other_errors_of_a_model_are_not_taken_for_lack_of_memory(pool):
    def broken(output):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        predict(Rows(change=broken), pool)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda o: Output(o.kind, o.values[:-1]), "one row per input"),
        (lambda o: replace(o, values=np.repeat(o.values, 2, 1)), "4 columns, the suite has 2"),
        (lambda o: replace(o, values=o.values * np.nan), "must be finite; 37 rows"),
        (lambda o: replace(o, kind="probs"), "probs rows must sum to 1"),
    ],
)
def test_wrong_outputs_stop_the_pass(pool, change, sentence):
    with pytest.raises(PredictionsError, match=sentence):
        predict(Rows(change=change), pool)


def test_features_beyond_float16_are_left_out_and_said_so(pool):
    found = predict(Rows(change=lambda o: replace(o, features=o.features * 1e6)), pool)
    assert found.features is None
    assert found.numerics["features"] == "left out: beyond float16, 65504"


def test_rows_choose_and_keep_their_numbers(pool):
    rows = np.array([2, 3, 30])
    found = predict(Rows(), pool, rows=rows)
    np.testing.assert_array_equal(found.row, rows)
    np.testing.assert_array_equal(found.values, predict(Rows(), pool).values[rows])


def test_an_empty_pool_is_refused(pool):
    with pytest.raises(PredictionsError, match="has no inputs"):
        predict(Rows(), pool, rows=np.array([], dtype=np.int64))


def test_threads_and_determinism_are_given_back(pool):
    import torch

    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    predict(Convolution(), pool, numerics=Numerics(threads=2))
    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == before


def test_bfloat16_is_near_and_recorded(pool):
    exact = predict(Convolution(), pool)
    fast = predict(Convolution(), pool, numerics=Numerics("cpu", "bfloat16", "channels_last"))
    assert fast.numerics["dtype"] == "bfloat16"
    assert fast.sha256 != exact.sha256
    np.testing.assert_allclose(fast.values, exact.values, atol=0.05)

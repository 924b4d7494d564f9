"""Reading ahead changes no bit, no batch and no order; it is bounded and ends when told to."""

import threading

import numpy as np
import pytest
from PIL import Image

from harness.data.pools.file_pools import file_pool
from harness.errors import DataError, SpecError
from harness.models.passes.ahead import AHEAD, PIECE, batches_ahead
from harness.models.passes.device import Device
from harness.models.passes.numerics import Numerics, reading_threads
from harness.models.passes.predict import predict
from harness.models.passes.preprocessing import cut, prepare
from harness.types import ArrayInputs, Output, Pool, Preprocessing

HOW = Preprocessing(
    size=(12, 10), channels=3, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.25), crop_pct=0.9
)
N = 3 * PIECE + 5


class Sums:
    """A model of numpy that remembers its batches."""

    num_classes = 2

    def __init__(self, preprocessing=HOW, fits=10**9):
        self.preprocessing, self.fits, self.batches = preprocessing, fits, []

    def __call__(self, inputs):
        if len(inputs) > self.fits:
            raise MemoryError
        self.batches.append(inputs.copy())
        rows = inputs.reshape(len(inputs), -1).astype(np.float32)
        return Output("logits", rows[:, :2], rows[:, :7])


class Begun(Sums):
    """One that computes on a device meanwhile: what it is asked is noted in order."""

    def __init__(self, **more):
        super().__init__(**more)
        self.order = []

    def begin(self, inputs):
        output, number = self(inputs), len(self.batches)
        self.order.append(f"begin {number}")

        def waited():
            self.order.append(f"wait {number}")
            return output

        return waited


@pytest.fixture(scope="module")
def pools(tmp_path_factory):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (N, 15, 14, 3)).astype(np.uint8)
    root = tmp_path_factory.mktemp("files")
    names = [f"{at}.png" for at in range(N)]
    for name, image in zip(names, images, strict=True):
        Image.fromarray(image).save(root / name)
    return {
        "arrays": Pool("test", "image", ArrayInputs(images), None, (), "f" * 64),
        "files": file_pool("test", root, names, None, size=(15, 14)),
    }


@pytest.mark.parametrize("kind", ["arrays", "files"])
@pytest.mark.parametrize("batch_size", [1, 7, 256])
@pytest.mark.parametrize("how", [HOW, None])
def test_threads_change_neither_batches_nor_bits(pools, monkeypatch, kind, batch_size, how):
    said, batches = [], []
    for threads in ("1", "2", "4"):
        monkeypatch.setenv("TAILMARK_READING_THREADS", threads)
        model = Sums(how)
        found = predict(model, pools[kind], numerics=Numerics(batch_size=batch_size))
        said.append((found.sha256, found.features.tobytes()))
        batches.append([batch.tobytes() for batch in model.batches])
    assert said[1:] == said[:1] * 2
    assert batches[1:] == batches[:1] * 2


def test_a_model_that_computes_meanwhile_has_its_next_batch_before_it_is_waited_for(pools):
    model, plain = Begun(), Sums()
    found = predict(model, pools["arrays"], numerics=Numerics(batch_size=40))
    assert model.order == ["begin 1", "begin 2", "wait 1", "begin 3", "wait 2", "wait 3"]
    assert found.sha256 == predict(plain, pools["arrays"]).sha256


@pytest.mark.parametrize("kind", [Sums, Begun])
def test_what_was_computed_before_memory_ran_out_is_kept(pools, kind):
    class Second(kind):
        def __call__(self, inputs):
            self.fits = 20 if self.batches else self.fits
            return super().__call__(inputs)

    model = Second()
    found = predict(model, pools["arrays"], numerics=Numerics(batch_size=40))
    assert [len(batch) for batch in model.batches] == [40, 20, 20, 20, 20]
    assert found.sha256 == predict(Sums(), pools["arrays"]).sha256


def reading():
    return [t for t in threading.enumerate() if t.name.startswith("reading")]


def test_one_thread_means_none_is_started(pools):
    rows = np.arange(N)
    for _ in batches_ahead(Sums(), pools["files"].inputs, rows, 8, 1):
        assert not reading()


@pytest.mark.parametrize(("size", "threads"), [((15, 14), 0), ((12, 10), 2)])
def test_images_that_need_no_resizing_start_no_thread(pools, size, threads):
    how = HOW.model_copy(update={"size": size, "crop_pct": 1.0})
    ahead = batches_ahead(Sums(how), pools["arrays"].inputs, np.arange(N), 2 * PIECE, 2)
    next(ahead)
    assert len(reading()) == threads
    ahead.close()


class Counted(ArrayInputs):
    """Arrays that count the rows taken."""

    def take(self, rows):
        counts.append(len(rows))
        return super().take(rows)


counts: list[int] = []


def test_reading_ahead_is_bounded_and_ends_with_its_reader(pools):
    counts.clear()
    inputs = Counted(pools["arrays"].inputs.array)
    ahead = batches_ahead(Sums(), inputs, np.arange(N), 8, 2)
    next(ahead)
    ahead.close()  # as Ctrl-C does it
    assert not reading()
    assert sum(counts) <= (AHEAD + 1) * 8


@pytest.mark.parametrize("threads", ["1", "4"])
def test_a_damaged_file_is_named_and_leaves_no_thread(pools, tmp_path, monkeypatch, threads):
    monkeypatch.setenv("TAILMARK_READING_THREADS", threads)
    for at in range(50):
        Image.new("RGB", (15, 14), (at, 0, 0)).save(tmp_path / f"{at}.png")
    (tmp_path / "41.png").write_bytes(b"\x89PNG")
    pool = file_pool("test", tmp_path, [f"{at}.png" for at in range(50)], None, size=(15, 14))
    with pytest.raises(DataError, match=r"41\.png"):
        predict(Sums(), pool, numerics=Numerics(batch_size=8))
    assert not reading()


def test_a_wrong_number_of_reading_threads_is_refused(monkeypatch):
    monkeypatch.setenv("TAILMARK_READING_THREADS", "0")
    with pytest.raises(SpecError, match="reading threads must be a whole number of at least 1"):
        reading_threads()


@pytest.mark.parametrize("memory_format", ["contiguous", "channels_last"])
def test_pixels_normalised_on_the_device_have_the_bits_of_preparing(pools, memory_format):
    """The path of a GPU, computed by the CPU: every grey value in every channel."""
    images = np.arange(256, dtype=np.uint8).repeat(3 * 8 * 7).reshape(-1, 8, 7, 3)
    how = HOW.model_copy(update={"size": (8, 7), "crop_pct": 1.0})
    device = Device(Numerics(memory_format=memory_format), how)
    found, plain = device.images(cut(images, how)), device.images(prepare(images, how))
    assert (found.numpy() == prepare(images, how)).all()
    assert found.stride() == plain.stride()


class Strides(Sums):
    """A model that remembers how its batches lie in memory."""

    def __init__(self):
        super().__init__(GREY)
        self.strides = []

    def __call__(self, inputs):
        self.strides.append(inputs.strides)
        return super().__call__(inputs)


GREY = Preprocessing(size=(8, 8), channels=1, mean=(0.3,), std=(0.4,))


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_batches_of_one_channel_lie_in_memory_as_they_always_did(threads, monkeypatch):
    """torch computes other last bits where a channel's stride is that of a whole plane."""
    monkeypatch.setenv("TAILMARK_READING_THREADS", str(threads))
    images = np.random.default_rng(0).integers(0, 256, (N, 8, 8, 1)).astype(np.uint8)
    pool = Pool("test", "image", ArrayInputs(images), None, (), "f" * 64)
    model = Strides()
    predict(model, pool, numerics=Numerics(batch_size=40))
    assert set(model.strides) == {(256, 4, 32, 4)} and len(model.strides) == -(-N // 40)

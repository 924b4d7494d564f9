"""Models that do not answer by what they see, each found out by its own question."""

import numpy as np
import pytest

from harness.data.pools.pools import image_pool
from harness.models.passes.honesty import honesty_flags
from harness.models.passes.numerics import Numerics
from harness.types import Output

C = 4


@pytest.fixture(scope="module")
def test_pool():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, C, 800)
    images = rng.integers(20, 90, (800, 4, 4, 1))
    images[np.arange(800), labels] += 60
    return image_pool("test", images.astype(np.uint8), labels, tuple("abcd"))


class Honest:
    """Right for most images: the brightest row of pixels, roughly."""

    num_classes = C
    preprocessing = None

    def __call__(self, inputs):
        rows = inputs.astype(np.float32).mean(axis=(2, 3))
        return Output("logits", rows / 20)


class DrawsLots(Honest):
    def __init__(self):
        self.rng = np.random.default_rng(1)

    def __call__(self, inputs):
        values = super().__call__(inputs).values
        return Output("logits", values * self.rng.uniform(0.7, 1.3, values.shape).astype("f4"))


class ByTheBatch(Honest):
    def __call__(self, inputs):
        values = super().__call__(inputs).values
        return Output("logits", (values - values.mean(axis=0)) / values.std(axis=0))


class KnowsTheOrder(Honest):
    """Counts what it has seen and answers with the label at that place."""

    def __init__(self, labels):
        self.labels, self.seen = labels, 0

    def __call__(self, inputs):
        at = (self.seen + np.arange(len(inputs))) % 512
        self.seen += len(inputs)
        return Output("logits", 9 * np.eye(C, dtype=np.float32)[self.labels[at]])


class LooksUp(Honest):
    """Knows every test image by its bytes and guesses the rest."""

    def __init__(self, pool):
        images = pool.inputs.take(np.arange(len(pool)))
        self.known = {im.tobytes(): k for im, k in zip(images, pool.labels, strict=True)}

    def __call__(self, inputs):
        said = [self.known.get(im.tobytes(), 0) for im in inputs]
        return Output("logits", 9 * np.eye(C, dtype=np.float32)[said])


def flags(model, pool, seed=0):
    return honesty_flags(model, pool, Numerics(), np.random.default_rng(seed))


def test_an_honest_model_gets_no_flag_in_twenty_tries(test_pool):
    assert [flags(Honest(), test_pool, seed) for seed in range(20)] == [[]] * 20


def test_a_model_that_draws_lots_is_not_deterministic(test_pool):
    (flag, *_) = flags(DrawsLots(), test_pool)
    assert flag.startswith("not deterministic: two equal passes over 512 test inputs differ by")


def test_a_model_that_measures_its_batch_depends_on_it(test_pool):
    (flag, *_) = flags(ByTheBatch(), test_pool)
    assert flag.startswith("depends on the batch: 512 test inputs in another order, 23 instead of")


def test_a_model_that_knows_the_order_of_the_test_set_gives_its_labels_to_a_permuted_copy(
    test_pool,
):
    found = flags(KnowsTheOrder(test_pool.labels), test_pool)
    assert any(flag.startswith("knows the test set's order: of ") for flag in found)


def test_a_model_that_looks_inputs_up_fails_on_copies_that_nobody_can_tell_apart(test_pool):
    (flag,) = flags(LooksUp(test_pool), test_pool)
    assert flag.startswith("looks inputs up: with one grey level") and "from 1.000 to 0." in flag


def test_a_network_left_in_training_mode_is_told_so(test_pool):
    torch = pytest.importorskip("torch")

    class Network(Honest):
        def __init__(self):
            torch.manual_seed(0)
            self.net = torch.nn.Sequential(
                torch.nn.Flatten(), torch.nn.Dropout(0.5), torch.nn.Linear(16, C)
            )

        def __call__(self, inputs):
            with torch.no_grad():
                return Output("logits", self.net(torch.from_numpy(inputs).float()).numpy())

    model = Network()
    assert "It is in training mode: call .eval()" in flags(model, test_pool)[0]
    model.net.eval()
    assert flags(model, test_pool) == []

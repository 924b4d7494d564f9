"""A pass in parts: what an earlier try left is not passed again, and the bits are the same."""

from itertools import pairwise

import numpy as np
import pytest

from harness.errors import PredictionsError
from harness.models.passes import parts as kept_parts
from harness.models.passes.numerics import Numerics
from harness.models.passes.parts import Made, Part, joined
from harness.models.passes.predict import pass_share, predict
from harness.types import ArrayInputs, Output, Pool

N, BATCH = 103, 8
WHOLE = np.random.default_rng(0).normal(size=(N, 4)).astype("f4")


class Killed(BaseException):
    """What ends a process at some batch."""


class Rows:
    """A model whose outputs depend on the place in the batch: another batch gives other bits."""

    num_classes, preprocessing, head = 3, None, None

    def __init__(self, stop_at=10**9, fits=10**9):
        self.passed, self.stop_at, self.fits = [], stop_at, fits

    def __call__(self, inputs):
        if len(self.passed) == self.stop_at:
            raise Killed
        if len(inputs) > self.fits:
            raise MemoryError
        self.passed.append(len(inputs))
        place = np.arange(len(inputs), dtype="f4")[:, None]
        return Output("logits", inputs[:, :3] + place, inputs * 2, {"odin": inputs[:, :3] * place})


class Shelf:
    """Parts in memory."""

    def __init__(self):
        self.parts = []

    def kept(self):
        return self.parts

    def keep(self, part):
        self.parts.append(part)


@pytest.fixture
def pool():
    return Pool("test", "features", ArrayInputs(WHOLE), None, (), "f" * 64)


@pytest.fixture(autouse=True)
def every_batch(monkeypatch):
    monkeypatch.setattr(kept_parts, "EVERY", 0.0)


def said(predictions):
    return {name: array.tobytes() for name, array in predictions.arrays().items()}


def passed(model, pool, shelf, batch_size=BATCH):
    return predict(model, pool, numerics=Numerics(batch_size=batch_size), parts=shelf)


@pytest.mark.parametrize("stop_at", [0, 1, 7, 12])
def test_a_pass_that_was_stopped_goes_on_there_and_gives_the_same_bytes(pool, stop_at):
    calm = Rows()
    whole = passed(calm, pool, None)
    shelf, first, second = Shelf(), Rows(stop_at), Rows()
    with pytest.raises(Killed):
        passed(first, pool, shelf)
    kept = max(0, stop_at - 1)  # the last one was begun and not waited for
    assert [part.start for part in shelf.parts] == [BATCH * k for k in range(kept)]
    again = passed(second, pool, shelf)
    assert (len(first.passed), len(second.passed), len(calm.passed)) == (stop_at, 13 - kept, 13)
    assert said(again) == said(whole)
    assert again.numerics == whole.numerics and again.cost["seconds"] > 0


def test_a_hole_in_the_middle_is_passed_and_nothing_else(pool):
    shelf = Shelf()
    whole = passed(Rows(), pool, shelf)
    shelf.parts = [part for part in shelf.parts if part.start not in (16, 24, 64)]
    model = Rows()
    assert said(passed(model, pool, shelf)) == said(whole)
    assert len(model.passed) == 3


def test_parts_of_two_processes_that_overlap_are_used_once(pool):
    shelf = Shelf()
    whole = passed(Rows(), pool, shelf)
    first = shelf.parts[0]
    both = Part(0, joined([p.output for p in shelf.parts[:2]]), BATCH, 1.0)
    shelf.parts = [first, both, shelf.parts[1], shelf.parts[5]]
    assert said(passed(Rows(), pool, shelf)) == said(whole)


def test_a_part_beyond_the_pool_is_left(pool):
    made = Made(N, BATCH, None, None)
    assert made.missing() == [(0, N)]
    shelf = Shelf()
    shelf.parts = [Part(96, Output("logits", np.zeros((8, 3), "f4")), BATCH, 1.0)]
    assert Made(N, BATCH, shelf, None).missing() == [(0, N)]


def test_the_batch_size_that_fitted_before_is_tried_first(pool):
    """So that rows meet the same batches as in a pass that nobody stopped."""
    calm, shelf = Rows(fits=4), Shelf()
    whole = passed(calm, pool, None)
    with pytest.raises(Killed):
        passed(Rows(stop_at=5, fits=4), pool, shelf)
    model = Rows(fits=4)
    again = passed(model, pool, shelf)
    assert said(again) == said(whole) and again.numerics["batch_size"] == 4
    assert len(model.passed) == len(calm.passed) - 4


def test_progress_begins_with_what_is_kept(pool):
    shelf, seen = Shelf(), []
    with pytest.raises(Killed):
        passed(Rows(stop_at=5), pool, shelf)
    predict(
        Rows(), pool, numerics=Numerics(batch_size=BATCH), parts=shelf,
        progress=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    assert seen[0] == (5 * BATCH, N) and seen[-1] == (N, N)
    assert all(later[0] > earlier[0] for earlier, later in pairwise(seen))


def test_a_short_pass_keeps_no_part(pool, monkeypatch):
    monkeypatch.setattr(kept_parts, "EVERY", 60.0)
    shelf = Shelf()
    passed(Rows(), pool, shelf)
    assert not shelf.parts


@pytest.mark.parametrize("of", [1, 3, 13, 20])
def test_shares_cover_every_row_once_however_many_there_are(pool, of):
    rows = []
    for index in range(of):  # thirteen batches: of twenty shares some are empty
        shelf = Shelf()
        pass_share(Rows(), pool, shelf, index, of, numerics=Numerics(batch_size=BATCH))
        rows += [row for part in shelf.parts for row in range(part.start, part.stop)]
    assert sorted(rows) == list(range(N))


def test_logits_and_probabilities_are_not_joined():
    both = [Output(kind, np.zeros((1, 2), "f4")) for kind in ("logits", "probs")]
    with pytest.raises(PredictionsError, match="logits or probs; this one gave both"):
        joined(both)


def test_features_that_some_batches_lack_are_left_out():
    some = Output("logits", np.zeros((1, 2), "f4"), np.zeros((1, 3), "f2"))
    none = Output("logits", np.ones((2, 2), "f4"))
    found = joined([some, none])
    assert found.features is None and found.values.tolist() == [[0, 0], [1, 1], [1, 1]]

"""Where two entries differ: counts and examples are those of their stored predictions."""

import base64
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from harness.data.suites.open import open_suite
from harness.errors import StoreError, UnknownNameError
from harness.runs import disagreement as module
from tests.leaderboard.made import CELLS, made

CELL = CELLS[0]


@pytest.fixture(scope="module")
def opened():
    return open_suite("digits-v1")


@pytest.fixture
def said(opened, monkeypatch):
    """Two entries that are right but for rows of their own; the second is given as decisions."""
    truth = opened.test.labels
    logits = np.eye(opened.num_classes)[truth]
    for row in (3, 5, 7, 9):
        logits[row] = np.roll(logits[row], 1)
    decisions = truth.copy()
    decisions[[5, 11]] = (truth[[5, 11]] + 2) % opened.num_classes
    rows = np.arange(len(truth))
    given = {"one": {"row": rows, "logits": logits}, "two": {"row": rows, "labels": decisions}}
    monkeypatch.setattr(
        module,
        "test_predictions",
        lambda recorded, store: lambda cell, seed: given.get(recorded.record.entry),
    )
    return truth


def found(opened, tmp_path, *names, **given):
    given = {"cell": CELL, "seed": 0, **given}
    pair = [made(name, 0.9) for name in names]
    return module.disagreement(*pair, opened, store=tmp_path, **given)


def test_counts_and_examples_are_those_of_the_predictions(opened, said, tmp_path):
    got = found(opened, tmp_path, "one", "two")
    assert (got.inputs, got.candidate_right, got.reference_right, got.both_wrong) == (
        len(said), 1, 3, 1,
    )  # fmt: skip
    assert [each.row for each in got.examples] == [11, 3, 7, 9, 5]
    first = got.examples[0]
    names = opened.test.class_names
    assert (first.truth, first.candidate) == (names[said[11]], names[said[11]])
    assert first.reference == names[(said[11] + 2) % len(names)]
    pixels = np.asarray(Image.open(BytesIO(base64.b64decode(first.image))))
    np.testing.assert_array_equal(pixels, opened.test.inputs.take(np.array([11]))[0, :, :, 0])
    assert len(found(opened, tmp_path, "one", "two", most=2).examples) == 2


def test_what_is_not_there_is_said(opened, said, tmp_path):
    with pytest.raises(StoreError, match="tailmark run three --suite digits-v1"):
        found(opened, tmp_path, "one", "three")
    with pytest.raises(UnknownNameError, match="cell of digits-v1"):
        found(opened, tmp_path, "one", "two", cell="digits-exp3-clean")
    with pytest.raises(UnknownNameError, match="seed of digits-v1"):
        found(opened, tmp_path, "one", "two", seed=9)

"""One head a backbone: the mean of probabilities, by hand and against heads trained alone."""

import numpy as np
import pytest

from harness.errors import TrainingError
from harness.types.data import ArrayInputs
from harness.types.models import FitContext, TrainingData

pytest.importorskip("torch")

from baselines.methods.averaged_heads import (  # noqa: E402 (it needs torch)
    HeadsModel,
    fit_averaged_heads,
    restore,
)


def test_two_heads_by_hand():
    """Softmax of (ln 3, 0) is (3/4, 1/4), of (0, 0) it is (1/2, 1/2); their mean (5/8, 3/8)."""
    weight = np.zeros((2, 2, 1), np.float32)
    weight[0, 0] = np.log(3)
    arrays = {"weight": weight, "bias": np.zeros((2, 2), "f4"), "classes": np.array([0, 2])}
    said = HeadsModel(arrays, 3)(np.array([[1.0, 5.0]], "f4"))
    assert said.kind == "probs"
    np.testing.assert_allclose(said.values, [[5 / 8, 0, 3 / 8]], rtol=1e-6)


def rows_of(seed=0):
    rng = np.random.default_rng(seed)
    labels = np.repeat([0, 1, 2], [40, 20, 10])
    return (rng.normal(size=(70, 6)) + 2 * np.eye(3)[labels].repeat(2, axis=1)).astype("f4"), labels


def fitted(rows, labels, **settings):
    config = fit_averaged_heads.configure({"batch_size": 35, "epochs": 5, **settings})
    data = TrainingData(ArrayInputs(rows), labels, 3)
    return fit_averaged_heads(data, FitContext(config, seed=0))


def test_heads_share_nothing():
    """What one part holds changes no other head: zeros in its place leave the first head alone."""
    rows, labels = rows_of()
    both = fitted(rows, labels, parts=2)
    blank = rows.copy()
    blank[:, 3:] = 0
    alone = fitted(blank, labels, parts=2)
    np.testing.assert_allclose(both.state()["weight"][0], alone.state()["weight"][0], atol=1e-6)
    again = restore(both.state(), both.meta)(rows)
    np.testing.assert_array_equal(again.values, both(rows).values)
    np.testing.assert_allclose(again.values.sum(axis=1), 1, rtol=1e-5)


def test_features_that_cannot_be_cut_are_refused():
    rows, labels = rows_of()
    with pytest.raises(TrainingError, match="rows of 4 equal parts; got 6 columns"):
        fitted(rows, labels, parts=4)

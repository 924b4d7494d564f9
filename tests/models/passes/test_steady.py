"""Models that answer by chance or by their neighbours are refused; honest rounding is not."""

import numpy as np
import pytest
import torch

from harness.errors import PredictionsError
from harness.models.obtain.obtain import obtain
from harness.models.passes.numerics import Numerics
from harness.models.passes.steady import check_steady
from harness.types import Output
from tests.models.tiny_suite import CLASSES

EXACT = Numerics()


class Made:
    """A model of three classes with given scores: a function of (b, 36) floats."""

    num_classes = len(CLASSES)
    preprocessing = None

    def __init__(self, scores):
        self.scores = scores

    def __call__(self, inputs):
        rows = inputs.reshape(len(inputs), -1).astype(np.float32) / 255
        return Output("logits", self.scores(rows).astype(np.float32))


WEIGHT = np.random.default_rng(0).normal(size=(36, 3)).astype(np.float32)
CALLS = np.random.default_rng(1)

HONEST = {
    "linear": lambda rows: rows @ WEIGHT,
    "constant": lambda rows: np.zeros((len(rows), 3)),
    "large": lambda rows: rows @ WEIGHT * 1e6,
    "far from zero": lambda rows: rows @ WEIGHT + 1e5,
    "rounding of another order": lambda rows: (rows @ WEIGHT) * (1 + 1e-6 * CALLS.normal()),
    "infinite for absent classes": lambda rows: np.where([[0, 0, 1]], -np.inf, rows @ WEIGHT),
}
"""What must be let through."""

UNSTEADY = {
    "dropout": (
        lambda rows: (rows * CALLS.integers(0, 2, rows.shape)) @ WEIGHT,
        "answers differently to the same 8 inputs of test",
    ),
    "noise": (
        lambda rows: rows @ WEIGHT + CALLS.normal(size=(len(rows), 3)),
        "answers differently to the same 8 inputs of test",
    ),
    "batch statistics": (
        lambda rows: (rows - rows.mean(axis=0)) / (rows.std(axis=0) + 1e-3) @ WEIGHT,
        "depends on the inputs passed with it: row 0 of test alone and among 7 others",
    ),
    "softmax over the batch": (
        lambda rows: np.exp(rows @ WEIGHT) / np.exp(rows @ WEIGHT).sum(axis=0),
        "depends on the inputs passed with it",
    ),
}


@pytest.mark.parametrize("what", HONEST)
def test_an_honest_model_is_let_through(opened, what):
    check_steady(Made(HONEST[what]), opened.test, EXACT)


@pytest.mark.parametrize("what", UNSTEADY)
def test_a_model_that_answers_by_chance_or_neighbours_is_refused(opened, what):
    scores, sentence = UNSTEADY[what]
    with pytest.raises(PredictionsError, match=sentence):
        check_steady(Made(scores), opened.test, EXACT)


class Network(Made):
    """A torch network behind our interface, in whatever mode it was left."""

    def __init__(self, *layers):
        torch.manual_seed(0)
        self.network = torch.nn.Sequential(torch.nn.Linear(36, 16), *layers, torch.nn.Linear(16, 3))

    def scores(self, rows):
        with torch.no_grad():
            return self.network(torch.from_numpy(rows)).float().numpy()


@pytest.mark.parametrize("layer", [torch.nn.Dropout(), torch.nn.BatchNorm1d(16)])
def test_a_network_left_in_training_mode_is_refused_with_the_remedy(opened, layer):
    model = Network(layer)
    with pytest.raises(PredictionsError, match=r"in training mode: call \.eval\(\) on it"):
        check_steady(model, opened.test, EXACT)
    model.network.eval()
    check_steady(model, opened.test, EXACT)


class Unwritten(Made):
    """A network that adds memory which nobody has written: what lay there before."""

    def __init__(self):
        self.scores = lambda rows: (torch.from_numpy(rows @ WEIGHT) + torch.empty(3)).numpy()


def test_a_network_that_reads_memory_before_it_is_written_is_refused(opened):
    with pytest.raises(PredictionsError, match="answers differently to the same 8 inputs of test"):
        check_steady(Unwritten(), opened.test, EXACT)


def test_bfloat16_rounds_more_and_is_let_through(opened):
    model = Network(torch.nn.ReLU())
    check_steady(model, opened.test, Numerics("cpu", "bfloat16", "channels_last"))


def test_a_pool_of_one_input_can_be_tried(opened):
    from tests.models.tiny_suite import pool

    single = pool("one", opened.test.inputs.take(np.array([0])), None)
    check_steady(Made(HONEST["linear"]), single, EXACT)


def test_every_job_is_tried_once_and_transductive_entries_never(toy_job, opened, store, counts):
    obtain(toy_job("fit_means"), opened, store)
    assert counts["pass"] == 4 + 3
    obtain(toy_job("fit_means"), opened, store)
    assert counts["pass"] == 4 + 3
    counts.clear()
    job = toy_job("fit_adapting", facets={"transductive": True})
    obtain(job, opened, store, pools=["test"])
    assert counts["pass"] == 1

"""Risk against coverage: loops, the closed form of AUGRC, ties as one block."""

import numpy as np
import pytest

from harness.metrics.engine.blocks import blocks_of
from harness.metrics.engine.outputs import Outputs
from harness.metrics.measure import measure
from harness.metrics.selective import augrc, augrc_of, aurc
from tests import references


@pytest.mark.parametrize(("ours", "loop"), [(aurc, references.aurc), (augrc, references.augrc)])
def test_equals_the_loop(small, rng, ours, loop):
    y, _, probs = small
    probs = np.round(probs * 64) / 64  # exact ties
    probs[:, 0] += 1 - probs.sum(axis=1)
    rows = references.top(probs.tolist())
    conf, right = [c for _, c in rows], [k == t for (k, _), t in zip(rows, y, strict=True)]
    assert ours(y, probs) == pytest.approx(loop(conf, right), abs=1e-12)
    w = rng.integers(0, 3, size=30).astype(float)
    weighted = loop(conf, right, w.tolist())
    assert ours(y, probs, weights=w) == pytest.approx(weighted, abs=1e-12)


def test_augrc_is_its_closed_form(rng):
    confidence, correct = np.round(rng.random(200), 2), rng.random(200) < 0.7
    pairs = references.pair_share(
        [(c, 1.0) for c in confidence[correct]], [(c, 1.0) for c in confidence[~correct]]
    )
    acc = correct.mean()
    closed = (1 - pairs) * acc * (1 - acc) + (1 - acc) ** 2 / 2
    assert augrc_of(blocks_of(confidence, correct, None)) == pytest.approx(closed, abs=1e-12)


def test_aurc_by_hand():
    # Most certain first: right, wrong, right; risks 0, 1/2, 1/3; their mean is 5/18.
    y, probs = np.array([0, 1, 0]), np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3]])
    assert aurc(y, probs) == pytest.approx(5 / 18)


def test_a_constant_confidence_gives_the_error_rate_and_half_of_it():
    y, probs = np.array([0, 0, 0, 1]), np.tile([0.6, 0.4], (4, 1))
    assert aurc(y, probs) == pytest.approx(0.25)
    assert augrc(y, probs) == pytest.approx(0.125)


def test_nothing_wrong_and_nothing_right_have_values():
    probs = np.array([[0.9, 0.1], [0.8, 0.2]])
    assert (aurc(np.array([0, 0]), probs), augrc(np.array([0, 0]), probs)) == (0.0, 0.0)
    assert (aurc(np.array([1, 1]), probs), augrc(np.array([1, 1]), probs)) == (1.0, 0.5)


def test_confidences_that_round_to_one_still_differ():
    # The wrong image is the less certain one, though both confidences are exactly 1.0.
    outputs = Outputs.from_logits(np.array([0, 1]), np.array([[90.0, 0], [50.0, 0]]))
    assert measure(outputs, ["augrc"])["augrc"].value == pytest.approx(0.125)

"""Views: priors as PROTOCOL section 2 says, exact under reweighting."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.data.pools.pools import image_pool, rows_of
from harness.data.worlds.label_shift import (
    class_ranks,
    shifted_rows,
    subsampled_rows,
    target_prior,
    view_weights,
)
from harness.streams import Stream
from harness.types import View

VIEWS = [
    "uniform",
    *(f"{kind}-{k}" for kind in ("forward", "backward") for k in (2, 5, 10, 25, 50)),
]


@settings(max_examples=40, deadline=None)
@given(
    view=st.sampled_from(VIEWS),
    train=st.lists(st.integers(1, 99), min_size=2, max_size=12),
    seed=st.integers(0, 99),
)
def test_weighted_class_shares_are_the_target_prior(view, train, seed):
    counts, parsed = np.array(train), View.parse(view)
    extra = np.random.default_rng(seed).integers(0, len(train), 50)
    labels = np.concatenate([np.arange(len(train)), extra])
    weights = view_weights(parsed, counts, labels)
    shares = np.bincount(labels, weights=weights, minlength=len(train)) / len(labels)
    assert np.allclose(shares, target_prior(parsed, counts))
    assert weights.mean() == pytest.approx(1)


def test_forward_follows_training_and_backward_reverses_it():
    counts = np.array([5, 500, 50])
    forward = target_prior(View.parse("forward-25"), counts)
    backward = target_prior(View.parse("backward-25"), counts)
    assert forward[1] / forward[0] == pytest.approx(25)
    assert backward[0] / backward[1] == pytest.approx(25)
    assert forward[2] == pytest.approx(backward[2])


def test_ties_and_balanced_cells_are_ranked_by_class_index():
    assert class_ranks(np.array([7, 7, 9])).tolist() == [1, 2, 0]
    prior = target_prior(View.parse("forward-10"), np.full(10, 100))
    assert np.all(np.diff(prior) < 0)


def test_the_published_variant_leaves_two_images_in_the_rarest_class_at_50():
    labels = np.repeat(np.arange(100), 100)
    counts = np.arange(100, 0, -1)
    rows = subsampled_rows(View.parse("forward-50"), counts, labels, Stream("s"))
    kept = np.bincount(labels[rows], minlength=100)
    assert (kept[0], kept[-1]) == (100, 2)
    assert np.all(np.diff(rows) > 0)


def shifted(view, counts, test):
    return rows_of(test, shifted_rows(view, counts, test), "drawn")


def test_a_shifted_pool_is_the_same_for_everybody_and_follows_the_view(rng):
    images = rng.integers(0, 256, (1000, 2, 2, 1)).astype(np.uint8)
    test = image_pool("test", images, np.repeat(np.arange(10), 100), tuple("abcdefghij"))
    counts = np.arange(10, 0, -1)
    made = [shifted(View.parse("backward-10"), counts, test) for _ in range(2)]
    assert made[0].fingerprint == made[1].fingerprint != test.fingerprint
    kept = np.bincount(made[0].labels)
    assert (kept[-1], kept[0]) == (100, 10)
    forward = shifted(View.parse("forward-10"), counts, test)
    assert np.array_equal(np.bincount(forward.labels), kept[::-1])

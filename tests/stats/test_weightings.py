import numpy as np
import pytest

from harness.errors import SpecError
from harness.stats.weightings import weightings
from tests.stats.references_stats import reference_weightings

PINNED = [[2, 0, 1, 0, 0, 0, 1, 2, 1, 1, 1, 0], [2, 0, 1, 0, 0, 0, 2, 1, 1, 0, 0, 2]]
PINNED_SHA = "4df1b66aeaabaeab"
LABELS = np.array([2, 0, 2, 2, 0, 7, 7, 0, 2])


def test_counts_equal_a_word_by_word_loop():
    counts, scale = reference_weightings("ab12", LABELS.tolist(), 40)
    drawn = weightings("ab12", LABELS, replicates=40)
    np.testing.assert_array_equal(drawn.counts, counts)
    np.testing.assert_allclose(drawn.scale, scale, rtol=1e-15)


def test_first_replicate_is_pinned():
    # Replicates of stored records pair with new ones only while this holds.
    drawn = weightings("0" * 64, np.repeat([0, 1, 2], 4), replicates=2)
    assert drawn.counts.tolist() == PINNED
    assert drawn.sha256[:16] == PINNED_SHA


def test_every_class_keeps_its_weight_in_every_replicate():
    drawn = weightings("x", LABELS, replicates=50)
    weights = drawn.counts * drawn.scale
    for k in (0, 2, 7):
        np.testing.assert_allclose(weights[:, k == LABELS].sum(axis=1), (k == LABELS).sum())


def test_blocks_do_not_change_the_words(monkeypatch):
    whole = weightings("x", LABELS, replicates=50)
    monkeypatch.setattr("harness.stats.weightings.WORDS_AT_ONCE", 20)
    np.testing.assert_array_equal(weightings("x", LABELS, replicates=50).counts, whole.counts)


def test_fewer_replicates_are_a_prefix_of_more():
    many, few = weightings("x", LABELS, replicates=50), weightings("x", LABELS, replicates=7)
    np.testing.assert_array_equal(many.counts[:7], few.counts)


def test_the_stream_depends_on_the_fingerprint():
    assert weightings("x", LABELS).sha256 != weightings("y", LABELS).sha256


def test_spread_of_a_mean_is_unbiased_at_three_images_a_class(rng):
    # Var of the weighted mean over weightings is s²/n with s² of ddof 1: the plain bootstrap
    # would give (n − 1)/n of it.
    values = rng.normal(size=3)
    drawn = weightings("x", np.zeros(3, dtype=int), replicates=20_000)
    means = (drawn.counts * drawn.scale) @ values / 3
    assert means.var() == pytest.approx(values.var(ddof=1) / 3, rel=0.03)


def test_a_thousand_replicates_unless_told_otherwise():
    assert weightings("x", LABELS).counts.shape == (1000, 9)


def test_an_ood_set_is_one_class():
    alone = weightings("x", None, n=9, replicates=5)
    np.testing.assert_array_equal(alone.counts, weightings("x", np.full(9, 3), replicates=5).counts)
    assert (alone.counts.sum(axis=1) == 8).all()


def test_a_class_with_one_image_is_undefined_with_the_reason():
    drawn = weightings("x", np.array([0, 0, 1]), replicates=5)
    assert drawn.undefined == "1 of 2 classes have one test image, which has no spread"
    assert (drawn.counts[:, 2] == 1).all()
    assert weightings("x", LABELS, replicates=5).undefined is None


def test_bad_input_is_refused_with_a_remedy():
    with pytest.raises(SpecError, match="need its size"):
        weightings("x", None)
    with pytest.raises(SpecError, match="at least one row"):
        weightings("x", np.zeros(0, dtype=int))
    with pytest.raises(SpecError, match="at least 2; got 1"):
        weightings("x", LABELS, replicates=1)
    with pytest.raises(SpecError, match="labels has 9 rows, n is 8"):
        weightings("x", LABELS, n=8)

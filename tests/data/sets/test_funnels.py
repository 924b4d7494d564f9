"""Made tables of ordered classes: what they are drawn from, and tables of grades."""

import numpy as np
import pytest

from harness.data.sets.datasets import DATASETS, load_part
from harness.data.sets.funnels import FUNNELS, INTERCEPTS, funnel, load_funnel, true_shares
from harness.data.sets.graded import load_graded
from harness.data.worlds.truths import read_truths
from harness.errors import SpecError, UnknownNameError


def test_labels_are_drawn_from_the_true_shares():
    """Counts of 10,000 rows lie within four standard deviations of what the shares say."""
    for name in ("funnel_rare_1", "funnel_rarest_2"):
        pool, shares = load_funnel(name, "test"), true_shares(name, "test")
        np.testing.assert_allclose(shares.sum(axis=1), 1)
        assert (shares > 0).all()
        spread = np.sqrt((shares * (1 - shares)).sum(axis=0))
        gap = np.bincount(pool.labels, minlength=4) - shares.sum(axis=0)
        assert (np.abs(gap) < 4 * spread).all()
        # Where the rare class is likelier, it is drawn more often.
        likely = shares[:, 3] > np.median(shares[:, 3])
        assert (pool.labels[likely] == 3).sum() > 2 * (pool.labels[~likely] == 3).sum()


def test_every_draw_is_of_the_published_model():
    rare = {}
    for name in FUNNELS:
        drawn, kind = funnel(name), name.split("_")[1]
        assert set(drawn.weight[0]) <= {0.0, 1.0}
        steps = np.diff(drawn.weight, axis=0)
        assert set(np.abs(steps).ravel()) <= {0.0, 0.5}
        assert tuple(drawn.bias) == INTERCEPTS[kind]
        corners = np.sign(steps)  # the corner of the cube where boundaries come closest
        gaps = np.diff(drawn.bias)[:, None] - steps @ corners.T
        assert (np.diag(gaps) > 0).all()
        rare.setdefault(kind, []).append(true_shares(name, "test")[:, 3].mean())
    means = [np.mean(rare[kind]) for kind in ("rare", "rarer", "rarest")]
    assert 0.02 > means[0] > means[1] > means[2] > 0.001
    assert len({funnel(name).weight.tobytes() for name in FUNNELS}) == len(FUNNELS)


def test_parts_differ_and_are_the_same_each_time(tmp_path):
    train, test = (load_part("funnel_rare_1", part, tmp_path) for part in ("train", "test"))
    assert (len(train), len(test)) == (5_000, 10_000)
    assert train.inputs.numeric.min() >= -1 and train.inputs.numeric.max() <= 1
    assert not np.array_equal(train.inputs.numeric, test.inputs.numeric[:5_000])
    load_funnel.cache_clear()
    assert load_funnel("funnel_rare_1", "train").fingerprint == train.fingerprint
    with pytest.raises(SpecError, match="has the parts 'train' and 'test'; got 'all'"):
        load_funnel("funnel_rare_1", "all")
    with pytest.raises(UnknownNameError, match="Did you mean"):
        load_funnel("funnel_rare_9", "train")


def test_their_truth_needs_no_file(tmp_path):
    pool = load_funnel("funnel_rarer_3", "test")
    there, absent = read_truths(["drawn"], "funnel_rarer_3", pool.labels, 4, tmp_path)
    assert absent == {} and there["drawn"].exact and there["drawn"].kept.all()
    assert np.array_equal(there["drawn"].shares, true_shares("funnel_rarer_3", "test"))


def test_grades_are_merged_classes_in_their_order(data_root):
    expected = {
        "red_wine_grades": [10, 53, 681, 638, 199, 18],
        "white_wine_grades": [20, 163, 1457, 2198, 880, 180],
        "abalone_ages": [448, 1648, 1388, 499, 194],
    }
    for name, counts in expected.items():
        assert np.bincount(load_graded(name, data_root).labels).tolist() == counts
        assert DATASETS[name].ordered and DATASETS[name].num_classes == len(counts)


def test_thirds_of_abalone_are_parted_as_their_source_says(data_root):
    train, test = (load_part("abalone_thirds", part, data_root) for part in ("train", "test"))
    assert (len(train), len(test)) == (3_133, 1_044)
    whole = load_part("abalone", "all", data_root)
    both = np.concatenate([train.labels, test.labels])
    rings = np.array([int(name) for name in whole.class_names])[whole.labels]
    assert np.array_equal(both, (rings > 8) * 1 + (rings > 10))
    assert np.array_equal(test.inputs.numeric, whole.inputs.numeric[3_133:])

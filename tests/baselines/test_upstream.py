"""Pre-training on wrong labels: which are wrong, what is drawn, and what is kept of the network."""

from dataclasses import replace

import numpy as np

from baselines.methods import upstream
from harness.types.models import FitContext
from tests.baselines.toy import all_inputs, bright_rows, normalised

QUICK = {"epochs": 2, "batch_size": 32, "upstream_classes": 4, "upstream_images": 24}


def fitted(data, seed=0, **settings):
    config = upstream.fit_upstream.configure({**QUICK, **settings})
    return upstream.fit_upstream(data, FitContext(config, seed=seed))


def test_the_share_of_wrong_labels_is_exact_and_none_is_right_by_chance():
    labels = np.repeat(np.arange(5), 40)
    for share, wrong in ((0.0, 0), (0.1, 20), (0.3, 60), (0.999, 199)):
        noisy = upstream.flipped(labels, 5, share, np.random.default_rng(1))
        assert (noisy != labels).sum() == wrong
        assert set(noisy) <= set(range(5))
    spread = np.bincount(upstream.flipped(labels, 5, 0.999, np.random.default_rng(1)), minlength=5)
    assert spread.min() > 20  # every class is among those that are written instead


def test_ink_by_hand():
    """A point in the middle of the upper left of four pixels; the others are 1 and √2 away."""
    path = np.array([[[-0.5, -0.5]]])
    found = upstream.ink(path, np.array([2.0]), 2, 2)
    by_hand = [[1, np.exp(-1 / 4)], [np.exp(-1 / 4), np.exp(-2 / 4)]]
    np.testing.assert_allclose(found[0], by_hand, rtol=1e-12)


def test_drawings_of_one_curve_are_more_alike_than_drawings_of_two():
    labels = np.repeat(np.arange(6), 30)
    images = upstream.curves(labels, 6, (8, 8, 3), np.random.default_rng(0)).astype(float)
    assert images.shape == (180, 8, 8, 3)
    assert (images[..., 0] == images[..., 2]).all()
    means = np.stack([images[labels == k].mean(0) for k in range(6)])
    distances = np.square(images[:, None] - means[None]).sum((2, 3, 4))
    assert (distances.argmin(1) == labels).mean() > 0.6


def test_the_splits_labels_and_images_change_nothing_and_upstream_noise_does():
    data = bright_rows((12, 8, 4))
    first = fitted(data).state()
    other = replace(bright_rows((12, 8, 4), seed=3), observed=data.observed[::-1].copy())
    second = fitted(other).state()
    assert all(np.array_equal(first[name], second[name]) for name in first)
    noisy = fitted(data, upstream_noise=0.3).state()
    assert not np.array_equal(first["body.stem.0.weight"], noisy["body.stem.0.weight"])


def test_it_has_features_and_no_opinion():
    data = bright_rows((12, 8, 4))
    model = fitted(data)
    said = model(normalised(model, all_inputs(data)))
    assert said.values.shape == (24, 3)
    assert (said.values == 0).all()
    assert said.features.std(0).max() > 0

"""Near-duplicates: planted copies are found, unrelated images are not, thresholds are said."""

import numpy as np
import pytest

from harness.data.pools.duplicates import near_duplicates, perceptual_hashes
from harness.data.pools.pools import image_pool
from harness.data.sets.tabular import load_table
from harness.errors import DataError


@pytest.fixture
def scenes(rng) -> np.ndarray:
    """Sixty images of 32×32 with structure at every scale, as photographs have."""
    total = np.zeros((60, 32, 32, 3))
    for side in (2, 4, 8, 16, 32):
        grid = rng.normal(size=(60, side, side, 3)) * 32 / side
        total += grid.repeat(32 // side, axis=1).repeat(32 // side, axis=2)
    low, high = total.min(axis=(1, 2, 3), keepdims=True), total.max(axis=(1, 2, 3), keepdims=True)
    return np.rint((total - low) / (high - low) * 200 + 20).astype(np.uint8)


def _pool(name: str, images: np.ndarray, label: int = 0):
    return image_pool(name, images, np.full(len(images), label), ("a", "b"))


def test_brighter_noisy_and_exact_copies_are_found_and_no_stranger(scenes, rng):
    train, test = scenes[:40], scenes[40:].copy()
    test[3] = train[7]
    test[5] = train[11] + 20
    noise = rng.integers(-8, 9, train[0].shape)
    test[9] = np.clip(train[30].astype(int) + noise, 0, 255).astype(np.uint8)
    found = near_duplicates(_pool("test", test), _pool("train", train))
    assert list(zip(found.rows, found.others, strict=True)) == [(3, 7), (5, 11), (9, 30)]
    assert found.exact.tolist() == [True, False, False]
    assert found.share == 3 / 20


def test_the_summary_states_counts_thresholds_and_labels(scenes):
    first, second = _pool("test", scenes[:10], 0), _pool("train", scenes[5:], 1)
    text = near_duplicates(first, second).summary(first, second)
    assert "5 of 10 images of test (50.00%)" in text
    assert "5 of them to the pixel" in text
    assert "within 10 of 64 bits, pixels correlated at 0.9 or more" in text
    assert "100.0% of the 5 pairs have different labels" in text


def test_a_pool_is_compared_with_itself_without_its_own_rows(scenes):
    pool = _pool("train", np.concatenate([scenes[:20], scenes[4:5]]))
    found = near_duplicates(pool, pool)
    assert (found.rows.tolist(), found.others.tolist()) == ([4], [20])


def test_hashes_change_little_with_size_and_flat_images_are_no_duplicates(scenes):
    larger = scenes.repeat(2, axis=1).repeat(2, axis=2)
    assert np.array_equal(perceptual_hashes(larger), perceptual_hashes(scenes))
    flat = np.full((2, 32, 32, 3), 90, dtype=np.uint8)
    flat[1] = 91
    found = near_duplicates(_pool("a", flat[:1]), _pool("b", flat[1:]))
    assert not len(found.rows) and found.share == 0


def test_images_of_two_sizes_are_refused(scenes):
    with pytest.raises(DataError, match=r"test has \(32, 32, 3\), train \(16, 16, 3\)"):
        near_duplicates(_pool("test", scenes), _pool("train", scenes[:, :16, :16]))


def test_a_table_is_refused(scenes):
    table = load_table("wine")
    with pytest.raises(DataError, match="Expected pools of images; all is a table"):
        near_duplicates(table, table)

"""Corruptions: seeded by image, harder with severity, the same on the fly and prepared."""

import hashlib

import numpy as np
import pytest

from harness.data.pools.pools import image_pool
from harness.data.worlds.corruption import CORRUPTIONS, corrupt, corrupted_pool
from harness.errors import SpecError, UnknownNameError

PINNED = {"others": "6b5fa502dc37108b", "frost": "6decfa439ce32de6"}
"""sha256 over all kinds but JPEG at severity 3: raise VERSION when one changes."""


@pytest.fixture(scope="module")
def photographs() -> np.ndarray:
    """Sixteen smooth colour images with an edge, 32×32."""
    y, x = np.mgrid[:32, :32]
    images = [
        np.stack([(y * 6 + k * 5) % 256, (x * 7) % 256, 255 * (x + y > 20 + k)], axis=2)
        for k in range(16)
    ]
    return np.stack(images).astype(np.uint8)


def _all(images: np.ndarray, kind: str, severity: int) -> np.ndarray:
    return corrupt(images, kind, severity, rows=np.arange(len(images)), key="k")


def _distance(kind: str, severity: int, images: np.ndarray) -> float:
    changed = _all(images, kind, severity)
    return float(np.abs(changed.astype(float) - images).mean())


@pytest.mark.parametrize("kind", sorted(CORRUPTIONS))
def test_a_higher_severity_changes_more(kind, photographs):
    changes = [_distance(kind, s, photographs) for s in (1, 2, 3, 4, 5)]
    assert changes[0] > 0
    assert all(a < b for a, b in zip(changes, changes[1:], strict=False)), changes


@pytest.mark.parametrize("kind", sorted(CORRUPTIONS))
def test_an_image_is_corrupted_the_same_way_alone_and_in_any_batch(kind, photographs):
    together = _all(photographs, kind, 3)
    rows = np.array([7, 2])
    apart = corrupt(photographs[rows], kind, 3, rows=rows, key="k")
    assert np.array_equal(apart, together[rows])


def test_random_corruptions_differ_between_images_and_pools(photographs):
    twice = np.stack([photographs[0], photographs[0]])
    a, b = corrupt(twice, "gaussian_noise", 3, rows=np.array([0, 1]), key="k")
    other = corrupt(twice, "gaussian_noise", 3, rows=np.array([0, 1]), key="other")
    assert not np.array_equal(a, b)
    assert not np.array_equal(a, other[0])


def test_pixels_are_those_of_this_version(photographs):
    kinds = {"frost": ["frost"], "others": sorted(set(CORRUPTIONS) - {"frost", "jpeg_compression"})}
    for name, listed in kinds.items():
        pixels = b"".join(_all(photographs[:4], kind, 3).tobytes() for kind in listed)
        assert hashlib.sha256(pixels).hexdigest()[:16] == PINNED[name]


@pytest.mark.parametrize("kind", ["gaussian_noise", "fog", "motion_blur", "jpeg_compression"])
def test_a_pool_corrupted_on_the_fly_is_the_prepared_one(kind, photographs):
    pool = image_pool("test", photographs, np.zeros(16, dtype=np.int64), ("a",))
    fly, held = (corrupted_pool(pool, kind, 4, prepared=p) for p in (False, True))
    rows = np.array([3, 9, 1])
    assert fly.name == f"test@{kind}-4"
    assert fly.fingerprint == held.fingerprint != pool.fingerprint
    assert np.array_equal(fly.inputs.take(rows), held.inputs.take(rows))


def test_noise_has_the_stated_strength():
    grey = np.full((40, 32, 32, 1), 128, dtype=np.uint8)
    noisy = _all(grey, "gaussian_noise", 1).astype(float) - 128
    assert abs(noisy.std() / 255 - 0.04) < 0.0005
    shot = _all(grey, "shot_noise", 3).astype(float)
    assert abs(shot.mean() - 128) < 0.6  # Poisson keeps the mean: 50.2 photons
    assert abs(shot.std() - 255 * np.sqrt(128 / 255 / 100)) < 0.5
    salt = _all(grey, "impulse_noise", 5)
    assert abs((salt != 128).mean() - 0.14) < 0.005


def test_bad_requests_get_a_sentence(photographs):
    with pytest.raises(UnknownNameError, match="Did you mean 'fog'"):
        _all(photographs, "foog", 1)
    with pytest.raises(SpecError, match="A severity is 1, 2, 3, 4 or 5; got 6"):
        _all(photographs, "fog", 6)
    with pytest.raises(SpecError, match="changes colours; these images have 1 channel"):
        _all(photographs[..., :1], "saturate", 1)

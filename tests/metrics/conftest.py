"""Predictions and weightings for the tests of metrics."""

import numpy as np
import pytest

from harness.types import Weightings
from tests import references


@pytest.fixture
def small(rng):
    """30 images of 4 classes with ties: labels, logits (halves), probabilities."""
    y = np.r_[np.arange(4), rng.integers(0, 4, size=26)]
    logits = rng.integers(-4, 5, size=(30, 4)) / 2
    logits[np.arange(30), y] += 1.0
    probs = np.exp(logits - logits.max(axis=1, keepdims=True))
    return y, logits, probs / probs.sum(axis=1, keepdims=True)


@pytest.fixture
def large(rng):
    """600 images of 5 unequal classes: labels, logits, probabilities."""
    y = np.sort(rng.choice(5, size=600, p=[0.4, 0.25, 0.15, 0.12, 0.08]))
    logits = rng.normal(size=(600, 5)) * 1.5
    logits[np.arange(600), y] += 2.0
    probs = np.exp(logits - logits.max(axis=1, keepdims=True))
    return y, logits, probs / probs.sum(axis=1, keepdims=True)


@pytest.fixture
def make_weightings(rng):
    """Rao-Wu weightings of labels, drawn by the reference loop."""

    def make(labels, replicates=40):
        counts, scale = references.rao_wu(labels.tolist(), replicates, rng)
        return Weightings(np.array(counts, dtype=np.uint8), np.array(scale), "0" * 64)

    return make

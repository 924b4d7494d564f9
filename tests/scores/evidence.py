"""Small evidence with known structure for the tests of scores."""

import numpy as np

from harness.types import Predictions


def predictions(values, *, features=None, head=None, kind="logits"):
    """Predictions as the harness would hold them."""
    return Predictions(
        kind=kind,
        values=np.asarray(values, dtype=np.float32),
        row=np.arange(len(values)),
        features=None if features is None else np.asarray(features, dtype=np.float16),
        head=head,
    )


def linear_model(rng, *, classes=4, size=8, n=300, noise=1.0, away=0.0):
    """Features around class means, and the logits a stored linear layer makes of them."""
    fixed = np.random.default_rng(7)  # the same model whatever pool is drawn
    means = 3 * fixed.normal(size=(classes, size))
    head = {
        "weight": fixed.normal(size=(classes, size)).astype(np.float32),
        "bias": fixed.normal(size=classes).astype(np.float32),
    }
    labels = rng.integers(0, classes, n)
    features = (means[labels] + noise * rng.normal(size=(n, size)) + away).astype(np.float16)
    logits = features.astype(np.float64) @ head["weight"].T + head["bias"]
    return predictions(logits, features=features, head=head), labels


def rectified_model(rng, *, classes=4, size=20, n=60):
    """Features after a ReLU with as many logits as classes, and the labels they were drawn for."""
    fixed = np.random.default_rng(11)
    means = 2 * fixed.normal(size=(classes, size))
    head = {
        "weight": (np.maximum(means, 0) / 2).astype(np.float32),
        "bias": fixed.normal(size=classes).astype(np.float32) / 4,
    }
    labels = rng.integers(0, classes, n)
    features = np.maximum(means[labels] + rng.normal(size=(n, size)), 0).astype(np.float16)
    logits = features.astype(np.float64) @ head["weight"].T + head["bias"]
    return predictions(logits, features=features, head=head), labels

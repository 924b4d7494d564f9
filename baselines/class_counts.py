"""Class counts of the observed labels: all that a method may know of the prior."""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from harness.errors import TrainingError


def class_counts(observed: Int[np.ndarray, " n"], num_classes: int) -> Float[Tensor, " c"]:
    """Return how many training images carry each label, at least one each.

    Raises
    ------
    TrainingError
        If a class has none: its weight or log prior would be infinite.
    """
    counts = np.bincount(observed, minlength=num_classes)
    if counts.min() == 0:
        missing = ", ".join(map(str, np.flatnonzero(counts == 0)))
        raise TrainingError(
            "This method divides by class counts and expects a training image of every class; "
            f"class {missing} of {num_classes} has none. Use cross-entropy, or a split that "
            "leaves each class at least one image."
        )
    return torch.from_numpy(counts).float()


def log_prior(counts: Float[Tensor, " c"]) -> Float[Tensor, " c"]:
    """Return log π_c = log n_c − log Σ n."""
    return counts.log() - counts.sum().log()

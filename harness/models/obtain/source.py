"""What obtaining a model comes to, and what a model may start from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Int

from harness.errors import CardError
from harness.types.data import ArrayInputs
from harness.types.models import Predictions, Preprocessing, TrainingData
from harness.types.results import Macs


@dataclass(frozen=True)
class Source:
    """A model that can be passed through, and what is recorded of it."""

    model: Any
    """`harness.types.Model`."""
    model_id: str
    """Its identity in evidence keys."""
    weights_sha256: str | None
    """Content of its weights; None where they cannot be kept."""
    code: str | None
    """sha256 of the entry's own code."""
    preprocessing: Preprocessing | None
    """What the harness applies before it."""
    cost: Mapping[str, Any]
    """What making it took: seconds, parameters, threads."""
    curves: Mapping[str, list[float]]
    """Training curves."""
    asked: Mapping[str, Any] = field(default_factory=dict)
    """Trainer, settings and overrides, defaults filled in: plain JSON values."""


@dataclass(frozen=True)
class Parents:
    """What a job starts from."""

    ids: Sequence[str] = ()
    """model_id of ``init_from``; of ``features_from`` its evidence on what is trained on, which
    also holds how its model was fed and computed."""
    state: Mapping[str, np.ndarray] | None = None
    """Trained state of ``init_from``."""
    features: Mapping[str, Predictions] | None = None
    """Evidence of ``features_from``: pool → predictions with features."""
    evidence: Mapping[str, str] = field(default_factory=dict)
    """Pool → key of that evidence."""
    asked: Mapping[str, Any] | None = None
    """Settings of ``init_from``, else of ``features_from``."""
    macs: Macs | None = None
    """Multiply-accumulates of ``features_from`` for one input; None: it names none."""


def on_features(data: TrainingData, features: Mapping[str, Predictions]) -> TrainingData:
    """Return training data whose inputs are a parent's cached features, float32 (n, d)."""
    val = data.val
    if val is not None:
        val = (feature_inputs(features, "val"), val[1])
    return replace(data, inputs=feature_inputs(features, "train"), val=val, unlabelled=None)


class FeatureInputs(ArrayInputs):
    """Features as they are kept, float16 (n, d); rows are handed out as float32, the same numbers.

    A pass takes a batch at a time: a whole pool in float32 would leave the caches once more.
    """

    def take(self, rows: Int[np.ndarray, " b"]) -> np.ndarray:
        """Return ``array[rows]`` as float32."""
        return super().take(rows).astype(np.float32)


def feature_inputs(features: Mapping[str, Predictions], pool: str) -> FeatureInputs:
    """Return a parent's features on one pool as inputs.

    Raises
    ------
    CardError
        If the parent has none.
    """
    found = features[pool].features if pool in features else None
    if found is None:
        raise CardError(
            f"features_from names an entry without features on {pool}. Name one whose model "
            "returns them, or train on the inputs."
        )
    return FeatureInputs(found)

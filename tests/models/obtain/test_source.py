"""A parent's features as inputs: kept in half precision, handed out in single, nothing lost."""

import numpy as np
import pytest

from harness.errors import CardError
from harness.models.obtain.source import feature_inputs
from harness.types.models import Predictions


def test_rows_of_features_are_float32_and_the_numbers_that_are_kept(rng):
    kept = rng.normal(size=(7, 3)).astype(np.float16)
    inputs = feature_inputs(
        {"near": Predictions("logits", kept, np.arange(7), features=kept)}, "near"
    )
    rows = inputs.take(np.array([5, 0, 0]))
    assert rows.dtype == np.float32 and len(inputs) == 7
    assert (rows == kept[[5, 0, 0]].astype(np.float64)).all()


def test_an_entry_without_features_on_a_pool_is_refused(rng):
    bare = Predictions("logits", rng.normal(size=(7, 3)), np.arange(7))
    for features in ({}, {"near": bare}):
        with pytest.raises(CardError, match="without features on near. Name one whose model"):
            feature_inputs(features, "near")

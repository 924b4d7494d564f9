"""Predictions as the store's files: values in one, features in another, for those may go.

Statistics of gradients and intermediate layers lie beside the features.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from harness.keys import content
from harness.models.safe.predictions import from_arrays
from harness.types.models import Predictions

VALUES, FEATURES = "evidence.npz", "features.npz"
"""File names: row and logits or probs; features and statistics."""


def describe(predictions: Predictions) -> dict[str, Any]:
    """Return what is written beside the arrays: their content addresses, cost and numerics."""
    cached = predictions.cached()
    return {
        "kind": predictions.kind,
        "sha256": predictions.sha256,
        "features_sha256": content(cached) if cached else None,
        "cost": dict(predictions.cost),
        "numerics": dict(predictions.numerics),
    }


def write_evidence(folder: Path, predictions: Predictions) -> None:
    """Write the arrays of predictions into a folder."""
    arrays, cached = predictions.arrays(), predictions.cached()
    save_npz(folder / VALUES, {name: a for name, a in arrays.items() if name not in cached})
    if cached:
        save_npz(folder / FEATURES, cached)


def read_evidence(folder: Path, meta: Mapping[str, Any], *, features: bool) -> Predictions:
    """Return the predictions of a folder, compared with what `describe` said of them.

    Raises
    ------
    ValueError
        If the content is another.
    """
    cached = load_npz(folder / FEATURES) if features else {}
    if features and content(cached) != meta["features_sha256"]:
        raise ValueError("features with another sha256")
    found = from_arrays(load_npz(folder / VALUES))
    if found.sha256 != meta["sha256"]:
        raise ValueError("values with another sha256")
    return Predictions(
        kind=found.kind,
        values=found.values,
        row=found.row,
        features=cached.pop("features", None),
        statistics=cached,
        cost=meta["cost"],
        numerics=meta["numerics"],
    )


def save_npz(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write named arrays, uncompressed."""
    np.savez(path, **dict(arrays))  # type: ignore[arg-type]


def load_npz(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of a file that the store wrote; others go through `read_npz`."""
    with path.open("rb") as handle, np.load(handle, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}

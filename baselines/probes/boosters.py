"""Trees of LightGBM, XGBoost and CatBoost as the plain arrays of `trees.boosted`.

The libraries' own files are not kept: their compiled code follows the node numbers of a file
without looking, and a model would open only where the library is installed. All three compare a
column's number with a threshold; rows have no missing value.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np


@dataclass
class Nodes:
    """Nodes of several trees one after another; a leaf is its own child."""

    roots: list[int] = field(default_factory=list)
    feature: list[int] = field(default_factory=list)
    threshold: list[float] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    right: list[int] = field(default_factory=list)
    value: list[float] = field(default_factory=list)
    depth: int = 0

    def leaf(self, value: float) -> int:
        """Add a leaf and return its number."""
        at = len(self.value)
        return self._add(0, 0.0, at, at, value)

    def split(self, feature: int, threshold: float) -> int:
        """Add a node that sends rows at most at `threshold` left; its children are set later."""
        return self._add(feature, threshold, -1, -1, 0.0)

    def _add(self, feature: int, threshold: float, left: int, right: int, value: float) -> int:
        self.feature.append(feature)
        self.threshold.append(threshold)
        self.left.append(left)
        self.right.append(right)
        self.value.append(value)
        return len(self.value) - 1

    def arrays(self, baseline: np.ndarray) -> dict[str, np.ndarray]:
        """Return them as the arrays of `trees.boosted`."""
        return {
            "roots": np.array(self.roots, dtype=np.int64),
            "depth": np.array(self.depth),
            "feature": np.array(self.feature, dtype=np.int64),
            "threshold": np.array(self.threshold, dtype=np.float64),
            "left": np.array(self.left, dtype=np.int64),
            "right": np.array(self.right, dtype=np.int64),
            "value": np.array(self.value, dtype=np.float64),
            "baseline": np.asarray(baseline, dtype=np.float64),
        }


def pack_lightgbm(booster: Any, baseline: np.ndarray) -> dict[str, np.ndarray]:
    """Return a LightGBM Booster as arrays.

    Parameters
    ----------
    booster : lightgbm.Booster
        Trained from scores of its own, on columns that are all numbers.
    baseline : float array of shape (k,) or (1,)
        Those scores; one of two classes.
    """
    nodes = Nodes()
    for tree in booster.dump_model()["tree_info"]:
        nodes.roots.append(len(nodes.value))
        waiting = [(tree["tree_structure"], -1, nodes.left, 0)]
        while waiting:
            given, parent, side, depth = waiting.pop()
            nodes.depth = max(nodes.depth, depth)
            if "split_feature" not in given:
                at = nodes.leaf(float(given["leaf_value"]))
            else:
                at = nodes.split(int(given["split_feature"]), float(given["threshold"]))
                waiting.append((given["right_child"], at, nodes.right, depth + 1))
                waiting.append((given["left_child"], at, nodes.left, depth + 1))
            if parent >= 0:
                side[parent] = at
    return nodes.arrays(baseline)


def pack_xgboost(booster: Any, baseline: np.ndarray) -> dict[str, np.ndarray]:
    """Return an XGBoost Booster of one number a leaf as arrays.

    Parameters
    ----------
    booster : xgboost.Booster
        Trained from base margins.
    baseline : float array of shape (k,) or (1,)
        Those margins; one of two classes.
    """
    nodes = Nodes()
    model = json.loads(bytes(booster.save_raw("json")))["learner"]["gradient_booster"]["model"]
    for tree in model["trees"]:
        start = len(nodes.value)
        nodes.roots.append(start)
        levels = [0] * len(tree["left_children"])
        given = zip(
            tree["left_children"],
            tree["right_children"],
            tree["split_indices"],
            tree["split_conditions"],
            strict=True,
        )
        for number, (left, right, feature, condition) in enumerate(given):
            if left < 0:
                nodes.leaf(float(condition))
                continue
            # Rows below the threshold go left: at most the next smaller number of float32.
            below = np.nextafter(np.float32(condition), np.float32(-np.inf))
            at = nodes.split(int(feature), float(below))
            nodes.left[at], nodes.right[at] = start + left, start + right
            levels[left] = levels[right] = levels[number] + 1  # children follow their parent
        nodes.depth = max(nodes.depth, *levels)
    return nodes.arrays(baseline)


def pack_catboost(fitted: Any) -> dict[str, np.ndarray]:
    """Return a CatBoost model of symmetric trees as arrays.

    Parameters
    ----------
    fitted : catboost.CatBoost
        Trained on columns that are all numbers.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.json"
        fitted.save_model(str(path), format="json")
        model = json.loads(path.read_text(encoding="utf-8"))
    scale, bias = model["scale_and_bias"]
    nodes = Nodes()
    for tree in model["oblivious_trees"]:
        splits: Sequence[Mapping[str, Any]] = tree["splits"] or []
        values = np.asarray(tree["leaf_values"], dtype=np.float64).reshape(2 ** len(splits), -1)
        for column in values.T * scale:  # one tree per class, all of one form
            _add_symmetric(nodes, splits, column)
    return nodes.arrays(np.asarray(bias, dtype=np.float64))


def _add_symmetric(nodes: Nodes, splits: Sequence[Mapping[str, Any]], values: np.ndarray) -> None:
    """Add a tree all of whose nodes of one level ask the same; bit i of a leaf answers split i."""
    levels, start = len(splits), len(nodes.value)
    nodes.roots.append(start)
    nodes.depth = max(nodes.depth, levels)
    for level, split in enumerate(splits):
        border = float(np.float32(split["border"]))
        for within in range(2**level):
            at = nodes.split(int(split["float_feature_index"]), border)
            first = start + 2 ** (level + 1) - 1 + within  # children: bit `level` unset, then set
            nodes.left[at], nodes.right[at] = first, first + 2**level
    for value in values:
        nodes.leaf(float(value))

"""Decision trees as plain arrays: kept without pickles, and walked all at once.

The nodes of all trees stand one after another. A leaf is its own child, so that walking as many
steps as the deepest tree has leaves every row in its leaf.

Why not skops, which keeps whole estimators: measured on 1,000 rows of digits (scikit-learn 1.9.1,
skops 0.16.0), outputs are equal to the last bit of float32, and its files are 3 to 8 times as
large (boosting 5.8 MB against 1.9 MB, forest 15.8 MB against 1.9 MB; deflated the sizes are equal).
It needs ``TreePredictor`` and ``Tree`` trusted, whose compiled code follows the node numbers of a
file without looking: one wrong child ends the process with a segmentation fault, where numpy
raises IndexError. And a file opens under the version of scikit-learn that wrote it only.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy.special import softmax

Arrays = Mapping[str, np.ndarray]
_WORDS = 8
"""scikit-learn keeps the categories that go left as this many words of 32 bits."""


def pack_boosting(fitted: Any) -> dict[str, np.ndarray]:
    """Return a fitted HistGradientBoostingClassifier as the arrays of `boosted`.

    Parameters
    ----------
    fitted : HistGradientBoostingClassifier
        Categorical columns first in its training rows, each numbered from 0 without gaps.
    """
    trees = [tree for iteration in fitted._predictors for tree in iteration]
    sets = np.concatenate([t.raw_left_cat_bitsets.reshape(-1, _WORDS) for t in trees])
    nodes = [tree.nodes for tree in trees]
    offsets = _offsets([len(n) for n in nodes])
    before = _offsets([len(t.raw_left_cat_bitsets) for t in trees])
    every = np.concatenate(nodes)
    leaf = every["is_leaf"].astype(bool)
    shift = np.repeat(offsets, [len(n) for n in nodes])
    bits = np.repeat(before, [len(n) for n in nodes]) + every["bitset_idx"]
    own = np.arange(len(every))
    most = np.finfo(np.float64).max  # kept states are finite
    return {
        "roots": offsets,
        "depth": np.array(int(every["depth"].max())),
        "feature": np.where(leaf, 0, every["feature_idx"]).astype(np.int64),
        "threshold": np.where(leaf, 0, np.minimum(every["num_threshold"], most)),
        "missing_left": every["missing_go_to_left"].astype(bool),
        "left": np.where(leaf, own, every["left"] + shift).astype(np.int64),
        "right": np.where(leaf, own, every["right"] + shift).astype(np.int64),
        "category": np.where(every["is_categorical"].astype(bool) & ~leaf, bits, -1).astype(
            np.int64
        ),
        "sets": _unpacked(sets),
        "value": np.where(leaf, every["value"], 0),
        "baseline": np.asarray(fitted._baseline_prediction, dtype=np.float64).reshape(-1),
    }


def pack_forest(fitted: Sequence[Any]) -> dict[str, np.ndarray]:
    """Return fitted DecisionTreeClassifiers over the same classes as the arrays of `forest`.

    Parameters
    ----------
    fitted : sequence of DecisionTreeClassifier
        Trained on rows without missing values.
    """
    trees = [one.tree_ for one in fitted]
    sizes = [tree.node_count for tree in trees]
    offsets = _offsets(sizes)
    shift, own = np.repeat(offsets, sizes), np.arange(sum(sizes))
    left = np.concatenate([tree.children_left for tree in trees])
    right = np.concatenate([tree.children_right for tree in trees])
    leaf = left < 0
    value = np.concatenate([tree.value[:, 0] for tree in trees])  # (nodes, k)
    return {
        "roots": offsets,
        "depth": np.array(max(tree.max_depth for tree in trees)),
        "feature": np.where(leaf, 0, np.concatenate([tree.feature for tree in trees])).astype(
            np.int64
        ),
        "threshold": np.where(leaf, 0, np.concatenate([tree.threshold for tree in trees])),
        "left": np.where(leaf, own, left + shift).astype(np.int64),
        "right": np.where(leaf, own, right + shift).astype(np.int64),
        "value": (value / value.sum(axis=1, keepdims=True)).astype(np.float32),
    }


def pack_votes(
    groups: Sequence[Sequence[Any]], weights: Sequence[np.ndarray], num_classes: int
) -> dict[str, np.ndarray]:
    """Return boosted DecisionTreeClassifiers as the arrays of `votes`.

    Parameters
    ----------
    groups : sequence of sequences of DecisionTreeClassifier
        The trees of each ensemble; all over the same classes.
    weights : sequence of float arrays of shape (trees,)
        Weight of each tree's vote in its ensemble.
    num_classes : int
        k, the classes with a training row.
    """
    packed = pack_forest([tree for group in groups for tree in group])
    shares = [w / w.sum() if w.sum() > 0 else np.full(len(w), 1 / len(w)) for w in weights]
    return packed | {
        "value": np.eye(num_classes, dtype=np.float32)[packed["value"].argmax(axis=1)],
        "weight": np.concatenate(shares),
        "group": np.repeat(np.arange(len(groups)), [len(group) for group in groups]),
    }


def votes(rows: Float[np.ndarray, "b d"], arrays: Arrays) -> Float[np.ndarray, "b k"]:
    """Return probabilities of boosted trees by SAMME, averaged over ensembles.

    Each tree votes for one class. Of an ensemble's share of weighted votes v of a class, the
    decision is (v − (1 − v)/(k − 1))/(k − 1), and softmax makes a probability of it.

    References
    ----------
    Zhu et al. 2009, "Multi-class AdaBoost"; probabilities as scikit-learn has them.
    """
    leaves = _leaves(rows, arrays)
    groups, k = int(arrays["group"].max()) + 1, arrays["value"].shape[1]
    shares = np.zeros((groups, len(rows), k))
    for tree, (group, weight) in enumerate(zip(arrays["group"], arrays["weight"], strict=True)):
        shares[group] += weight * arrays["value"][leaves[:, tree]]
    decisions = (shares - (1 - shares) / (k - 1)) / (k - 1)
    return softmax(decisions, axis=2).mean(axis=0).astype(np.float32)


def boosted(rows: Float[np.ndarray, "b d"], arrays: Arrays) -> Float[np.ndarray, "b k"]:
    """Return logits: the baseline plus the leaf values of every iteration.

    With two classes one score d is boosted; the logits are −d/2 and d/2, whose softmax is
    sigmoid(d).
    """
    baseline = arrays["baseline"]
    values = arrays["value"][_leaves(rows, arrays)]  # (b, trees)
    scores = baseline + values.reshape(len(rows), -1, len(baseline)).sum(axis=1)  # (b, k)
    if len(baseline) == 1:
        scores = scores * np.array([-0.5, 0.5])
    return scores.astype(np.float32)


def forest(rows: Float[np.ndarray, "b d"], arrays: Arrays) -> Float[np.ndarray, "b k"]:
    """Return probabilities: the mean over trees of the class shares in each row's leaf."""
    leaves = _leaves(rows, arrays)
    total = np.zeros((len(rows), arrays["value"].shape[1]))
    for tree in leaves.T:
        total += arrays["value"][tree]
    return (total / leaves.shape[1]).astype(np.float32)


def _leaves(rows: Float[np.ndarray, "b d"], arrays: Arrays) -> Int[np.ndarray, "b t"]:
    """Return the leaf of each row in each tree."""
    at = np.arange(len(rows))[:, None]
    node = np.tile(arrays["roots"], (len(rows), 1))  # (b, trees)
    for _ in range(int(arrays["depth"])):
        x = rows[at, arrays["feature"][node]].astype(np.float64)
        left = x <= arrays["threshold"][node]
        if "missing_left" in arrays:
            missing = np.isnan(x)
            left = np.where(missing, arrays["missing_left"][node], left)
            if len(arrays["sets"]):
                category = arrays["category"][node]
                code = np.where(missing | (category < 0), 0, x).astype(np.int64)
                member = arrays["sets"][category, code].astype(bool)
                left = np.where((category >= 0) & ~missing, member, left)
        node = np.where(left, arrays["left"][node], arrays["right"][node])
    return node


def _offsets(sizes: Sequence[int]) -> Int[np.ndarray, " t"]:
    """Return where each of several blocks begins when they stand one after another."""
    return np.cumsum([0, *sizes[:-1]]).astype(np.int64)


def _unpacked(words: np.ndarray) -> np.ndarray:
    """Return words of 32 bits (s, 8) as one 0 or 1 a bit (s, 256), lowest bit first."""
    bits = (words[:, :, None] >> np.arange(32, dtype=np.uint32)) & 1
    return bits.reshape(len(words), 32 * _WORDS).astype(np.uint8)

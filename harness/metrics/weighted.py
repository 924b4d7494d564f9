"""A pool's outputs under weights and with class groups: what every metric of the table is given."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64

from harness.errors import Undefined
from harness.metrics.engine.adaptive import AdaptiveGaps, adaptive_gaps
from harness.metrics.engine.blocks import Blocks, blocks_of
from harness.metrics.engine.confusion import count_pairs
from harness.metrics.engine.outputs import Outputs
from harness.metrics.engine.placement import RankSums, rank_sums

Vector = Float64[np.ndarray, " n"]
Group = Bool[np.ndarray, " c"] | str
"""Which classes, or why there is no such group."""


class Part(NamedTuple):
    """The predicted class of some images: how sure, whether right, how heavy."""

    confidence: Vector
    """Probability of the predicted class."""
    correct: Vector
    """1 or 0."""
    weights: Vector | None
    """None for ones."""


@dataclass(frozen=True, eq=False)
class Weighted:
    """Outputs under image weights; what several metrics need is computed once.

    Parameters
    ----------
    outputs : Outputs
        Predictions and labels.
    weights : float64 array of shape (n,) or None
        Checked weights; None for ones.
    groups : mapping of str to bool array of shape (c,) or str
        Of `class_groups`; a text is the reason why there is no such group.
    """

    outputs: Outputs
    weights: Vector | None = None
    groups: Mapping[str, Group] = field(default_factory=dict)

    @cached_property
    def totals(self) -> Float64[np.ndarray, " c"]:
        """Return the weight of each true class."""
        o = self.outputs
        if self.weights is None:
            return o.counts.astype(np.float64)
        return np.bincount(o.y_true, weights=self.weights, minlength=o.c)

    @cached_property
    def confusion(self) -> Float64[np.ndarray, "c c"]:
        """Return the weight of images of each true class predicted as each class."""
        o = self.outputs
        return count_pairs(o.y_true, o.y_pred, o.c, self.weights)

    @cached_property
    def top(self) -> Part:
        """Return confidence, correctness and weights of all images."""
        o = self.outputs
        return Part(o.confidence, o.correct.astype(np.float64), self.weights)

    @cached_property
    def blocks(self) -> Blocks:
        """Return the blocks of equal confidence."""
        o = self.outputs
        return blocks_of(o.certainty, o.correct, self.weights)

    @cached_property
    def adaptive(self) -> AdaptiveGaps:
        """Return the adaptive calibration gaps of every class."""
        return adaptive_gaps(self.outputs, self.weights)

    @property
    def pairs(self) -> Float64[np.ndarray, "c c"]:
        """Return the AUROC of every ordered pair of classes; to be read, not changed.

        Class weights cancel within a pair, so a label-shift view needs no ranking pass of its own.
        """
        if not self._constant_within_classes:
            return self._ranks.pairs
        pairs = self.outputs.ranks.pairs
        gone = (self.totals == 0) & (self.outputs.counts > 0)
        if not gone.any():
            return pairs  # NaN already where a class has no image
        pairs = pairs.copy()
        pairs[gone], pairs[:, gone] = np.nan, np.nan
        return pairs

    @property
    def precision(self) -> Float64[np.ndarray, " c"]:
        """Return the average precision of each class."""
        return self._ranks.precision

    def group(self, name: str) -> np.ndarray:
        """Return which classes a group holds.

        Raises
        ------
        Undefined
            If there is no such group; with the reason.
        """
        found = self.groups.get(name, f"no group named {name} is defined here")
        if isinstance(found, str):
            raise Undefined(found)
        return found

    def part(self, group: str) -> Part:
        """Return confidence, correctness and weights of the images whose true class is in a group.

        Raises
        ------
        Undefined
            If there is no such group, or it has no weight in the test set.
        """
        held = self.group(group)
        if self.totals[held].sum() == 0:
            raise Undefined("no class of the group has test images")
        rows = held[self.outputs.y_true]
        confidence, correct, w = self.top
        return Part(confidence[rows], correct[rows], None if w is None else w[rows])

    @cached_property
    def _constant_within_classes(self) -> bool:
        if self.weights is None:
            return True
        by_class = np.zeros(self.outputs.c)
        by_class[self.outputs.y_true] = self.weights
        return bool((by_class[self.outputs.y_true] == self.weights).all())

    @cached_property
    def _ranks(self) -> RankSums:
        o = self.outputs
        if self.weights is None:
            return o.ranks
        return rank_sums(o.class_scores, o.counts, self.weights[o.order])

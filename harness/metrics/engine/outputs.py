"""What all metrics of one pool's predictions share, each intermediate computed once when asked for.

float64 inside, in blocks of rows: the float64 matrix of 50,000 × 1,000 logits never exists beside
its softmax. A logit row is first reduced by its maximum, so adding a constant to a row changes
nothing, not even a tie.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64, Shaped

from harness.metrics.engine.checks import (
    block_rows,
    check_matrix,
    check_probabilities,
    checked_labels,
)
from harness.metrics.engine.placement import RankSums, rank_sums
from harness.metrics.engine.softmax import (
    TINY,
    Rows,
    log_odds,
    rows_of_logits,
    rows_of_probs,
    softmax,
)


@dataclass(frozen=True, eq=False)
class Outputs:
    """Predictions of one pool with their labels; build with `from_logits` or `from_probs`.

    Parameters
    ----------
    y_true : int64 array of shape (n,)
        Class indices.
    values : float array of shape (n, c)
        Logits or probabilities, as given (float16, float32 or float64).
    kind : {"logits", "probs"}
        Which of the two.
    """

    y_true: Int64[np.ndarray, " n"]
    values: Float[np.ndarray, "n c"]
    kind: Literal["logits", "probs"]

    @classmethod
    def from_logits(
        cls, y_true: Shaped[np.ndarray, "..."], logits: Shaped[np.ndarray, "..."]
    ) -> "Outputs":
        """Return the outputs of a model that has logits.

        Parameters
        ----------
        y_true : int array of shape (n,)
            Class indices, 0 <= y < c.
        logits : float array of shape (n, c)
            Any finite values; a constant added to a row changes nothing.

        Raises
        ------
        PredictionsError
            If shapes, dtypes or the range of labels are not those, or a value is not finite.
        """
        check_matrix(logits, len(y_true), "logits")
        return cls(checked_labels(y_true, logits.shape[1]), logits, "logits")

    @classmethod
    def from_probs(
        cls, y_true: Shaped[np.ndarray, "..."], probs: Shaped[np.ndarray, "..."]
    ) -> "Outputs":
        """Return the outputs of a model that has probabilities only.

        Parameters
        ----------
        y_true : int array of shape (n,)
            Class indices, 0 <= y < c.
        probs : float array of shape (n, c)
            Rows sum to 1 (within 0.001; 0.005 for float16) and are used as given.

        Raises
        ------
        PredictionsError
            If shapes, dtypes or the range of labels are not those, or a row is not a distribution.
        """
        check_matrix(probs, len(y_true), "probs")
        labels = checked_labels(y_true, probs.shape[1])
        check_probabilities(probs)
        return cls(labels, probs, "probs")

    def relabel(self, labels: Shaped[np.ndarray, "..."]) -> "Outputs":
        """Return the same predictions beside other labels, e.g. the observed ones.

        Raises
        ------
        PredictionsError
            If there is not one label per row, in range.
        """
        check_matrix(self.values, len(labels), self.kind)
        return Outputs(checked_labels(labels, self.c, name="labels"), self.values, self.kind)

    @property
    def n(self) -> int:
        """Return the number of images."""
        return len(self.y_true)

    @property
    def c(self) -> int:
        """Return the number of classes."""
        return int(self.values.shape[1])

    @cached_property
    def counts(self) -> Int64[np.ndarray, " c"]:
        """Return the number of images of each true class."""
        return np.bincount(self.y_true, minlength=self.c)

    @cached_property
    def y_pred(self) -> Int64[np.ndarray, " n"]:
        """Return the predicted class; of equal maxima the lowest index."""
        return np.argmax(self.values, axis=1).astype(np.int64, copy=False)

    @cached_property
    def correct(self) -> Bool[np.ndarray, " n"]:
        """Return whether the predicted class is the true one."""
        return self.y_pred == self.y_true

    @cached_property
    def tied_rows(self) -> float:
        """Return the share of rows whose maximum is shared, in [0, 1]; 0 is what one expects."""
        top = self.values[np.arange(self.n), self.y_pred]
        return float(np.mean(np.count_nonzero(self.values == top[:, None], axis=1) > 1))

    @cached_property
    def clipped_rows(self) -> float:
        """Return the share of rows whose true class was given a probability below float32 tiny."""
        if self.kind == "logits":
            return 0.0
        return float(np.mean(self.values[np.arange(self.n), self.y_true] < TINY))

    @cached_property
    def rows(self) -> Rows:
        """Return the numbers of every image from one pass."""
        size = block_rows(self.c)
        one = rows_of_logits if self.kind == "logits" else rows_of_probs
        parts = [one(*self._block(i, i + size)) for i in range(0, self.n, size)]
        return Rows(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    @property
    def confidence(self) -> Float64[np.ndarray, " n"]:
        """Return the probability of the predicted class."""
        return self.rows.confidence

    @property
    def certainty(self) -> Float64[np.ndarray, " n"]:
        """Return what orders images as confidence does, without its saturation."""
        return self.rows.certainty

    @property
    def log_true(self) -> Float64[np.ndarray, " n"]:
        """Return ln p(true)."""
        return self.rows.log_true

    @property
    def probs(self) -> Float64[np.ndarray, "n c"]:
        """Return all probabilities in float64; metrics read blocks instead."""
        return np.concatenate([p for _, p in self.prob_blocks()])

    @property
    def log_probs(self) -> Float64[np.ndarray, "n c"]:
        """Return ln of all probabilities; given ones are clipped at float32's tiny first."""
        if self.kind == "probs":
            return np.log(np.maximum(self.probs, TINY))
        z = self.values.astype(np.float64)
        z -= z.max(axis=1, keepdims=True)
        return np.asarray(z - np.log(np.exp(z).sum(axis=1, keepdims=True)))

    def value_blocks(self) -> Iterator[tuple[slice, Float[np.ndarray, "b c"]]]:
        """Yield (rows, logits or probabilities of these rows as they were given)."""
        for i in range(0, self.n, block_rows(self.c)):
            rows = slice(i, i + block_rows(self.c))
            yield rows, self.values[rows]

    def prob_blocks(self) -> Iterator[tuple[slice, Float64[np.ndarray, "b c"]]]:
        """Yield (rows, probabilities of these rows in float64)."""
        for rows, given in self.value_blocks():
            block = given.astype(np.float64)
            yield rows, softmax(block) if self.kind == "logits" else block

    @cached_property
    def order(self) -> Int64[np.ndarray, " n"]:
        """Return rows sorted by true class, the order of `class_scores`."""
        return np.argsort(self.y_true, kind="stable")

    @property
    def class_scores(self) -> Float64[np.ndarray, "c n"]:
        """Return the ranking score of every class, rows sorted by true class.

        z_k − logsumexp_{j≠k} z_j from logits, the probability itself where that is all there is.
        Not kept: the one pass over it (`ranks`) is.
        """
        scores = np.empty((self.c, self.n))
        size = block_rows(self.c)
        for i in range(0, self.n, size):
            rows = self.order[i : i + size]
            block = self.values[rows].astype(np.float64)
            if self.kind == "logits":
                block = log_odds(block, self.y_pred[rows])
            scores[:, i : i + size] = block.T
        return scores

    @cached_property
    def ranks(self) -> RankSums:
        """Return the one ranking pass that AUROC, its one-vs-one form and AP share."""
        return rank_sums(self.class_scores, self.counts)

    def _block(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return values as float64, predicted and true class of a block of rows."""
        values = self.values[start:stop].astype(np.float64)
        return values, self.y_pred[start:stop], self.y_true[start:stop]

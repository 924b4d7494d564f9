"""Predicted classes without probabilities: what can be measured of them, and why the rest cannot.

Everything that needs a probability raises `Undefined`, so that a record shows the reason.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, NoReturn

import numpy as np
from jaxtyping import Float, Float64, Int64, Shaped

from harness.errors import PredictionsError, Undefined
from harness.metrics.engine.checks import check_aligned, check_finite, checked_labels
from harness.metrics.engine.outputs import Outputs
from harness.metrics.engine.placement import RankSums
from harness.metrics.engine.softmax import Rows

NO_PROBABILITIES = "only predicted classes were given, without probabilities"
NO_CONFIDENCE = "only predicted classes were given, without a confidence"


@dataclass(frozen=True, eq=False)
class Decisions(Outputs):
    """Predicted classes of one pool with their labels; build with `of`.

    Parameters
    ----------
    y_true : int64 array of shape (n,)
        Class indices.
    values : int64 array of shape (n,)
        Predicted class indices.
    kind : {"decisions"}
        Not logits, not probabilities.
    num_classes : int
        C, which predicted classes do not show.
    given : float64 array of shape (n,) or None
        Larger for a surer decision; only its order counts.
    """

    values: Int64[np.ndarray, " n"]
    kind: Literal["decisions"]  # type: ignore[assignment]
    num_classes: int = 0
    given: Float64[np.ndarray, " n"] | None = None

    @classmethod
    def of(
        cls,
        y_true: Shaped[np.ndarray, "..."],
        y_pred: Shaped[np.ndarray, "..."],
        num_classes: int,
        confidence: Float[np.ndarray, " n"] | None = None,
    ) -> "Decisions":
        """Return the outputs of a classifier of which only the predicted classes are known.

        Parameters
        ----------
        y_true, y_pred : int array of shape (n,)
            Class indices, 0 <= y < num_classes.
        num_classes : int
            C.
        confidence : float array of shape (n,), optional
            Any finite score, larger for a surer decision.

        Raises
        ------
        PredictionsError
            If lengths differ, a class is out of range or a confidence is not finite.
        """
        true = checked_labels(y_true, num_classes)
        pred = checked_labels(y_pred, num_classes, name="pred")
        if len(true) != len(pred):
            raise PredictionsError(
                f"pred has {len(pred):,} rows, y_true has {len(true):,}. Give one row per label, "
                "in the same order."
            )
        given = None
        if confidence is not None:
            check_aligned(confidence, len(pred), "conf")
            check_finite(confidence, "conf")
            given = confidence.astype(np.float64)
        return cls(true, pred, "decisions", num_classes, given)

    def relabel(self, labels: Shaped[np.ndarray, "..."]) -> "Decisions":
        """Return the same decisions beside other labels."""
        check_aligned(labels, self.n, "labels")
        return replace(self, y_true=checked_labels(labels, self.c, name="labels"))

    @property
    def c(self) -> int:
        """Return the number of classes."""
        return self.num_classes

    @property
    def y_pred(self) -> Int64[np.ndarray, " n"]:
        """Return the predicted class."""
        return self.values

    @property
    def tied_rows(self) -> float:
        """Return 0: a decision was taken in every row."""
        return 0.0

    @property
    def clipped_rows(self) -> float:
        """Return 0: there is no probability to clip."""
        return 0.0

    @property
    def certainty(self) -> Float64[np.ndarray, " n"]:
        """Return the given confidence.

        Raises
        ------
        Undefined
            If none was given.
        """
        if self.given is None:
            raise Undefined(NO_CONFIDENCE)
        return self.given

    @property
    def rows(self) -> Rows:
        """Raise: there are no probabilities."""
        _undefined()

    @property
    def log_probs(self) -> Float64[np.ndarray, "n c"]:
        """Raise: there are no probabilities."""
        _undefined()

    def value_blocks(self) -> Iterator[tuple[slice, Float[np.ndarray, "b c"]]]:
        """Raise: there are no probabilities."""
        _undefined()

    def prob_blocks(self) -> Iterator[tuple[slice, Float64[np.ndarray, "b c"]]]:
        """Raise: there are no probabilities."""
        _undefined()

    @property
    def class_scores(self) -> Float64[np.ndarray, "c n"]:
        """Raise: there are no scores to rank the classes by."""
        _undefined()

    @property
    def ranks(self) -> RankSums:
        """Raise: there are no scores to rank the classes by."""
        _undefined()


def _undefined() -> NoReturn:
    raise Undefined(NO_PROBABILITIES)

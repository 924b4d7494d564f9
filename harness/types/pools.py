"""What evaluating a job reads of a suite: a few pools and facts, whoever made them."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int

from harness.types.data import Pool, Split, Suite


@runtime_checkable
class Answers(Protocol):
    """What somebody else says of the labels of a test pool."""

    @property
    def shares(self) -> Float[np.ndarray, "n c"]:
        """Return the share of each class; rows sum to 1."""
        ...

    @property
    def kept(self) -> Bool[np.ndarray, " n"]:
        """Return which images have an answer at all."""
        ...

    @property
    def exact(self) -> bool:
        """Return whether the shares are the probabilities that the labels were drawn from."""
        ...


@runtime_checkable
class Pools(Protocol):
    """The pools of one data set of a suite, opened, as evaluation sees them.

    Evaluation knows this type and no reader of data, so that a change of a reader that leaves the
    pools as they are leaves results as they are.
    """

    @property
    def suite(self) -> Suite:
        """Return what is measured."""
        ...

    @property
    def test(self) -> Pool:
        """Return the test pool, with clean labels."""
        ...

    @property
    def num_classes(self) -> int:
        """Return C."""
        ...

    @property
    def calibration(self) -> Pool | None:
        """Return the clean pool for calibration; None where the suite has none."""
        ...

    @property
    def ood(self) -> Mapping[str, Pool]:
        """Return ``ood/near/<set>`` and ``ood/far/<set>`` → pool."""
        ...

    @property
    def covariate(self) -> Mapping[str, Pool]:
        """Return ``test@<name>`` → the test classes seen otherwise, with clean labels."""
        ...

    @property
    def truths(self) -> Mapping[str, Answers]:
        """Return name → what somebody else says of the test pool's labels."""
        ...

    @property
    def absent_truths(self) -> Mapping[str, str]:
        """Return name → why a truth that the suite names cannot be had."""
        ...

    @property
    def test_groups(self) -> Int[np.ndarray, " n"] | None:
        """Return the group of each test image; None where the suite has none."""
        ...

    @property
    def ordered(self) -> bool:
        """Return whether class indices are in an order, one step apart."""
        ...

    @property
    def hierarchy(self) -> Int[np.ndarray, "c levels"] | None:
        """Return the ancestors of every class, the parent first; None where they are not known."""
        ...

    def subsampled(self, split: Split, view: str) -> Pool:
        """Return the published draw of a view on the test pool."""
        ...

    def noise_chance(self, split: Split) -> tuple[float | None, str | None]:
        """Return the chance level of ``memorised``, or None and why there is none."""
        ...

"""Looking after each seed: how a 5 % error is shared out over the looks.

Every look gets its own share of the error, and a statement is made from an interval at that level.
Whatever the looks have in common, the chance that any of them is wrong is at most the sum of the
shares (Boole): no model of how the looks move together is needed, only that each interval covers
as it says. The shares grow with the number of seeds as in the linear member of Lan's and DeMets'
family: seeds up to the first look count for it, every further seed adds as much.
"""

from dataclasses import dataclass

from harness.errors import SpecError
from harness.stats.spread import MIN_SEEDS

ERROR = 0.05
"""Two-sided chance of a wrong statement over all looks together."""


@dataclass(frozen=True)
class Looks:
    """A plan to look after each seed, from the first with an interval to the last.

    References
    ----------
    Lan and DeMets 1983, "Discrete sequential boundaries for clinical trials", Biometrika 70; the
    power family is Kim and DeMets 1987, Biometrika 74. Their boundaries use the joint law of the
    looks; here the shares are simply added, for test images shared by all looks have no such law.
    """

    most: int
    """Seeds at which the answer is given in any case, at least 3."""

    def __post_init__(self) -> None:
        if self.most < MIN_SEEDS:
            raise SpecError(
                f"--max-seeds must be at least {MIN_SEEDS}, the fewest that show a spread; got "
                f"{self.most}. Write for example 20."
            )

    def share(self, seeds: int) -> float:
        """Return which share of the error the look after so many seeds has.

        Parameters
        ----------
        seeds : int
            From 3 to `most`; all shares add up to 1.

        Examples
        --------
        >>> plan = Looks(20)
        >>> plan.share(3), plan.share(4)
        (0.15, 0.05)
        """
        if not MIN_SEEDS <= seeds <= self.most:
            raise SpecError(f"A look is after {MIN_SEEDS} to {self.most} seeds; got {seeds}.")
        return (MIN_SEEDS if seeds == MIN_SEEDS else 1) / self.most

    def upper(self, seeds: int) -> float:
        """Return the upper probability of the interval of a look, such as 0.975 for one of 95 %."""
        return 1 - ERROR * self.share(seeds) / 2

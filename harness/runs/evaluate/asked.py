"""What is computed for a job: what every record has, and what a suite or card asks for beside."""

from dataclasses import dataclass

from harness.metrics.table import EXTRA, METRICS
from harness.scores.ood import OOD_SCORES, STANDARD
from harness.types import EntryCard, Suite
from harness.types.models import EVERYTHING


@dataclass(frozen=True)
class Asked:
    """Names that are computed for one job."""

    metrics: tuple[str, ...]
    """Of `EXTRA`, in the table's order."""
    scores: tuple[str, ...]
    """OOD scores."""
    kept: frozenset[str]
    """Metrics asked for by name: their replicates are kept, where they have some. Those of all
    would be half a megabyte a record."""

    def extra(self, *needs: str) -> tuple[str, ...]:
        """Return the metrics among them that need one of these."""
        return tuple(key for key in self.metrics if METRICS[key].needs in needs)


def asked_of(suite: Suite, card: EntryCard) -> Asked:
    """Return what is computed for an entry in a suite.

    Parameters
    ----------
    suite : Suite
        Its ``extra``.
    card : EntryCard
        Its ``extra``, and its declared OOD score.
    """
    wanted = {*suite.extra, *card.extra}
    whole, called = EVERYTHING in wanted, wanted | STANDARD
    return Asked(
        metrics=tuple(key for key in EXTRA if whole or key in wanted),
        kept=frozenset(wanted),
        # A declared score that is in no table is one that the predictions bring along.
        scores=tuple(
            dict.fromkeys((*(n for n in OOD_SCORES if whole or n in called), card.ood_score))
        ),
    )

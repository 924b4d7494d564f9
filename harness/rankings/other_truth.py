"""Ranks under another truth than the published labels: people, or corrected labels."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields

from harness.errors import SpecError
from harness.lookup import unknown
from harness.metric_keys import MetricKey
from harness.rankings.export import Rows
from harness.rankings.field import Candidate, known_keys
from harness.rankings.ranking import rank

AGREEMENT, PUBLISHED = "truth/{}/agreement", "truth/{}/published_accuracy"
"""Accuracy under another truth, and under the published labels over the same images."""


@dataclass(frozen=True)
class RankChange:
    """One row under the published labels and under another truth."""

    name: str
    """Entry, or ``entry+variant``."""
    published: float
    """Accuracy against the published labels, in [0, 1], over the images that the truth keeps."""
    value: float
    """Agreement with the truth, in [0, 1]."""
    published_rank: int
    """1 is best; ties by name."""
    rank: int
    """Under the truth."""


def truth_changes(
    rows: Sequence[Candidate],
    truth: str,
    *,
    suite: str,
    track: str = "open",
    cells: Sequence[str] | None = None,
) -> list[RankChange]:
    """Return the ranks of rows under the published labels and under another truth.

    Both are over the images for which the truth has an answer, and over the rows that have both
    values. Ranks go by value: `Ranking` says which of them the data can tell apart.

    Parameters
    ----------
    rows, suite, track, cells
        As in `harness.rankings.ranking.rank`; transductive rows are left out.
    truth : str
        Name in metric keys, e.g. ``label_errors``.

    Returns
    -------
    list of RankChange
        In the order of the ranking under the truth.

    Raises
    ------
    UnknownNameError
        If records hold other truths only.
    SpecError
        If they hold none.
    """
    truths = sorted({found for key in known_keys(rows) if (found := MetricKey.parse(key).truth)})
    if not truths:
        raise SpecError(
            f"Ranks under another truth need records of a suite that names one; {suite} names "
            "none that these records hold. Rank cifar10 or another suite with truths."
        )
    if truth not in truths:
        raise unknown(f"truth in the records of {suite}", truth, truths)
    before, after = (
        {
            row.name: row.value
            for row in rank(rows, key=key, suite=suite, track=track, cells=cells).rows
        }
        for key in (PUBLISHED.format(truth), AGREEMENT.format(truth))
    )
    places = {name: at for at, name in enumerate((n for n in before if n in after), start=1)}
    return [
        RankChange(name, before[name], after[name], places[name], at)
        for at, name in enumerate((n for n in after if n in before), start=1)
    ]


def change_rows(changes: Sequence[RankChange]) -> Rows:
    """Return ranks under two truths for the writer."""
    columns = tuple(field.name for field in fields(RankChange))
    return Rows(columns, [astuple(change) for change in changes])

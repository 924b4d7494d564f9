"""What a run gave: records of one suite that turn into a table, a ranking and a picture."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.paths import entry_roots
from harness.records.records import Recorded
from harness.types import Ranking

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from harness.rankings.field import Field

SHOWN = 5
"""Entries that a `repr` names."""


@dataclass(frozen=True, repr=False)
class Results(Sequence[Recorded]):
    """Records of one suite: a sequence that turns into a table and plots itself."""

    suite: str
    """Suite id."""
    records: tuple[Recorded, ...]
    """One an entry."""
    problems: tuple[str, ...] = ()
    """Why entries that nobody named were left out, one sentence each."""

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: Any) -> Any:
        return self.records[index]

    def __iter__(self) -> Iterator[Recorded]:
        return iter(self.records)

    def __repr__(self) -> str:
        names = [found.record.entry for found in self.records]
        more = f", … {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        jobs = sum(len(found.record.jobs) for found in self.records)
        said = ", ".join(names[:SHOWN]) or "nothing"
        return f"<Results on {self.suite}: {said}{more}; {jobs} jobs>"

    def frame(self) -> "pd.DataFrame":
        """Return a long table of what was run: one row per metric of one entry, cell and seed.

        Returns
        -------
        DataFrame
            entry, variant, cell, seed, metric and value; NaN where a metric is undefined. Cells
            and seeds that were not run have no row.
        """
        import pandas as pd

        rows = [
            (found.record.entry, variant, cells[job.cell], seeds[job.seed], key, value)
            for found in self.records
            for cells, seeds in [(found.record.suite.cells, found.record.suite.seeds)]
            for variant, body in found.record.variants.items()
            for key, grid in body.metrics.items()
            for job in found.record.jobs
            if job.status == "done"
            for value in [grid[job.cell][job.seed]]
        ]
        columns = ["entry", "variant", "cell", "seed", "metric", "value"]
        return pd.DataFrame(rows, columns=columns).astype({"value": "float64"})

    def remarks(self) -> list[str]:
        """Return what is worth a second look: notes of given files, columns in another order."""
        from harness.rankings.column_order import column_order

        found = []
        for recorded in self.records:
            jobs = recorded.record.jobs
            notes = [str(job.numerics["notes"]) for job in jobs if "notes" in job.numerics]
            flags = [*dict.fromkeys(notes), column_order(recorded)]
            found += [f"{recorded.record.entry}: {flag}" for flag in flags if flag]
        return found

    def cells(self) -> tuple[str, ...]:
        """Return the cells that every record has been run in, in the suite's order."""
        if not self.records:
            return ()
        run = [{job.cell for job in found.record.jobs} for found in self.records]
        names = self.records[0].record.suite.cells
        return tuple(names[i] for i in sorted(set.intersection(*run)))

    def ranking(
        self,
        key: str | None = None,
        *,
        committed: bool = False,
        submissions: Path | str | None = None,
    ) -> Ranking:
        """Rank these records among themselves, or beside the committed ones.

        Parameters
        ----------
        key : str, optional
            Metric key; default: the suite's primary metric.
        committed : bool, default=False
            Rank them among all that is committed for the suite; an entry that is in both counts
            as it is here. The cells are those that these records have been run in.
        submissions : path, optional
            Where committed records lie.
        """
        from harness.rankings.field import Field, suite_rows
        from harness.rankings.notes import NOTES
        from harness.rankings.ranking import rank

        field = Field(())
        if committed:
            roots = entry_roots(Path(submissions) if submissions else None)
            field = suite_rows(self.suite, roots=roots)
        cells = self.cells()
        some = self.records and len(cells) < len(self.records[0].record.suite.cells)
        return rank(
            self.among(field),
            suite=self.suite,
            key=key,
            cells=cells if some else None,
            notes=NOTES,
        )

    def among(self, field: "Field", *, variants: bool = False) -> "Field":
        """Return a field of records with these first; one of the same entry gives way to them.

        Parameters
        ----------
        field : Field
            Rows of the same suite.
        variants : bool, default=False
            Also the post-hoc variants that a card does not rank.
        """
        from harness.rankings.field import candidates

        own = frozenset(found.record.entry for found in self.records)
        first = candidates(self.records, local=own, variants=variants)
        rest = [row for row in field.rows if row.recorded.record.entry not in own]
        return replace(field, rows=(*first, *rest))

    def plot(self, key: str | None = None) -> "Figure":
        """Draw the ranking with its intervals; one entry alone: its reliability diagram.

        Parameters
        ----------
        key : str, optional
            Metric key; default: the suite's primary metric.
        """
        from harness.pictures.record import ranking_plot, reliability_plot

        if len(self.records) == 1 and key is None:
            return reliability_plot(self.records[0])
        return ranking_plot(self.ranking(key))

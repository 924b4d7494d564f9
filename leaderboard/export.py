"""Everything that the board shows as CSV files: ``tailmark board --export FOLDER``.

Run as ``python -m leaderboard.export FOLDER``; it reads the folders that the board reads.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from harness.errors import HarnessError
from harness.published.claims import claims_on_records
from harness.published.claims_text import claim_rows
from harness.published.conformance import published_beside_ours
from harness.published.conformance_text import conformance_rows
from harness.rankings.export import Rows, rows_text
from harness.rankings.field import Candidate, stored_keys
from harness.rankings.ranking import NOTES, rank
from harness.records.records import Recorded
from leaderboard.frames import entry as details
from leaderboard.frames.cells import cells_frame, with_intervals
from leaderboard.frames.ranking import ranking_frame
from leaderboard.reading import folders, read_field, suites_in


def write_all(folder: Path) -> list[Path]:
    """Write every table of the board into a folder; return the files.

    ``<suite>/rankings.csv`` holds every metric with replicates, ``cells.csv`` the primary metric in
    each cell with its interval, ``metrics.csv`` all metrics in all cells, ``curves.csv``,
    ``reliability.csv``, ``confusion.csv`` and ``recalls.csv`` what lies behind an entry's pictures;
    ``conformance.csv``, ``claims.csv`` and ``left_out.csv`` (entries that could not be read, with
    the reason) stand beside the suites.

    Raises
    ------
    HarnessError
        If a ranking cannot be made.
    """
    submitted, local = folders()
    written = []
    lost: list[tuple[str, str, str]] = []
    for suite in suites_in((*local, *submitted)):
        field = read_field(suite, submitted, local)
        rows = field.rows
        lost += [(suite, item.name, item.reason) for item in field.left_out]
        if not rows:
            continue
        for name, frame in _frames(suite, rows).items():
            written.append(_write(frame.to_csv(index=False), folder / suite / f"{name}.csv"))
    gone = rows_text(Rows(("suite", "name", "reason"), lost), "csv") + "\n"
    written.append(_write(gone, folder / "left_out.csv"))
    found = published_beside_ours(
        (*local, *submitted), submissions=submitted[0] if submitted else None
    )
    text = rows_text(conformance_rows(found.rows), "csv") + "\n"
    written.append(_write(text, folder / "conformance.csv"))
    claims = claims_on_records((*local, *submitted)).rows
    claimed = rows_text(claim_rows(claims), "csv") + "\n"
    return [*written, _write(claimed, folder / "claims.csv")]


def _write(text: str, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def _frames(suite: str, rows: Sequence[Candidate]) -> dict[str, pd.DataFrame]:
    whole = rank(rows, suite=suite, notes=NOTES)
    rankings = [rank(rows, suite=suite, key=key) for key in stored_keys(rows)]
    each = {cell: rank(rows, suite=suite, cells=[cell]) for cell in whole.cells}
    records = {row.recorded.record.entry: row.recorded for row in rows}
    frames = {
        "rankings": pd.concat(
            [ranking_frame(found).assign(metric=found.key) for found in rankings],
            ignore_index=True,
        ),
        "cells": with_intervals(cells_frame(whole), each).drop(columns="about"),
        "metrics": pd.concat([_metrics(r) for r in records.values()], ignore_index=True),
    }
    return frames | _details(records)


def _metrics(recorded: Recorded) -> pd.DataFrame:
    """Return means over seeds in natural units, one line a variant and metric."""
    record = recorded.record
    lines = []
    for variant, body in record.variants.items():
        for key in body.metrics:
            # A seed without a value leaves the mean empty.
            lines.append((record.entry, variant, key, *recorded.values(variant, key).mean(axis=1)))
    frame = pd.DataFrame(lines, columns=["entry", "variant", "metric", *record.suite.cells])
    return frame.replace({np.nan: None})


def _details(records: dict[str, Recorded]) -> dict[str, pd.DataFrame]:
    """Return what lies behind the pictures of the entries themselves, not of their variants."""
    found: dict[str, list[pd.DataFrame]] = {}
    for entry, recorded in records.items():
        for index, cell in enumerate(recorded.record.suite.cells):
            frames = {
                "curves": details.curves_frame(recorded, index),
                "reliability": details.reliability_frame(recorded, "", index),
                "confusion": details.confusion_frame(recorded, "", index),
                "recalls": details.recall_frame(recorded, "", index),
            }
            for name, frame in frames.items():
                if frame is not None:
                    found.setdefault(name, []).append(frame.assign(entry=entry, cell=cell))
    return {name: pd.concat(frames, ignore_index=True) for name, frames in found.items()}


def main(folder: str) -> int:
    """Write and name the files; a mistake that a user can fix is one sentence and status 2."""
    try:
        written = write_all(Path(folder))
    except (HarnessError, OSError) as error:
        sys.stderr.write(f"tailmark: {error}\n")
        return 2
    sys.stdout.writelines(f"Written: {path}\n" for path in written)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

"""The board as a static site with its tables: ``tailmark board --export FOLDER``.

Run as ``python -m leaderboard.export FOLDER``; it reads the folders that the board reads.
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from harness.errors import HarnessError
from harness.published.claims import claims_on_records
from harness.published.claims_text import claim_rows
from harness.published.conformance import published_beside_ours
from harness.published.conformance_text import conformance_rows
from harness.rankings.export import rows_text
from harness.rankings.field import stored_keys
from harness.rankings.notes import notes_of
from harness.rankings.ranking import rank
from harness.rankings.single_cells import rank_cells
from harness.records.records import Recorded
from harness.types import Ranking
from leaderboard import site
from leaderboard.frames import entry as details
from leaderboard.frames.cells import cells_frame, with_intervals
from leaderboard.frames.cost import cost_frame
from leaderboard.frames.ranking import ranking_frame
from leaderboard.reading import SuiteField, folders, read_field, suites_in, without_folders


def write_all(folder: Path) -> list[Path]:
    """Write the board into a folder as a site and as tables; return the files.

    ``index.html`` leads to every suite's ranking, map and entries and to the claims. Beside the
    pages, ``<suite>/ranking.csv`` (also ``.json`` and ``.md``) is what `tailmark rank` writes,
    ``rankings.csv`` holds every metric with replicates, ``cells.csv`` the primary metric in
    each cell with its interval, ``metrics.csv`` all metrics in all cells, ``costs.csv`` what
    entries cost, ``curves.csv``,
    ``reliability.csv``, ``confusion.csv`` and ``recalls.csv`` what lies behind an entry's pictures;
    ``conformance.csv``, ``claims.csv`` and ``left_out.csv`` (entries that could not be read, with
    the reason) stand beside the suites.

    Raises
    ------
    HarnessError
        If a ranking cannot be made.
    """
    submitted, local = folders()
    roots = (*local, *submitted)
    fields = [read_field(suite, submitted, local) for suite in suites_in(roots)]
    written, rankings = [], []
    for field in (field for field in fields if field.rows):
        suite, rows = field.suite, field.rows
        whole = rank(rows, suite=suite, notes=notes_of(suite))
        each = rank_cells(rows, suite=suite)
        rankings.append(whole)
        for name, frame in _frames(field, whole, each).items():
            written.append(site.write(folder / suite, f"{name}.csv", site.csv(frame)))
        for name, text in site.suite_pages(field, whole, each).items():
            written.append(site.write(folder / suite, name, text))
    found = published_beside_ours(roots, submissions=submitted[0] if submitted else None)
    claims = claims_on_records(roots)
    told = tuple(without_folders(sentence, roots) for sentence in claims.damaged)
    claims = replace(claims, damaged=told)
    tables = {
        "left_out": site.left_out_rows(fields),
        "conformance": conformance_rows(found.rows),
        "claims": claim_rows(claims.rows),
    }
    for name, table in tables.items():
        written.append(site.write(folder, f"{name}.csv", rows_text(table, "csv") + "\n"))
    written.append(site.write(folder, "claims.html", site.claims_page(claims)))
    return [*written, site.write(folder, "index.html", site.home_page(rankings, claims))]


def _frames(field: SuiteField, whole: Ranking, each: dict[str, Ranking]) -> dict[str, pd.DataFrame]:
    suite, rows, records = field.suite, field.rows, field.records
    rankings = [rank(rows, suite=suite, key=key) for key in stored_keys(rows)]
    frames = {
        "rankings": pd.concat(
            [ranking_frame(found).assign(metric=found.key) for found in rankings],
            ignore_index=True,
        ),
        "cells": with_intervals(cells_frame(whole), each).drop(columns="about"),
        "metrics": pd.concat([_metrics(r) for r in records.values()], ignore_index=True),
        "costs": cost_frame(rows),
    }
    return frames | _details(records)


def _metrics(recorded: Recorded) -> pd.DataFrame:
    """Return means over seeds in natural units, one line per variant and metric."""
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

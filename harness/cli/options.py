"""Options that several commands share, each written once."""

from pathlib import Path
from typing import Annotated, Literal

import typer

Suite = Annotated[str, typer.Option("--suite", "-s", help="Suite id, see: tailmark list suites.")]
Cells = Annotated[
    list[str] | None, typer.Option("--cell", "-c", help="Only this cell; may be repeated.")
]
Seeds = Annotated[list[int] | None, typer.Option("--seed", help="Only this seed; may be repeated.")]
Store = Annotated[
    Path | None,
    typer.Option("--store", help="Store of evidence and records [TAILMARK_HOME, .tailmark]."),
]
Submissions = Annotated[
    Path | None,
    typer.Option("--submissions", help="Folder of entries [TAILMARK_SUBMISSIONS, submissions]."),
]
DataRoot = Annotated[
    Path | None,
    typer.Option(
        "--data-root", help="Where data sets lie [TAILMARK_DATA, ~/.cache/tailmark/data]."
    ),
]
Metric = Annotated[
    str | None,
    typer.Option("--metric", "-m", help="Metric key; default: the suite's primary metric."),
]
Local = Annotated[bool, typer.Option("--local", help="Read this machine's records only.")]
WithLocal = Annotated[
    bool, typer.Option("--with-local", help="Read submitted records and this machine's.")
]
Trust = Annotated[
    bool,
    typer.Option("--trust", help="Allow trainers from outside; they run with your rights."),
]
TrackingUri = Annotated[
    str | None,
    typer.Option("--tracking-uri", help="MLflow server [MLFLOW_TRACKING_URI, a sqlite file]."),
]
Output = Annotated[
    Literal["text", "json", "csv", "markdown"],
    typer.Option("--format", help="How to answer; all but text hold numbers in natural units."),
]
Track = Annotated[
    Literal["open", "inductive", "no-pretraining"],
    typer.Option(help="Which entries are let in."),
]

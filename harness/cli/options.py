"""Options that several commands share, each written once."""

import re
from pathlib import Path
from typing import Annotated, Literal

import typer

from harness.errors import StoreError

_UNITS = {"bytes": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def parse_bytes(text: str) -> int:
    """Return a size as people write it in bytes."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?(bytes|[kmgt]b)?", text.strip(), re.IGNORECASE)
    units = {name.lower(): factor for name, factor in _UNITS.items()}
    if found is None:
        raise typer.BadParameter(f"expected a size such as 500MB or 20GB; got {text!r}")
    return round(float(found[1]) * units[(found[2] or "bytes").lower()])


def size_text(size: int) -> str:
    """Return bytes in the largest unit that leaves a number of at least 1.

    Examples
    --------
    >>> size_text(12_400_000), size_text(999)
    ('12.4 MB', '999 bytes')
    """
    name, factor = [(n, f) for n, f in _UNITS.items() if f == 1 or size >= f][-1]
    return f"{size} {name}" if factor == 1 else f"{size / factor:.1f} {name}"


def no_file(folder: Path | None) -> Path | None:
    """Refuse a file as store: it would pass for an empty one."""
    if folder is not None and folder.exists() and not folder.is_dir():
        raise StoreError(
            f"The store {folder} must be a folder; got a file. Name another with --store or "
            "TAILMARK_HOME."
        )
    return folder


Suite = Annotated[str, typer.Option("--suite", "-s", help="Suite id, see: tailmark list suites.")]
Cells = Annotated[
    list[str] | None, typer.Option("--cell", "-c", help="Only this cell; may be repeated.")
]
Seeds = Annotated[list[int] | None, typer.Option("--seed", help="Only this seed; may be repeated.")]
Store = Annotated[
    Path | None,
    typer.Option(
        "--store",
        callback=no_file,
        help="Store of evidence and records [TAILMARK_HOME, .tailmark].",
    ),
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
Recomputing = Annotated[
    int,
    typer.Option(
        "--processes",
        "-j",
        min=1,
        help="Jobs recomputed at once, each process with the suite's data in its memory.",
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
    typer.Option("--trust", help="Run code from outside with your rights where no sandbox is."),
]
FeaturesBudget = Annotated[
    int | None,
    typer.Option(
        "--features-budget",
        parser=parse_bytes,
        metavar="SIZE",
        help="Largest size of all stored features and corrupted copies, e.g. 20GB; the oldest go "
        "first.",
    ),
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

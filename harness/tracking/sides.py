"""A record by its MLflow run or model version: what a comparison is held against."""

import re
from pathlib import Path
from typing import Any

from harness.connection import connected, explained, tracking_uri
from harness.errors import UnknownNameError
from harness.keys import sha256_text
from harness.paths import store_folder
from harness.records.records import Recorded, read_record
from harness.tracking.collect import fetch_record

_NAMED = re.compile(
    r"runs:/(?P<run>[0-9a-zA-Z_-]+)"
    r"|models:/(?P<model>[^/@]+)(?:/(?P<version>\d+)|@(?P<alias>[^/@]+))"
)
PREFIXES = ("runs:/", "models:/")
"""What such a name begins with."""


def tracked_record(name: str, suite: str, *, store: Path | None = None) -> Recorded:
    """Return the record of a run, or of a registered model's version, from the tracking server.

    It is read as a file that nobody vouches for, and kept in the store's ``mlflow-records``.

    Parameters
    ----------
    name : str
        ``runs:/<run id>`` of an entry's run, ``models:/<name>/<version>`` or
        ``models:/<name>@<alias>``.
    suite : str
        Suite id.
    store : Path, optional
        This machine's store, whose MLflow is asked where no server is named.

    Raises
    ------
    UnknownNameError
        If the server has no such run or version, or it has no record of the suite.
    TrackingError
        If MLflow is not installed or the server cannot be reached.
    HarnessError
        If what it holds is no record.
    """
    found = _NAMED.fullmatch(name)
    if found is None:
        raise UnknownNameError(
            f"A run or model version is runs:/<run id>, models:/<name>/<version> or "
            f"models:/<name>@<alias>; got {name!r}. Write it like that."
        )
    where = tracking_uri(store=store)
    with explained(where, "nothing was written"), connected(where) as client:
        run = found["run"] or _run_of(client, found, name, suite)
        goal = store_folder(store) / "mlflow-records" / sha256_text(f"{where} {run}")[:16]
        if not _is_run(client, run) or not fetch_record(client, run, suite, goal):
            raise UnknownNameError(
                f"Expected a record of {suite} beside {name} on {where}; there is none. Log it "
                "there: tailmark log"
            )
    return read_record(goal / f"{suite}.json")


def _run_of(client: Any, found: "re.Match[str]", name: str, suite: str) -> str:
    """Return the run that measured a model's version, which its tag names."""
    from mlflow.exceptions import MlflowException

    try:
        version = (
            client.get_model_version_by_alias(found["model"], found["alias"])
            if found["alias"]
            else client.get_model_version(found["model"], found["version"])
        )
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
        raise UnknownNameError(
            f"No model version named {name!r} on the server. Its page lists versions and aliases."
        ) from None
    run = version.tags.get(f"tailmark.{suite}.run")
    if run is None:
        raise UnknownNameError(
            f"{name} was not measured on {suite}: it has no tag tailmark.{suite}.run. Run: "
            f"tailmark run {name} --suite {suite}"
        )
    return str(run)


def _is_run(client: Any, run: str) -> bool:
    from mlflow.exceptions import MlflowException

    try:
        client.get_run(run)
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
        return False
    return True

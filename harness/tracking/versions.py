"""What goes back to a registry: a model version carries its numbers and leads to its runs."""

import json
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import HarnessError
from harness.models.cards.cards import CARD, read_card
from harness.types import RunRecord

_VERSION = re.compile(r"models:/(?P<name>[^/@]+)/(?P<version>\d+)(/.*)?")
_LOGGED = re.compile(r"models:/(m-[0-9a-f]+)")
_TAG = re.compile(r"[\w./ :-]{1,250}")
"""Keys of tags that every registry takes."""


def version_of(entry: str, roots: list[Path]) -> tuple[str, str] | None:
    """Return name and version of the registered model that an entry's card names, or None.

    Parameters
    ----------
    entry : str
        The entry's name.
    roots : list of Path
        Folders of entries, the first that has a card of it counts.
    """
    for root in roots:
        if not (root / entry / CARD).is_file():
            continue
        try:
            card = read_card(root / entry, trust=True)  # nothing of it is imported
        except HarnessError:
            return None
        files = card.model.files.values() if card.model is not None else ()
        found = {(m["name"], m["version"]) for f in files if (m := _VERSION.fullmatch(f.address))}
        return next(iter(found)) if len(found) == 1 else None
    return None


def report_version(
    client: Any,
    version: tuple[str, str],
    run: str,
    record: RunRecord,
    values: Mapping[str, float],
) -> None:
    """Write an entry's numbers and run to its model version.

    Parameters
    ----------
    client : MlflowClient
        Of the server that holds both registry and runs.
    version : (str, str)
        Name and number.
    run : str
        Id of the entry's run, which gets the model as an input.
    record : RunRecord
        What was measured.
    values : mapping of str to float
        The run's metrics: tags of the version hold the primary one, and metrics of the logged
        model behind it all of them.

    Notes
    -----
    Where the server has no such version nothing is written: the record may come from elsewhere.
    """
    from mlflow.exceptions import MlflowException

    name, number = version
    try:
        found = client.get_model_version(name, number)
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return
        raise
    suite, primary = record.suite.id, record.suite.primary
    done = sum(job.status == "done" for job in record.jobs)
    tags = {
        "run": run,
        "record_sha256": str(record.record_sha256),
        "jobs": f"{done} of {len(record.suite.cells) * len(record.suite.seeds)}",
    }
    for key in (primary, f"partial/{primary}"):
        # a number of an earlier, other extent must not stand beside this one's
        tags[key] = repr(values[key]) if key in values else ""
    for key, value in tags.items():
        tag = f"tailmark.{suite}.{key}"
        if value and _TAG.fullmatch(tag):
            client.set_model_version_tag(name, number, tag, value)
        elif tag in found.tags:
            client.delete_model_version_tag(name, number, tag)
    client.set_tag(run, "tailmark.model", f"models:/{name}/{number}")
    match = _LOGGED.match(str(found.source))
    logged = found.model_id or (match[1] if match else None)
    if logged is not None:
        _to_logged(client, logged, run, record, values)


def _to_logged(
    client: Any, logged: str, run: str, record: RunRecord, values: Mapping[str, float]
) -> None:
    """Write metrics to the logged model behind a version, and name it as the run's input.

    What the run has written there already is not written again: MLflow would list it twice.
    """
    from mlflow.entities import LoggedModelInput, Metric

    now, suite = int(time.time() * 1000), record.suite
    client.log_inputs(run, models=[LoggedModelInput(logged)])
    mark = digest(suite.sha256)
    there = {
        (m.key, m.value)
        for m in client.get_logged_model(logged).metrics or ()
        if (m.run_id, m.dataset_digest) == (run, mark)
    }
    metrics = [
        Metric(
            key, float(value), now, 0, model_id=logged, dataset_name=suite.id,
            dataset_digest=mark, run_id=run,
        )
        for key, value in values.items()
        if np.isfinite(value) and (key, float(value)) not in there
    ]  # fmt: skip
    for start in range(0, len(metrics), 900):
        client.log_batch(run, metrics=metrics[start : start + 900])


def digest(sha256: str) -> str:
    """Return the first 36 digits of a sha256: the longest digest that MLflow takes."""
    return sha256[:36]


def dataset_input(name: str, sha256: str, source: Mapping[str, str]) -> Any:
    """Return what a run was evaluated on, as MLflow lists it.

    Parameters
    ----------
    name : str
        Of the suite or data set.
    sha256 : str
        Identity of the suite, or of the split.
    source : mapping of str to str
        Where it comes from, plain values.
    """
    from mlflow.entities import Dataset, DatasetInput, InputTag

    made = Dataset(name, digest(sha256), "tailmark", json.dumps(dict(source), sort_keys=True))
    return DatasetInput(made, [InputTag("mlflow.data.context", "evaluation")])

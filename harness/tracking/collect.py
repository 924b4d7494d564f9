"""Records from an MLflow server: what `harness.tracking.mirror` put there, as folders of entries.

What is fetched is hostile until a reader has verified it (`harness.records.reading`): names and
sizes are checked before anything is written, and nothing is unpickled.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from harness.atomic import write_text
from harness.connection import connected, explained, tracking_uri
from harness.errors import SpecError
from harness.keys import sha256_text
from harness.metric_keys import RowName
from harness.paths import store_folder
from harness.records.records import BYTES_PER_ROW
from harness.records.validity import SUITE
from harness.tracking.mirror import is_complete

RUNS = "runs.json"
"""Beside the entries: sha256 of a record → address of the page of its run."""
MOST = 64 * BYTES_PER_ROW
"""Bytes of a file above which it is not fetched: more ranked variants than any entry has."""
_PAGE = 1000
"""Runs asked for at a time."""


def collected_folder(uri: str, store: Path | None = None) -> Path:
    """Return where the records of a server are kept on this machine.

    Parameters
    ----------
    uri : str
        Tracking URI.
    store : Path, optional
        This machine's store.
    """
    return store_folder(store) / "mlflow-records" / sha256_text(uri)[:16]


def collect_records(uri: str | None = None, *, store: Path | None = None) -> tuple[Path, int]:
    """Fetch the newest record of every entry and suite from an MLflow server.

    A record that was fetched before is not fetched again.

    Parameters
    ----------
    uri : str, optional
        Tracking URI; default: `harness.tracking.mirror.tracking_uri`.
    store : Path, optional
        This machine's store, where they are kept.

    Returns
    -------
    (Path, int)
        The folder of entries, and how many records were fetched now.

    Raises
    ------
    TrackingError
        If MLflow is not installed or the server cannot be reached.
    """
    where = tracking_uri(uri, store=store)
    folder = collected_folder(where, store)
    folder.mkdir(parents=True, exist_ok=True)
    pages: dict[str, str] = {}
    fetched = 0
    with explained(where, "no record was changed"), connected(where) as client:
        for experiment in client.search_experiments():
            for entry, run in _newest(client, experiment):
                sha = str(run.data.tags.get("tailmark.record_sha256"))
                if where.startswith(("http://", "https://")):
                    pages[sha] = _page(where, run)
                goal = folder / entry / "results"
                if _is_there(goal / f"{experiment.name}.json", sha):
                    continue
                fetched += fetch_record(client, run.info.run_id, experiment.name, goal)
    write_text(folder / RUNS, json.dumps(pages, indent=1, sort_keys=True) + "\n")
    return folder, fetched


def _newest(client: Any, experiment: Any) -> Iterator[tuple[str, Any]]:
    """Yield each entry of a suite with its newest finished run."""
    if not SUITE.fullmatch(experiment.name):
        return
    seen, token = set(), None
    wanted = "tags.`tailmark.role` = 'entry'"
    while True:
        found = client.search_runs(
            [experiment.experiment_id], wanted, max_results=_PAGE, page_token=token,
            order_by=["attributes.end_time DESC"],
        )  # fmt: skip
        for run in found:
            entry = str(run.data.tags.get("tailmark.entry"))
            if entry not in seen and _is_entry(entry) and is_complete(run):
                seen.add(entry)
                yield entry, run
        token = found.token
        if not token:
            return


def _is_entry(name: str) -> bool:
    """Return whether a name is that of an entry, and so of a folder."""
    try:
        return RowName.parse(name) == RowName(name)
    except SpecError:
        return False


def _is_there(path: Path, sha: str) -> bool:
    try:
        return f'"record_sha256": "{sha}"' in path.read_text("utf-8")
    except (OSError, ValueError):
        return False


def fetch_record(client: Any, run: str, suite: str, goal: Path) -> bool:
    """Put a record's two files into a folder; False where the run has none of a fitting size."""
    names = [f"record/{suite}.{ending}" for ending in ("npz", "json")]
    sizes = {file.path: file.file_size for file in client.list_artifacts(run, "record")}
    if any(sizes.get(name) is None or sizes[name] > MOST for name in names):
        return False
    goal.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=goal) as temporary:
        paths = [Path(client.download_artifacts(run, name, temporary)) for name in names]
        for path in paths:  # the arrays first: a record without them would be left out
            path.replace(goal / path.name)
    return True


def _page(uri: str, run: Any) -> str:
    info = run.info
    return f"{uri.rstrip('/')}/#/experiments/{info.experiment_id}/runs/{info.run_id}"

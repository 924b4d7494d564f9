"""Files beside an MLflow run: evidence is put there and fetched from there by ``runs:/ID/path``."""

import re
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.connection import connected, explained, tracking_uri
from harness.errors import DownloadError

_ADDRESS = re.compile(r"runs:/(?P<run>[0-9a-zA-Z_-]+)(?:/(?P<path>[^#?]+))?")


def _parts(address: str) -> tuple[str, str]:
    """Return the run and the path below it."""
    found = _ADDRESS.fullmatch(address.rstrip("/"))
    if found is None or ".." in (found["path"] or "").split("/"):
        raise DownloadError(
            f"A file beside an MLflow run is runs:/<run id>/<path>; got {address!r}. The run's id "
            "stands on its page."
        )
    return found["run"], found["path"] or ""


def upload(path: Path, address: str, store: Path | None = None) -> None:
    """Put a file beside a run.

    Parameters
    ----------
    path : Path
        The file; it keeps its name.
    address : str
        ``runs:/<run id>/<folder>``.
    store : Path, optional
        This machine's, whose MLflow is used where no server is named.

    Raises
    ------
    DownloadError
        If the address has another form.
    TrackingError
        If the server cannot be reached, or has no such run.
    """
    run, folder = _parts(address)
    uri = tracking_uri(store=store)
    with explained(uri, f"{path} is there"), connected(uri) as client:
        client.log_artifact(run, str(path), folder or None)


def download(address: str, goal: Path, most: int, store: Path | None = None) -> None:
    """Fetch a file beside a run.

    Parameters
    ----------
    address : str
        ``runs:/<run id>/<path>``.
    goal : Path
        File to write.
    most : int
        Bytes above which it is refused before it is fetched.
    store : Path, optional
        This machine's, whose MLflow is used where no server is named.

    Raises
    ------
    DownloadError
        If the address has another form, or there is no such file, or it is too large.
    TrackingError
        If the server cannot be reached, or has no such run.
    """
    run, path = _parts(address)
    uri = tracking_uri(store=store)
    with explained(uri, "nothing was written"), connected(uri) as client:
        above = path.rpartition("/")[0] or None
        sizes = {f.path: f.file_size for f in client.list_artifacts(run, above)}
        if sizes.get(path) is None:
            raise DownloadError(
                f"Expected a file at {address}; the run has none. Ask its authors where it lies."
            )
        if sizes[path] > most:
            raise DownloadError(
                f"{address} has {sizes[path]:,} bytes; at most {most:,} are fetched. Allow more "
                "with --max-bytes."
            )
        with TemporaryDirectory(dir=goal.parent) as folder:
            Path(client.download_artifacts(run, path, folder)).replace(goal)

"""How an MLflow server is reached: bounded waiting, one writer a sqlite file, plain sentences.

Nothing here knows MLflow's classes; what is logged is `harness.tracking.mirror`, what is read
`harness.models.loaders.registry`.
"""

import logging
import os
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from harness.atomic import locked
from harness.errors import TrackingError
from harness.paths import store_folder

KNOCK_SECONDS = 3
"""How long an unreachable server may take to be found out, per try (there are two)."""
WORK_SECONDS = 30
"""How long one request may take once the server has answered."""
LOCK_SECONDS = 120.0
"""How long to wait for another process that writes to the same sqlite file."""
PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}
"""Where database servers listen when the address does not say."""


def sqlite_file(uri: str) -> Path | None:
    """Return the file behind a sqlite URI, None for any other."""
    return Path(uri.removeprefix("sqlite:///")).resolve() if uri.startswith("sqlite:///") else None


@contextmanager
def single_writer(database: Path) -> Iterator[None]:
    """Hold the lock of a sqlite file: four processes that open a fresh one break its migration."""
    with locked(Path(f"{database}.lock"), LOCK_SECONDS):
        yield


def knock(uri: str) -> None:
    """Fail fast on a database server that does not answer; MLflow itself tries for minutes."""
    parts = urlsplit(uri)
    port = PORTS.get(parts.scheme.split("+")[0])
    if port is not None and parts.hostname:
        address = (parts.hostname, parts.port or port)
        socket.create_connection(address, timeout=KNOCK_SECONDS).close()


@contextmanager
def settings(seconds: int) -> Iterator[None]:
    """Set MLflow's environment for a while: no telemetry, no pickles, bounded waiting."""
    wanted = {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": str(seconds),
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
        "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    }
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def explained(
    uri: str, safe: str, then: str = "When the server is back, run: tailmark log --pending"
) -> Iterator[None]:
    """Turn whatever a tracking server can raise into one sentence.

    Parameters
    ----------
    uri : str
        Where the server is; a password in it is not shown.
    safe : str
        A clause that says what is not lost.
    then : str
        What to do, without a full stop.
    """
    try:
        yield
    except TrackingError:
        raise
    except Exception as error:
        if not _is_servers_fault(error):
            raise
        raise TrackingError(
            _without_password(
                f"An MLflow server was expected at {uri}; {_answer(error)}. Nothing is lost, "
                f"{safe}. {then}",
                uri,
            )
        ) from error


NO_SERVER = "is no MLflow server of a version like this one's (compare: mlflow --version)"
"""Of what answers otherwise than MLflow."""
ANSWERS = {
    "Connection refused": "the connection was refused",
    "timed out": "it did not answer in time",
    "Failed to resolve": "no such host is known",
    "Name or service not known": "no such host is known",
    "out-of-date database schema": (
        "its database was made by another version of MLflow (keep a copy, then bring it up to "
        "date: mlflow db upgrade ADDRESS)"
    ),
    "error code 404": f"what answers {NO_SERVER}",
    "ENDPOINT_NOT_FOUND": f"what answers {NO_SERVER}",
    "not in a valid JSON format": f"what answers {NO_SERVER}",
}
"""What nested errors contain, and what it means in a few words."""


def _answer(error: Exception) -> str:
    """Return what a server answered, in words where they are known."""
    text = str(error).strip()
    known = next((words for sign, words in ANSWERS.items() if sign in text), None)
    first = (text.splitlines() or [type(error).__name__])[0]
    return known or f"it answered: {first[:200].rstrip('.')}"


def _is_servers_fault(error: Exception) -> bool:
    """Return whether an error came from MLflow or what lies below it, and is not a bug of ours."""
    owner = type(error).__module__.partition(".")[0]
    of_python = (OSError, sqlite3.Error, ImportError, UnicodeDecodeError)  # the last: damaged text
    return isinstance(error, of_python) or owner in {
        "mlflow",
        "requests",
        "sqlalchemy",
        "urllib3",
    }


def _without_password(words: str, uri: str) -> str:
    """Return a sentence that names a URI without the password in it."""
    password = urlsplit(uri).password
    return words if not password else words.replace(f":{password}@", ":…@")


def local_uri(store: Path) -> str:
    """Return the tracking URI of a store's own sqlite file, ``<store>/mlflow.db``."""
    return f"sqlite:///{(store / 'mlflow.db').resolve()}"


def tracking_uri(uri: str | None = None, *, store: Path | None = None) -> str:
    """Return where to log: the argument, else ``MLFLOW_TRACKING_URI``, else the local store.

    Parameters
    ----------
    uri : str, optional
        Any MLflow tracking URI: ``sqlite:///…``, ``http://…``, ``postgresql://…``.
    store : Path, optional
        The local store; default: ``TAILMARK_HOME``, else ``.tailmark``.
    """
    named = uri or os.environ.get("MLFLOW_TRACKING_URI")
    return with_driver(named) if named else local_uri(store_folder(store))


POSTGRES = ("postgresql://", "postgres://")
"""How the address of a PostgreSQL begins that names no driver."""


def with_driver(uri: str) -> str:
    """Return an address of a PostgreSQL with the driver that is installed; others as they are.

    Without one SQLAlchemy decides, and its choice has changed between versions.

    Parameters
    ----------
    uri : str
        A tracking URI.

    Raises
    ------
    TrackingError
        If none is installed.
    """
    start = next((each for each in POSTGRES if uri.startswith(each)), None)
    if start is None:
        return uri
    driver = next((name for name in ("psycopg", "psycopg2") if find_spec(name)), None)
    if driver is None:
        raise TrackingError(
            "A tracking server's PostgreSQL needs psycopg or psycopg2; neither is installed. Run: "
            "pip install psycopg2-binary"
        )
    return f"postgresql+{driver}://{uri.removeprefix(start)}"


@contextmanager
def connected(uri: str) -> Iterator[Any]:
    """Give a client of a server that has answered; one writer at a time on a sqlite file."""
    database = sqlite_file(uri)
    with settings(KNOCK_SECONDS):
        knock(uri)
        client = _new_client(uri) if database is None else None
        if client is not None:
            client.search_experiments(max_results=1)
    with settings(WORK_SECONDS):
        if database is None:
            yield client
        else:
            database.parent.mkdir(parents=True, exist_ok=True)
            with single_writer(database):
                yield _new_client(uri)


def _new_client(uri: str) -> Any:
    try:
        from mlflow import MlflowClient
    except ImportError as error:
        raise TrackingError(
            "Logging to MLflow needs the package mlflow; it is not installed. "
            "Run: pip install 'tailmark[track]', or run with --no-track."
        ) from error
    # Says for every table that it makes one; what matters is raised.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)
    return MlflowClient(tracking_uri=uri)

"""An MLflow server with PostgreSQL, started as `make services` does, logged to and ended hard."""

import os
import signal
import socket
import sys
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

pytest.importorskip("mlflow")

from harness import connection
from harness.connection import connected, tracking_uri
from harness.errors import TrackingError
from harness.tracking.mirror import mirror
from tests.leaderboard.made import made

ROOT = Path(__file__).resolve().parents[2]


def loaded():
    """Return deploy/services.py as a module."""
    spec = spec_from_file_location("services", ROOT / "deploy" / "services.py")
    module = module_from_spec(spec)
    sys.modules["services"] = module
    spec.loader.exec_module(module)
    return module


services = loaded()


def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture(scope="module")
def running():
    """PostgreSQL in a folder that its user can reach, which pytest's own are not."""
    import shutil
    import tempfile

    if find_spec("psycopg2") is None:
        pytest.skip("psycopg2 is not installed")
    try:
        services.found_programs()
    except services.ServicesError as error:
        pytest.skip(str(error))
    folder = Path(tempfile.mkdtemp(prefix="tailmark-services-"))
    folder.chmod(0o755)
    found = services.Services(folder, port(), port())
    try:
        found.start_database()
        yield found
    finally:
        found.stop()
        shutil.rmtree(folder)


@pytest.fixture
def database(running):
    """The same, started again where a test has ended it."""
    running.start_database()
    return running


def children(uri: str, run: str) -> int:
    with connected(uri) as client:
        experiment = client.get_experiment_by_name("digits-v1").experiment_id
        found = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{run}'")
    return len(found)


def test_records_go_to_postgresql_by_its_plain_address_and_are_there_once(
    database, tmp_path, monkeypatch
):
    monkeypatch.setenv("TAILMARK_HOME", str(tmp_path / "store"))
    uri = tracking_uri(database.database)
    assert uri.startswith("postgresql+psycopg")
    recorded = made("on-postgres", 0.7)
    run = mirror(recorded, uri=uri)
    assert mirror(recorded, uri=uri) == run
    assert children(uri, run) == len(recorded.record.jobs)
    assert list((tmp_path / "store" / "mlartifacts").rglob("digits-v1.json"))


def test_a_database_that_is_killed_costs_a_sentence_and_comes_back(database):
    uri, recorded = tracking_uri(database.database), made("killed", 0.6)
    for pid in _all_of(database):
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(TrackingError) as caught:
        mirror(recorded, uri=uri)
    assert "is safe" in str(caught.value) and "\n" not in str(caught.value)
    assert database.database.split(":")[2].partition("@")[0] not in str(caught.value)
    database.start_database()
    assert children(uri, mirror(recorded, uri=uri)) == len(recorded.record.jobs)


def _all_of(database) -> list[int]:
    parent = database.database_pid()
    kids = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [parent, *map(int, kids)]


def test_without_a_driver_the_sentence_says_which_to_install(monkeypatch):
    monkeypatch.setattr(connection, "find_spec", lambda name: None)
    with pytest.raises(TrackingError, match="pip install psycopg2-binary"):
        tracking_uri("postgresql://me@127.0.0.1/mlflow")
    assert tracking_uri("postgresql+pg8000://me@h/m") == "postgresql+pg8000://me@h/m"


def test_missing_programs_are_one_sentence(monkeypatch):
    monkeypatch.setattr(services.shutil, "which", lambda name, path=None: None)
    with pytest.raises(services.ServicesError, match="apt-get install postgresql"):
        services.found_programs()

"""Servers that are killed in the middle of logging: a sentence, nothing lost, nothing doubled."""

import os
import signal
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import pytest

pytest.importorskip("mlflow")

from harness.connection import connected, tracking_uri
from harness.errors import TrackingError
from harness.tracking.mirror import mirror
from tests.faults.conftest import whole_only
from tests.leaderboard.made import made
from tests.tracking.test_services import _all_of, children, running  # noqa: F401

AT = 3
"""After how many jobs' runs the server is killed."""


def entries(uri: str, name: str) -> int:
    wanted = f"tags.`tailmark.role` = 'entry' and tags.`tailmark.entry` = '{name}'"
    with connected(uri) as client:
        experiment = client.get_experiment_by_name("digits-v1").experiment_id
        return len(client.search_runs([experiment], wanted))


@whole_only
@pytest.mark.parametrize("victim", ["mlflow", "postgresql"])
def test_a_server_killed_in_the_middle_costs_a_sentence_and_its_runs_are_there_once(
    victim,
    running,  # noqa: F811
):
    services = running
    services.start()
    uri = services.uri
    recorded = made(f"killed-{victim}", 0.7)

    def kill(done: int, total: int) -> None:
        if done != AT:
            return
        if victim == "mlflow":
            os.killpg(services.server_pid(), signal.SIGKILL)
        else:
            for pid in _all_of(services):
                os.kill(pid, signal.SIGKILL)

    with pytest.raises(TrackingError, match="is safe") as caught:
        mirror(recorded, uri=uri, progress=kill)
    assert "\n" not in str(caught.value)
    services.start()
    run = mirror(recorded, uri=uri)
    assert mirror(recorded, uri=uri) == run
    assert children(uri, run) == len(recorded.record.jobs) > AT
    assert entries(uri, recorded.record.entry) == 1


NAMES = ["at-once-0", "at-once-1"]


def log_both(uri: str, store: Path) -> list[str]:
    """Mirror two records; return the ids of their runs."""
    return [mirror(made(name, 0.7), uri=uri, store=store) for name in NAMES]


@whole_only
@pytest.mark.parametrize("direct", [True, False], ids=["postgresql", "through the server"])
def test_mirrors_at_once_leave_each_record_once(direct, running, tmp_path):  # noqa: F811
    """Three processes of one store, and a fourth of another, log the same two records."""
    running.start()
    uri = tracking_uri(running.database if direct else running.uri)
    stores = [tmp_path / "one"] * 3 + [tmp_path / "two"]
    for store in set(stores):
        store.mkdir()
    with ProcessPoolExecutor(len(stores), mp_context=get_context("spawn")) as pool:
        found = list(pool.map(partial(log_both, uri), stores))
    assert found[0] == found[1] == found[2]
    last = log_both(uri, stores[0])
    for name, run in zip(NAMES, last, strict=True):
        assert entries(uri, name) == 1
        assert children(uri, run) == len(made(name, 0.7).record.jobs)
    assert not list((tmp_path / "one" / "locks").glob("*"))

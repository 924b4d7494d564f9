"""Servers that are killed in the middle of logging: a sentence, nothing lost, nothing doubled."""

import os
import signal

import pytest

pytest.importorskip("mlflow")

from harness.connection import connected
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

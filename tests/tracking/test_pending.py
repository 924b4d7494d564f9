"""A server that is away: the record is safe, and is logged when the server is back."""

import pytest

pytest.importorskip("mlflow")

from harness.errors import TrackingError
from harness.runs import api
from harness.runs.results import Results
from harness.tracking.pending import pending
from tests.leaderboard.made import made


@pytest.fixture
def server(monkeypatch):
    """A server that fails as often as it is told, and keeps what it was sent otherwise."""
    state = {"failures": 0, "tries": 0, "kept": []}

    def mirror(recorded, **_):
        state["tries"] += 1
        if state["failures"]:
            state["failures"] -= 1
            raise TrackingError("it is away")
        state["kept"].append(recorded.record.entry)
        return "run"

    monkeypatch.setattr("harness.tracking.mirror.mirror", mirror)
    monkeypatch.setattr(api, "WAITS", (0.0, 0.0))
    return state


def test_a_server_that_comes_back_soon_is_waited_for(server, tmp_path):
    server["failures"] = 2
    outcome = api.mirror_all(Results("digits-v1", (made("cnn-ce", 0.9),)), tmp_path)
    assert outcome == {"cnn-ce": "run"} and server["tries"] == 3
    assert list(pending(tmp_path)) == []


def test_what_could_not_be_logged_is_pending_until_it_is(server, tmp_path):
    results = Results("digits-v1", (made("one", 0.9), made("two", 0.8)))
    server["failures"] = 3
    outcome = api.mirror_all(results, tmp_path)
    assert isinstance(outcome["one"], TrackingError) and "two" not in outcome
    assert list(pending(tmp_path)) == [("digits-v1", ["one", "two"])]
    api.mirror_all(results, tmp_path)
    assert server["kept"] == ["one", "two"] and list(pending(tmp_path)) == []

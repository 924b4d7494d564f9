"""The MLflow mirror: whole, never twice, never a NaN, and never in the way of a record."""

import shutil
import socket
import sqlite3
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

pytest.importorskip("mlflow")

from harness.connection import connected, explained, local_uri, tracking_uri
from harness.errors import TrackingError
from harness.records import index
from harness.records.index import read_indexed
from harness.records.records import write_record
from harness.tracking import mirror as tracking
from harness.tracking.contents import entry_tags, means
from harness.tracking.mirror import mirror, rebuild
from tests.leaderboard.made import CELLS, SEEDS, made

JOBS = len(CELLS) * len(SEEDS)


def client_of(uri: str):
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=uri)


def runs_of(uri: str, role: str, entry: str = "cnn-ce"):
    client = client_of(uri)
    experiment = client.get_experiment_by_name("digits-v1").experiment_id
    wanted = f"tags.`tailmark.role` = '{role}' and tags.`tailmark.entry` = '{entry}'"
    return client.search_runs([experiment], wanted)


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    """A store whose database the tests share, and an empty copy of it: one takes seconds."""
    folder = tmp_path_factory.mktemp("store")
    client_of(local_uri(folder)).search_experiments()
    shutil.copy(folder / "mlflow.db", folder / "empty.db")
    return folder


@pytest.fixture(scope="module")
def logged(store):
    """One record with a failed job, mirrored once with its predictions."""
    uri = local_uri(store)
    recorded = made("cnn-ce", 0.93, variants=("la", "la+ts"), missing=True)
    steps: list[tuple[int, int]] = []
    run = mirror(
        recorded,
        uri=uri,
        predictions=lambda cell, seed: {"logits": np.full((2, 3), cell, np.float32)},
        progress=lambda done, total: steps.append((done, total)),
    )
    return recorded, uri, run, steps


def test_an_entry_has_a_run_and_every_job_a_child(logged):
    _, uri, run, steps = logged
    children = runs_of(uri, "job")
    assert [r.info.run_id for r in runs_of(uri, "entry")] == [run]
    assert len(children) == JOBS
    assert {c.data.tags["mlflow.parentRunId"] for c in children} == {run}
    assert steps[-1] == (JOBS, JOBS)


def test_the_command_of_a_run_names_the_jobs_that_it_has():
    record = made("cnn-ce", 0.93).record
    cell, seed = record.suite.cells[1], record.suite.seeds[2]
    some = record.model_copy(
        update={"jobs": tuple(job for job in record.jobs if (job.cell, job.seed) == (1, 2))}
    )
    note = entry_tags(some)["mlflow.note.content"]
    assert f"1 jobs of {len(CELLS)} cells" in note
    assert f"`tailmark run cnn-ce --suite digits-v1 --cell {cell} --seed {seed}`" in note
    whole = entry_tags(record)["mlflow.note.content"]
    assert "all jobs of" in whole and "`tailmark run cnn-ce --suite digits-v1`" in whole


def test_a_childs_metrics_are_the_records_numbers(logged):
    recorded, uri, _, _ = logged
    child = next(
        c
        for c in runs_of(uri, "job")
        if (c.data.params["cell"], c.data.params["seed"]) == (CELLS[1], "2")
    )
    metrics = recorded.record.variants[""].metrics
    assert child.data.metrics["test/nll"] == pytest.approx(metrics["test/nll"][1][2], abs=1e-12)
    assert child.data.params["numerics.device"] == "cpu"


def test_a_variants_metrics_have_a_name_that_mlflow_takes(logged):
    recorded, uri, run, _ = logged
    grid = recorded.record.variants["la+ts"].metrics["test/nll"]
    child = next(c for c in runs_of(uri, "job") if c.data.params["seed"] == "0")
    value = child.data.metrics["la.ts/test/nll"]
    assert value == pytest.approx(grid[CELLS.index(child.data.params["cell"])][0])


def test_undefined_values_are_counted_and_not_logged(logged):
    _, uri, run, _ = logged
    failed = next(c for c in runs_of(uri, "job") if c.info.status == "FAILED")
    assert failed.data.metrics == {}
    assert int(failed.data.tags["tailmark.undefined"]) > 0
    assert "the loss is NaN" in failed.data.tags["tailmark.error"]
    # The failed job takes the mean over all cells and seeds with it: that of the others remains.
    assert all(name.startswith("partial/") for name in client_of(uri).get_run(run).data.metrics)


def test_the_parent_holds_means_over_cells_and_seeds(store):
    recorded = made("logreg", 0.85)
    uri = local_uri(store)
    parent = client_of(uri).get_run(mirror(recorded, uri=uri))
    values = recorded.values("", "test/balanced_accuracy")
    assert parent.data.metrics["test/balanced_accuracy"] == pytest.approx(values.mean())
    assert parent.data.params["card_sha256"] == recorded.record.card_sha256


def test_the_record_its_arrays_and_a_diagram_are_artifacts(logged, tmp_path):
    recorded, uri, run, _ = logged
    folder = Path(client_of(uri).download_artifacts(run, "", str(tmp_path)))
    assert (folder / "record" / "digits-v1.json").is_file()
    assert (folder / "record" / "digits-v1.npz").is_file()
    assert (folder / "figures" / "reliability.png").read_bytes()[:4] == b"\x89PNG"


def test_predictions_hang_on_their_job(logged, tmp_path):
    _, uri, _, _ = logged
    child = next(c for c in runs_of(uri, "job") if c.data.params["cell"] == CELLS[3])
    path = client_of(uri).download_artifacts(
        child.info.run_id, "predictions/test.npz", str(tmp_path)
    )
    assert np.load(path)["logits"].tolist() == np.full((2, 3), 3.0).tolist()


def test_mirroring_again_changes_nothing(logged):
    recorded, uri, run, _ = logged
    assert mirror(recorded, uri=uri) == run
    assert len(runs_of(uri, "job")) == JOBS


def test_an_interrupted_mirror_is_done_again_whole(store):
    recorded, uri = made("stopped", 0.6), local_uri(store)

    def stop(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mirror(recorded, uri=uri, progress=stop)
    mirror(recorded, uri=uri)
    assert len(runs_of(uri, "entry", "stopped")) == 1
    assert len(runs_of(uri, "job", "stopped")) == JOBS


def test_what_another_store_is_writing_is_left_alone_and_of_two_runs_the_first_stays(
    store, tmp_path, monkeypatch
):
    """Two machines that log one record: nobody deletes what the other writes, one run is left."""
    recorded, uri = made("shared", 0.6), local_uri(store)

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mirror(recorded, uri=uri, progress=stop, store=tmp_path / "one")
    (begun,) = runs_of(uri, "entry", "shared")
    second = mirror(recorded, uri=uri, store=tmp_path / "two")
    assert {r.info.run_id for r in runs_of(uri, "entry", "shared")} == {begun.info.run_id, second}
    assert mirror(recorded, uri=uri, store=tmp_path / "one") == second
    assert [r.info.run_id for r in runs_of(uri, "entry", "shared")] == [second]
    looked, looks = tracking._finished_run, []

    def blind(*given):
        """Miss what is there at the first look, as when the other is finished a moment later."""
        looks.append(given)
        return looked(*given) if len(looks) > 1 else None

    monkeypatch.setattr(tracking, "_finished_run", blind)
    monkeypatch.setattr(tracking, "_run_to_update", lambda *given: None)
    assert mirror(recorded, uri=uri, store=tmp_path / "one") == second and len(looks) == 2
    assert [r.info.run_id for r in runs_of(uri, "entry", "shared")] == [second]
    assert len(runs_of(uri, "job", "shared")) == JOBS


def test_rebuilding_needs_nothing_but_the_records(logged, store, tmp_path):
    shutil.copy(store / "empty.db", tmp_path / "mlflow.db")
    assert rebuild([logged[0]], local_uri(tmp_path)) == 1
    assert len(runs_of(local_uri(tmp_path), "job")) == JOBS


def test_a_record_that_is_read_through_its_index_is_logged(store, tmp_path, monkeypatch):
    """As `tailmark log` reads it: of such a record little is in memory."""
    monkeypatch.setenv("TAILMARK_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("TAILMARK_NO_INDEX", raising=False)
    monkeypatch.setattr(index, "SETTLED", 0.0)
    shutil.copy(store / "empty.db", tmp_path / "mlflow.db")
    recorded = made("cnn-ce", 0.93)
    path = write_record(recorded, tmp_path / "submissions" / "cnn-ce" / "results")
    read_indexed(path)
    found = read_indexed(path)
    assert isinstance(found, index.IndexedRecorded)
    uri = local_uri(tmp_path)
    run = mirror(found, uri=uri)
    assert len(runs_of(uri, "job")) == JOBS
    kept = client_of(uri).download_artifacts(run, "record/digits-v1.json", str(tmp_path))
    assert Path(kept).read_bytes() == path.read_bytes()


def _mirror_one(task: tuple[str, float, str]) -> str:
    name, skill, uri = task
    return mirror(made(name, skill), uri=uri)


def test_processes_may_open_a_fresh_database_together(tmp_path):
    uri = local_uri(tmp_path)
    tasks = [("one", 0.7, uri), ("two", 0.8, uri)]
    with ProcessPoolExecutor(2) as pool:
        runs = list(pool.map(_mirror_one, tasks))
    assert len(set(runs)) == 2
    assert [len(runs_of(uri, "job", name)) for name in ("one", "two")] == [JOBS, JOBS]


@pytest.mark.parametrize("scheme", ["http", "postgresql"])
def test_an_unreachable_server_is_found_out_soon_and_says_what_is_safe(scheme):
    if scheme == "postgresql" and not (find_spec("psycopg") or find_spec("psycopg2")):
        pytest.skip("neither psycopg nor psycopg2 is installed")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, never listening: every connection is refused
        port = taken.getsockname()[1]
        start = time.monotonic()
        with pytest.raises(TrackingError, match="was refused.* logreg .* is safe.*tailmark log"):
            mirror(made("logreg", 0.85), uri=f"{scheme}://u:secret@127.0.0.1:{port}")
    assert time.monotonic() - start < 10


def test_more_metrics_than_fit_one_request_are_all_logged(store, monkeypatch):
    monkeypatch.setitem(tracking.BATCH, "metrics", 4)
    recorded = made("many", 0.7)
    run = mirror(recorded, uri=local_uri(store))
    logged = client_of(local_uri(store)).get_run(run).data
    assert set(logged.metrics) == set(recorded.record.variants[""].metrics)
    assert logged.params["suite"] == "digits-v1"


@pytest.mark.parametrize("scheme", ["http", "postgresql"])
def test_a_password_in_the_address_is_not_printed(scheme):
    with pytest.raises(TrackingError) as caught:
        mirror(made("logreg", 0.85), uri=f"{scheme}://u:secret@127.0.0.1:1/x")
    assert "secret" not in str(caught.value)


def test_a_folder_that_cannot_be_written_is_a_tracking_error(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(TrackingError, match="is safe"):
        mirror(made("logreg", 0.85), uri=local_uri(tmp_path / "taken" / "store"))


def test_an_argument_goes_before_the_environment(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    assert tracking_uri("sqlite:///x.db") == "sqlite:///x.db"
    assert tracking_uri() == "http://127.0.0.1:5000"


def test_without_any_wish_it_is_the_local_store(monkeypatch, tmp_path):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("TAILMARK_HOME", str(tmp_path))
    assert tracking_uri() == f"sqlite:///{tmp_path}/mlflow.db"


def test_a_run_with_a_failed_job_is_not_green_and_has_means_of_the_others(logged):
    recorded, uri, run, _ = logged
    parent = client_of(uri).get_run(run)
    assert parent.info.status == "FAILED"
    grid = recorded.record.variants[""].metrics["test/nll"]
    done = [v for row in grid for v in row if v is not None]
    assert parent.data.metrics["partial/test/nll"] == pytest.approx(np.mean(done))
    assert "test/nll" not in parent.data.metrics
    assert parent.data.tags["tailmark.jobs"] == f"{JOBS - 1} of {JOBS}"


def test_data_are_inputs_of_the_run_and_of_its_jobs(logged):
    recorded, uri, run, _ = logged
    data = client_of(uri).get_run(run).inputs.dataset_inputs
    assert [d.dataset.name for d in data] == ["digits-v1"]
    assert recorded.record.suite.sha256.startswith(data[0].dataset.digest)
    child = runs_of(uri, "job")[0]
    assert child.inputs.dataset_inputs[0].dataset.name == "digits"


def test_a_later_record_of_the_same_card_updates_the_run(store):
    uri = local_uri(store)
    first = mirror(made("again", 0.7, missing=True), uri=uri)
    later = made("again", 0.7, seed=1)
    assert mirror(later, uri=uri) == first
    run = client_of(uri).get_run(first)
    assert run.info.status == "FINISHED"
    assert run.data.tags["tailmark.record_sha256"] == later.record.record_sha256
    wanted = later.values("", "test/balanced_accuracy").mean()
    assert run.data.metrics["test/balanced_accuracy"] == pytest.approx(wanted)
    assert len(runs_of(uri, "entry", "again")) == 1
    assert len(runs_of(uri, "job", "again")) == JOBS


def test_a_record_that_lost_a_metric_gets_a_run_of_its_own(store):
    uri = local_uri(store)
    first = mirror(made("lost", 0.7), uri=uri)
    second = mirror(made("lost", 0.7, seed=1, missing=True), uri=uri)
    assert second != first
    assert "test/nll" not in client_of(uri).get_run(second).data.metrics


def test_a_model_version_has_its_numbers_and_leads_to_its_run(store, tmp_path, monkeypatch):
    from mlflow.entities.logged_model_status import LoggedModelStatus

    uri, recorded = local_uri(store), made("registered", 0.8)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    client = client_of(uri)
    experiment = client.create_experiment("models", artifact_location=tmp_path.as_uri())
    logged = client.create_logged_model(experiment, "net")
    client.finalize_logged_model(logged.model_id, LoggedModelStatus.READY)
    client.create_registered_model("net")
    client.create_model_version("net", f"models:/{logged.model_id}", model_id=logged.model_id)
    run = mirror(recorded, uri=uri, version=("net", "1"))
    assert mirror(recorded, uri=uri, version=("net", "1")) == run
    tags = client.get_model_version("net", "1").tags
    mean = recorded.values("", "test/balanced_accuracy").mean()
    assert tags["tailmark.digits-v1.run"] == run
    assert float(tags["tailmark.digits-v1.test/balanced_accuracy"]) == pytest.approx(mean)
    listed = client.get_logged_model(logged.model_id).metrics
    metrics = {m.key: m.value for m in listed}
    assert len(listed) == len(metrics) == len(means(recorded.record))
    assert metrics["test/balanced_accuracy"] == pytest.approx(mean)
    assert client.get_run(run).inputs.model_inputs[0].model_id == logged.model_id
    assert mirror(recorded, uri=uri, version=("unknown", "1")) == run


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>a router</html>"),
        (200, b"[1, 2]"),
        (404, b"not found"),
        (404, b'{"error_code": "ENDPOINT_NOT_FOUND", "message": "of MLflow 1"}'),
    ],
)
def test_what_is_no_server_of_this_version_is_said(status, body, tmp_path):
    class Other(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *words):
            return None

    with ThreadingHTTPServer(("127.0.0.1", 0), Other) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        uri = f"http://127.0.0.1:{server.server_port}"
        with pytest.raises(TrackingError, match="no MLflow server of a version like") as caught:
            mirror(made("other", 0.7), uri=uri, store=tmp_path)
        server.shutdown()
    assert "is safe" in str(caught.value) and "\n" not in str(caught.value)


def test_a_database_of_another_version_of_mlflow_is_said(store, tmp_path):
    shutil.copy(store / "empty.db", tmp_path / "mlflow.db")
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database, database:
        database.execute("update alembic_version set version_num = 'ffffffffffff'")
    with pytest.raises(TrackingError, match="another version of MLflow.*mlflow db upgrade"):
        mirror(made("older", 0.7), uri=local_uri(tmp_path), store=tmp_path)


def test_a_damaged_database_is_a_sentence(store, tmp_path):
    """A schema with bytes that are no text, and a file that is no database any more."""
    raw = (store / "empty.db").read_bytes()
    for word in (b"CREATE TABLE", b"SQLite format 3"):
        place = raw.index(word)
        (tmp_path / "mlflow.db").write_bytes(raw[:place] + bytes([0xFF] * 4) + raw[place + 4 :])
        with (
            pytest.raises(TrackingError, match="Nothing is lost"),
            explained(local_uri(tmp_path), "the record is safe"),
            connected(local_uri(tmp_path)) as client,
        ):
            client.search_experiments()
    with pytest.raises(TrackingError), explained("sqlite:///x.db", "the record is safe"):
        b"\xff".decode()

"""Evidence by address: packed, served from a loopback server, fetched elsewhere and recomputed."""

import hashlib
import shutil
import zipfile
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import numpy as np
import pytest

import harness
from harness.data.suites.open import open_suite
from harness.errors import DownloadError, PredictionsError, StoreError
from harness.keys import sha256_file
from harness.rankings.field import suite_rows
from harness.records.records import read_record, sealed, write_record
from harness.runs.archive import archived_evidence, unpack, write_archive
from harness.runs.fetching import addressed, fetch, publish
from harness.runs.handing_in import hand_in
from harness.runs.plan import find_entry
from harness.runs.rescore import rescore
from harness.types import Predictions

SUITE, CELL = "digits-v1", "digits-exp10-clean"
KEY = "test/balanced_accuracy"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


class ToFile(BaseHTTPRequestHandler):
    """Sends every caller to a file of the caller's own machine."""

    def do_GET(self):
        self.send_response(302)
        self.send_header("Location", "file:///etc/hostname")
        self.end_headers()

    def log_message(self, *args):
        pass


@contextmanager
def serving(handler):
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """An entry run on one cell and handed in with the address of its predictions."""
    home = tmp_path_factory.mktemp("authors")
    folder = home / "submissions" / "quick"
    folder.mkdir(parents=True)
    (folder / "entry.toml").write_text(
        'format = 1\nname = "quick"\nkind = "method"\n[method]\ntrainer = "nearest-mean"\n'
    )
    places = {"store": home / "store", "submissions": home / "submissions"}
    harness.run("quick", cells=[CELL], processes=1, **places)
    served = home / "served"
    served.mkdir()
    with serving(partial(Quiet, directory=str(served))) as address:
        done = hand_in("quick", SUITE, partial=True, evidence=address, **places)
        assert (
            done.step == f"Upload {done.archive} so that it lies at {address}/{done.archive.name}"
        )
        (served / done.archive.name).write_bytes(done.archive.read_bytes())
        yield {"done": done, "served": served, "submissions": places["submissions"], "home": home}


def tier(made, store):
    return suite_rows(SUITE, roots=[made["submissions"]], store=store)[0].tier


def again(made, store, **options):
    return next(
        rescore(
            ["quick"], SUITE, submissions=made["submissions"], store=store,
            fetch=options.get("fetch", 1 << 30), processes=options.get("processes", 1),
        )
    )  # fmt: skip


def test_anyone_can_fetch_the_predictions_and_the_tier_rises_for_who_did(made, tmp_path):
    record = read_record(made["done"].record).record
    assert addressed(record.evidence.url)[1] == sha256_file(made["done"].archive)
    assert tier(made, tmp_path / "new") == "claimed"
    found = again(made, tmp_path / "new")
    assert found.same and found.found.identical, found.sentence
    assert tier(made, tmp_path / "new") == "rescored"
    assert list((tmp_path / "new" / "archives").iterdir()) == [
        tmp_path / "new" / "archives" / f"{sha256_file(made['done'].archive)}.zip"
    ]


def test_several_processes_recompute_the_same_record(made, tmp_path):
    """Of the entry's three jobs, from a fetched archive and from the author's store."""
    one, two = (again(made, tmp_path, processes=n) for n in (1, 2))
    stored = again(made, made["home"] / "store", processes=2, fetch=None)
    assert one.same and two.same and stored.same
    assert written(two.recomputed) == written(one.recomputed) == written(stored.recomputed)


def written(recorded):
    """What a record says and stores, apart from when and by what it was made."""
    said = recorded.record.model_dump(exclude={"provenance", "record_sha256", "evidence"})
    return said, {name: array.tobytes() for name, array in recorded.arrays.items()}


def test_what_a_process_meets_is_told_as_if_it_were_met_here(made, tmp_path):
    store = tmp_path / "store"
    shutil.copytree(made["home"] / "store", store)
    for folder in (store / "evidence").glob("*/*"):
        shutil.rmtree(folder)
    said = []
    for n in (1, 2):
        with pytest.raises(StoreError, match="they are gone") as met:
            again(made, store, processes=n, fetch=None)
        said.append(str(met.value).partition(" under ")[2].partition("… in ")[2])
    assert said[0] == said[1]


def test_edited_values_beside_real_predictions_stay_claimed(made, tmp_path):
    whole = read_record(made["done"].record)
    body = whole.record.model_copy(deep=True)
    row = body.variants[""].metrics[KEY][body.suite.cells.index(CELL)]
    row[0] += 0.01
    try:
        write_record(sealed(body, dict(whole.arrays)), made["done"].record.parent)
        found = again(made, tmp_path)
        assert not found.same and f"{KEY} in the record is" in found.sentence
        assert tier(made, tmp_path) == "claimed"
    finally:
        write_record(whole, made["done"].record.parent)


def test_what_was_changed_at_its_address_is_refused_and_not_kept(made, tmp_path):
    file = made["served"] / made["done"].archive.name
    good = file.read_bytes()
    file.write_bytes(good[:-1] + b"x")
    try:
        with pytest.raises(DownloadError, match="should have sha256"):
            again(made, tmp_path)
    finally:
        file.write_bytes(good)
    assert list((tmp_path / "archives").iterdir()) == []


def test_a_file_larger_than_allowed_is_refused(made, tmp_path):
    with pytest.raises(DownloadError, match="Allow more with --max-bytes"):
        again(made, tmp_path, fetch=1000)


def test_a_redirect_to_a_file_of_this_machine_is_not_followed(tmp_path):
    with (
        serving(ToFile) as address,
        pytest.raises(DownloadError, match="answered 302|address of a file"),
    ):
        fetch(f"{address}/e.zip#sha256={'ab' * 32}", tmp_path)


def test_an_address_on_the_hub_is_fetched_from_the_hub_that_is_set(made, tmp_path, monkeypatch):
    name = made["done"].archive.name
    there = made["served"] / "datasets/me/evidence/resolve/main"
    there.mkdir(parents=True)
    (there / name).write_bytes(made["done"].archive.read_bytes())
    url, step = publish(made["done"].archive, "hf://datasets/me/evidence")
    assert step.startswith("Upload it: hf upload --repo-type dataset")
    with serving(partial(Quiet, directory=str(made["served"]))) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        found = fetch(url, tmp_path)
    assert found.read_bytes() == made["done"].archive.read_bytes()


def test_evidence_beside_an_mlflow_run_comes_back(made, tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    from mlflow import MlflowClient

    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert mlflow.__version__
    client = MlflowClient(uri)
    experiment = client.create_experiment("evidence", str(tmp_path / "artifacts"))
    run = client.create_run(experiment).info.run_id
    url, step = publish(made["done"].archive, f"runs:/{run}/evidence", tmp_path)
    assert step == ""
    assert sha256_file(fetch(url, tmp_path / "other")) == sha256_file(made["done"].archive)
    with pytest.raises(DownloadError, match="the run has none"):
        fetch(url.replace("evidence/", "elsewhere/"), tmp_path / "third")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://a.org/e.zip", "ends in #sha256="),
        (f"http://a.org/e.zip#sha256={'ab' * 32}", "is https://"),
        (f"https://a.org/e.zip#sha256={'AB' * 32}", "ends in #sha256="),
        (f"ftp://a.org/e.zip#sha256={'ab' * 32}", "begins with https"),
        (f"e.zip#sha256={'ab' * 32}", "begins with https"),
        (f"file:///nowhere/e.zip#sha256={'ab' * 32}", "could not be fetched"),
        (f"hf://models/a#sha256={'ab' * 32}", "hf://datasets/"),
        (f"runs:/../../x#sha256={'ab' * 32}", "runs:/<run id>/<path>"),
        (f"http://127.0.0.1:9/e.zip#sha256={'ab' * 32}", "could not be fetched"),
    ],
)
def test_an_address_that_leads_nowhere_is_one_sentence(url, words, tmp_path):
    with pytest.raises(DownloadError, match=words):
        fetch(url, tmp_path)


def test_a_record_without_an_address_says_who_can_publish_it(made, tmp_path):
    whole = read_record(made["done"].record)
    stamp = whole.record.evidence.model_copy(update={"url": None})
    plain = sealed(whole.record.model_copy(update={"evidence": stamp}), dict(whole.arrays))
    try:
        write_record(plain, made["done"].record.parent)
        with pytest.raises(StoreError, match="names no address.*submit --evidence"):
            again(made, tmp_path)
    finally:
        write_record(whole, made["done"].record.parent)


def zipped(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files:
            archive.writestr(name, data)
    return path


NAME = f"{CELL}-s0/test.npz"
HOSTILE = {
    "a path that leaves the folder": ([("../outside.npz", b"x")], "once; got '../outside.npz'"),
    "an inner path that leaves": ([(f"{CELL}-s0/../../x.npz", b"")], "once; got"),
    "an absolute path": ([("/etc/x.npz", b"x")], "once; got '/etc/x.npz'"),
    "a pickle": ([(f"{CELL}-s0/test.pkl", b"x")], "once; got"),
    "a file twice": ([(NAME, b"x"), (NAME, b"y")], "some twice"),
    "too large": ([(NAME, b"0" * 2000)], "unpacks to 2,000 bytes; at most 1,000"),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("how", HOSTILE)
def test_a_hostile_archive_writes_nothing(how, tmp_path):
    files, words = HOSTILE[how]
    path = zipped(tmp_path / "e.zip", files)
    (tmp_path / "into").mkdir()
    with pytest.raises(PredictionsError, match=words):
        unpack(path, tmp_path / "into", most=1000)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["e.zip", "into"]
    assert list((tmp_path / "into").iterdir()) == []


def test_what_is_no_zip_is_one_sentence(tmp_path):
    (tmp_path / "e.zip").write_bytes(b"PK\x03\x04 and then nothing")
    with pytest.raises(PredictionsError, match="must be a zip of predictions"):
        unpack(tmp_path / "e.zip", tmp_path)


def test_the_same_predictions_give_the_same_bytes_and_come_back_with_head_and_features(
    made, tmp_path
):
    opened = open_suite(SUITE)
    entry = find_entry("quick", made["submissions"])
    recorded = read_record(made["done"].record)
    n, rng = len(opened.test), np.random.default_rng(0)
    said = Predictions(
        kind="logits",
        values=rng.normal(size=(n, 8)).astype(np.float32),
        row=np.arange(n),
        features=rng.normal(size=(n, 5)).astype(np.float16),
        head={"weight": rng.normal(size=(8, 5)), "bias": np.zeros(8)},
    )
    paths = [tmp_path / "one.zip", tmp_path / "two.zip"]
    sums = [
        write_archive(path, entry, recorded, opened, lambda *_: ({"test": said}, {}))
        for path in paths
    ]
    assert sums[0] == sums[1] == hashlib.sha256(paths[0].read_bytes()).hexdigest()
    unpack(paths[0], tmp_path)
    from harness.types import Job

    back, _ = archived_evidence(tmp_path)(
        Job(entry.card, entry.folder, CELL, 0), opened, recorded.record.jobs[0]
    )
    assert back["test"].sha256 == said.sha256
    np.testing.assert_array_equal(back["test"].features, said.features)
    np.testing.assert_array_equal(back["test"].head["weight"], said.head["weight"])

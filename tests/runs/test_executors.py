"""Where jobs are done changes nothing: here, in processes, on two nodes of a Ray cluster."""

import sys

import pytest

import harness
from harness.errors import SpecError, UnknownNameError
from harness.runs import on_ray
from tests.runs.conftest import faults_only

CELLS = ["digits-exp10-clean", "digits-balanced-clean"]


@pytest.fixture(scope="module")
def submissions(tmp_path_factory):
    folder = tmp_path_factory.mktemp("executors") / "submissions"
    (folder / "quick").mkdir(parents=True)
    (folder / "quick" / "entry.toml").write_text(
        'format = 1\nname = "quick"\nkind = "method"\n[method]\ntrainer = "nearest-mean"\n'
    )
    return folder


def sha256(submissions, store, **how) -> str:
    made = harness.run("quick", cells=CELLS, seeds=[0], submissions=submissions, store=store, **how)
    assert [job.status for job in made[0].record.jobs] == ["done"] * 2
    return made[0].record.record_sha256


@pytest.fixture(scope="module")
def here(submissions, tmp_path_factory):
    return sha256(submissions, tmp_path_factory.mktemp("here"), executor="local")


def test_processes_give_the_same_record(submissions, here, tmp_path):
    how = {"executor": "processes", "processes": 2, "time_limit": 300.0, "memory_limit": 8 << 30}
    assert sha256(submissions, tmp_path, **how) == here


@faults_only
def test_two_nodes_of_a_ray_cluster_give_the_same_record(submissions, here, tmp_path, two_nodes):
    assert sha256(submissions, tmp_path, executor="ray", address=two_nodes.address) == here
    with pytest.raises(SpecError, match="need a cluster with a GPU"):
        sha256(submissions, tmp_path, executor="ray", address=two_nodes.address, jobs_per_gpu=2)


@faults_only
def test_a_node_that_is_killed_costs_no_job(submissions, tmp_path, two_nodes):
    """The second node gets SIGKILL when the first job is done; what ran there begins again."""
    how = {"cells": CELLS, "seeds": [0, 1, 2], "submissions": submissions}
    calm = harness.run("quick", store=tmp_path / "calm", executor="local", **how)[0].record
    node = next(n for n in two_nodes.worker_nodes)
    lost = []

    def finished(name, result):
        if not lost:
            lost.append(name)
            two_nodes.remove_node(node, allow_graceful=False)

    found = harness.run(
        "quick", store=tmp_path / "ray", executor="ray", address=two_nodes.address,
        finished=finished, **how,
    )[0].record  # fmt: skip
    assert lost and not two_nodes.worker_nodes
    assert [job.status for job in found.jobs] == ["done"] * 6
    assert found.record_sha256 == calm.record_sha256


@pytest.mark.parametrize(
    ("how", "error", "words"),
    [
        ({"executor": "slurm"}, UnknownNameError, "No executor named 'slurm'"),
        ({"executor": "local", "time_limit": 5.0}, SpecError, "Use --executor processes"),
        ({"address": "10.0.0.1:6379"}, SpecError, "Add --executor ray"),
        ({"time_limit": 0.0}, SpecError, "limit of time should be above 0; got 0"),
        ({"memory_limit": 0}, SpecError, "limit of memory should be above 0; got 0"),
        ({"processes": 0}, SpecError, "processes should be 1 or more; got 0"),
        ({"executor": "ray", "jobs_per_gpu": 0}, SpecError, "should be 1 or more; got 0"),
        ({"executor": "ray", "address": "127.0.0.1:9"}, SpecError, "says: .*Connection refused"),
        ({"executor": "ray", "address": "x.invalid:1"}, SpecError, "cluster at x.invalid:1 of the"),
        ({"executor": "ray", "address": "127.0.0.1:x"}, SpecError, "Compare ray --version on both"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_starts(submissions, tmp_path, how, error, words):
    if how.get("executor") == "ray" and "address" in how:
        pytest.importorskip("ray", reason="Ray is an extra: pip install 'tailmark[ray]'")
    with pytest.raises(error, match=words):
        sha256(submissions, tmp_path, **how)
    assert not list(tmp_path.iterdir())


def test_a_node_gets_what_is_set_here_and_folders_as_absolute_paths(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TAILMARK_READING_THREADS", raising=False)
    monkeypatch.setenv("TAILMARK_BATCH_SIZE", "7")
    monkeypatch.setenv("TAILMARK_DATA", "here/data")
    monkeypatch.setenv("SECRET", "kept")
    said = on_ray._said()
    assert said["TAILMARK_BATCH_SIZE"] == "7" and said["TAILMARK_READING_THREADS"] == "1"
    assert said["TAILMARK_DATA"] == str(tmp_path / "here" / "data")
    assert "SECRET" not in said
    monkeypatch.setenv("TAILMARK_READING_THREADS", "3")
    assert on_ray._said()["TAILMARK_READING_THREADS"] == "3"


class FakeRay:
    """A cluster that accepts jobs and never does one; its nodes leave after the first look."""

    def __init__(self, cpus: list[int], error: Exception | None = None) -> None:
        self.cpus, self.error = cpus, error

    def is_initialized(self) -> bool:
        return False

    def init(self, **how) -> None:
        if self.error is not None:
            raise self.error

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": self.cpus.pop(0)}

    def remote(self, function):
        return self

    def options(self, **how):
        class Task:
            remote = staticmethod(lambda work, job: object())

        return Task

    def wait(self, futures, **how):
        return [], futures

    def cancel(self, future, force):
        return None

    def shutdown(self) -> None:
        return None


@pytest.fixture
def cluster(monkeypatch):
    """Put a fake in Ray's place; its second and later answers count nothing that is done."""

    def put(fake: FakeRay) -> None:
        monkeypatch.setitem(sys.modules, "ray", fake)
        monkeypatch.setattr(on_ray, "find_spec", lambda name: True)
        monkeypatch.setattr(on_ray, "PATIENCE", 0.0)

    return put


@pytest.mark.parametrize(
    ("fake", "words"),
    [
        (FakeRay([0]), "takes one CPU of a Ray cluster; this one has none"),
        (
            FakeRay([], RuntimeError("Version mismatch: The cluster was started with:\n Ray: 1")),
            "connecting says: Version mismatch: The cluster was started with:",
        ),
    ],
)
def test_a_cluster_without_a_cpu_or_of_another_version_is_refused(
    submissions, tmp_path, cluster, fake, words
):
    cluster(fake)
    with pytest.raises(SpecError, match=words):
        sha256(submissions, tmp_path, executor="ray")
    assert not list(tmp_path.iterdir())


def test_jobs_whose_nodes_are_lost_for_good_fail_instead_of_waiting_for_ever(
    submissions, tmp_path, cluster
):
    cluster(FakeRay([1, 1, 0]))
    (made,) = harness.run(
        "quick", cells=CELLS, seeds=[0], submissions=submissions, store=tmp_path, executor="ray"
    )
    assert [job.status for job in made.record.jobs] == ["failed"] * 2
    assert "no node that could do it is left. Run the same" in made.record.jobs[0].error

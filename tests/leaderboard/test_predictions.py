"""Predictions that visitors hand in: scored as the command scores them, refused when hostile."""

import io

import numpy as np
import pytest
from typer.testing import CliRunner

from harness.cli.app import app
from harness.data.suites.open import open_suite
from harness.errors import HarnessError, SpecError
from harness.records.records import read_record
from leaderboard import predictions
from leaderboard.predictions import NAME, scored

SUITE = "digits-v1"


@pytest.fixture(scope="module")
def suite():
    opened = open_suite(SUITE)
    return opened.suite.cells, opened.suite.seeds


def npz(**arrays):
    held = io.BytesIO()
    np.savez(held, **arrays)
    return held.getvalue()


def logits(rows=481, classes=8):
    return np.random.default_rng(0).normal(size=(rows, classes)).astype(np.float32)


def test_predictions_become_the_record_that_the_command_writes(suite, tmp_path, monkeypatch):
    cells, seeds = suite
    job = f"{cells[1]}-s{seeds[0]}"
    found = scored({f"{job}.npz": npz(logits=logits())}, SUITE, cells, seeds)
    assert found.path is None
    given = tmp_path / "given" / job
    given.mkdir(parents=True)
    (given / "test.npz").write_bytes(npz(logits=logits()))
    where = ["--submissions", str(tmp_path / "entries")]
    run = CliRunner().invoke
    source = ["--kind", "predictions", "--from", str(tmp_path / "given")]
    assert run(app, ["new", NAME, *source, *where]).exit_code == 0
    done = run(app, ["run", NAME, "-s", SUITE, "--cell", cells[1], "--seed", str(seeds[0]),
                     "--no-track", *where, "--store", str(tmp_path / "store")])  # fmt: skip
    assert done.exit_code == 0, done.output
    own = read_record(tmp_path / "store" / "records" / NAME / "results" / f"{SUITE}.json")
    assert found.record.variants[""].metrics == own.record.variants[""].metrics
    assert set(found.arrays) == set(own.arrays)
    for name, array in own.arrays.items():
        np.testing.assert_array_equal(found.arrays[name], array)
    assert found.record.facets["extra_data"] == "none"  # the row stands among the others


@pytest.mark.parametrize(
    "name",
    [
        "../digits-exp10-clean-s0.npz",
        "/etc/passwd",
        "digits-exp10-clean-s0.pkl",
        "digits-exp10-clean-s0.npz.npz",
        "digits-exp10-clean.npz",
        "digits-exp10-clean-s99.npz",
        "cifar10-exp10-clean-s0.npz",
        "<b>-s0.npz",
        "x" * 500 + "-s0.npz",
        "-s0.npz",
    ],
)
def test_a_name_that_says_no_cell_and_seed_is_refused_before_anything_is_written(
    suite, monkeypatch, name
):
    monkeypatch.setattr(predictions, "_scored", lambda *_: pytest.fail("it was written"))
    with pytest.raises(SpecError, match="Rename the file"):
        scored({name: b""}, SUITE, *suite)


def test_too_many_and_too_large_files_are_refused(suite, monkeypatch):
    name = f"{suite[0][0]}-s{suite[1][0]}.npz"
    monkeypatch.setattr(predictions, "_scored", lambda *_: pytest.fail("it was written"))
    monkeypatch.setattr(predictions, "MOST_BYTES", 10)
    for files in ({}, {name: b"x" * 11}, {f"{i}{name}": b"" for i in range(65)}):
        with pytest.raises(SpecError, match="Expected 1 to 64 files"):
            scored(files, SUITE, *suite)


def test_python_objects_are_refused_in_a_sentence_without_a_folder(suite):
    thing = np.empty(1, dtype=object)
    thing[0] = print
    job = f"{suite[0][0]}-s{suite[1][0]}"
    with pytest.raises(HarnessError, match=r"test\.npz") as caught:
        scored({f"{job}.npz": npz(logits=thing)}, SUITE, *suite)
    assert "Traceback" not in str(caught.value)
    assert "tailmark-predictions-" not in str(caught.value)


def test_one_job_as_npz_and_csv_is_refused(suite):
    job = f"{suite[0][0]}-s{suite[1][0]}"
    with pytest.raises(SpecError, match="there as npz and as csv"):
        scored({f"{job}.npz": b"", f"{job}.csv": b""}, SUITE, *suite)

"""Running: the same from Python, interrupted and resumed, kept and rebuilt."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import harness
from harness.errors import SpecError
from harness.runs.evidence import read_index
from harness.types import Output

ROOT = Path(__file__).resolve().parent.parent.parent
CELLS = ["digits-exp10-clean"]


class Constant:
    """A model that always says class 0."""

    num_classes = 8
    preprocessing = None

    def __call__(self, inputs: np.ndarray) -> Output:
        values = np.zeros((len(inputs), self.num_classes), dtype=np.float32)
        values[:, 0] = 5
        return Output("logits", values)


class Wrong(Constant):
    num_classes = 5


def fit_constant(train, ctx):
    """A trainer in memory; it must not see clean labels."""
    assert not hasattr(train, "clean")
    return Constant()


@pytest.mark.parametrize("given", [Constant(), fit_constant])
def test_an_object_from_a_notebook_is_scored(given):
    results = harness.run(given, suite="digits-v1", cells=CELLS, seeds=[0])
    metrics = results[0].record.variants[""].metrics
    assert metrics["test/balanced_accuracy"][1][0] == pytest.approx(1 / 8)
    assert results[0].record.produced_by == "given"


def test_a_model_with_other_classes_is_refused():
    with pytest.raises(SpecError, match="has 8 classes; the model has 5"):
        harness.run(Wrong(), suite="digits-v1", cells=CELLS, seeds=[0])


@pytest.fixture
def entry(tmp_path):
    folder = tmp_path / "submissions" / "quick"
    folder.mkdir(parents=True)
    (folder / "entry.toml").write_text(
        'format = 1\nname = "quick"\nkind = "method"\n[method]\ntrainer = "nearest-mean"\n'
    )
    return {"store": tmp_path / "store", "submissions": tmp_path / "submissions"}


def test_results_turn_into_a_table_and_a_figure(entry):
    results = harness.run("quick", cells=CELLS, processes=1, **entry)
    frame = results.frame()
    assert list(frame.columns) == ["entry", "variant", "cell", "seed", "metric", "value"]
    row = frame.query("metric == 'test/accuracy' and seed == 0 and variant == ''")
    assert row.value.dropna().between(0, 1).all()
    assert results.plot().get_axes()


def test_the_record_names_the_evidence_it_stands_on(entry):
    results = harness.run("quick", cells=CELLS, processes=1, **entry)
    keys = read_index(entry["store"], "quick", "digits-v1")
    job = results[0].record.jobs[0]
    assert set(keys["1/0"]) == set(job.evidence) >= {"train", "test", "ood/near/digits89"}


def test_a_training_set_never_holds_clean_labels():
    from harness.data.suites.open import open_suite

    opened = open_suite("digits-v1")
    split = opened.split("digits-balanced-symmetric0.4", 0)
    train = opened.training_data(split)
    np.testing.assert_array_equal(train.observed, split.observed)
    arrays = [v for v in vars(train).values() if isinstance(v, np.ndarray)]
    assert not any(np.array_equal(a, split.clean) for a in arrays)


def slow_entry(entry) -> list[str]:
    (entry["submissions"] / "slow").mkdir()
    (entry["submissions"] / "slow" / "entry.toml").write_text(
        'format = 1\nname = "slow"\nkind = "method"\n[method]\n'
        'trainer = "cross-entropy"\nrecipe = "small-cnn"\noverrides = {epochs = 3}\n'
    )
    command = [sys.executable, "-m", "harness.cli.app", "run", "slow", "--no-track"]
    return command + ["--store", str(entry["store"]), "--submissions", str(entry["submissions"])]


def attended() -> None:
    """Take Ctrl-C, which a shell that starts the tests in the background turns off."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_an_interrupted_run_keeps_what_is_done_and_goes_on(entry):
    command = [*slow_entry(entry), "-j", "1", "--features-budget", "0"]
    running = subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
        preexec_fn=attended,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while not list(entry["store"].glob("jobs/*/*/meta.json")):
        assert time.monotonic() < deadline and running.poll() is None
        time.sleep(0.1)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "Run the same command to go on" in said and "Traceback" not in said
    kept = len(list(entry["store"].glob("models/*/*/meta.json")))
    assert 1 <= kept < 24
    assert not list(entry["store"].glob("records/slow"))
    evidence = len(list(entry["store"].glob("evidence/*/*/meta.json")))
    features = len(list(entry["store"].glob("evidence/*/*/features.npz")))
    assert features <= 1 < evidence  # the budget holds from one pool to the next
    results = harness.run("slow", cells=["digits-balanced-clean"], seeds=[0], processes=1, **entry)
    assert all(job.status == "done" for job in results[0].record.jobs)


def test_a_run_of_which_nothing_was_done_leaves_no_record(tmp_path):
    folder = tmp_path / "submissions" / "empty"
    folder.mkdir(parents=True)
    (folder / "entry.toml").write_text(
        'format = 1\nname = "empty"\nkind = "predictions"\n[predictions.files]\n'
    )
    places = {"store": tmp_path / "store", "submissions": tmp_path / "submissions"}
    results = harness.run("empty", cells=CELLS, seeds=[0], processes=1, **places)
    assert [job.status for job in results[0].record.jobs] == ["failed"]
    assert not (tmp_path / "store" / "records").exists()


def test_a_warning_of_a_methods_library_is_told_once_for_all_its_jobs(tmp_path, capfd):
    folder = tmp_path / "submissions" / "hasty"
    folder.mkdir(parents=True)
    (folder / "entry.toml").write_text(
        'format = 1\nname = "hasty"\nkind = "method"\n'
        '[method]\ntrainer = "logistic-regression"\noverrides = { max_iter = 1 }\n'
    )
    told = []
    where = {"submissions": folder.parent, "store": tmp_path / "store", "processes": 1}
    harness.run("hasty", cells=CELLS, seeds=[0, 1], told=told.append, **where)
    (sentence,) = told
    assert sentence.startswith("hasty warns: lbfgs failed to converge after 1 iteration(s)")
    assert sentence.endswith("(ConvergenceWarning).")
    assert "ConvergenceWarning" not in capfd.readouterr().err

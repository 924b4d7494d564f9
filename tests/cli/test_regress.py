"""``tailmark regress`` and ``power`` on the committed records, as docs/regression.md says."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "regression.md").read_text(encoding="utf-8")
SUBMISSIONS = ("--submissions", str(ROOT / "submissions"))
EXAMPLES = re.findall(r"^\$ tailmark (.+?) +# exit code (\d)$", PAGE, flags=re.MULTILINE)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One store for all tests: what reading the records gave is kept in it."""
    return tmp_path_factory.mktemp("store")


@pytest.fixture
def tailmark(tailmark, shared, monkeypatch):
    monkeypatch.setenv("TAILMARK_HOME", str(shared))
    return tailmark


@pytest.mark.parametrize(("command", "code"), EXAMPLES)
def test_the_examples_end_with_the_exit_codes_of_the_page(tailmark, command, code):
    answer = tailmark(*shlex.split(command), *SUBMISSIONS)
    assert answer.code == int(code), answer.err


def test_all_three_answers_are_on_the_page():
    assert sorted(code for _, code in EXAMPLES) == ["0", "1", "3"]


def test_the_plan_of_the_page_names_seeds(tailmark):
    answer = tailmark("power", "cnn-ce", "cnn-la", "cnn-bs", "--detect", "0.01", *SUBMISSIONS)
    assert answer.code == 0
    assert "mean over cells" in answer.out and "not by seeds" in answer.out


BAD = [
    (("regress", "nobody", "--against", "prior"), "nobody"),
    (("regress", "prior", "--against", "nobody"), "nobody"),
    (("regress", "prior", "--against", "nearest-mean", "--margin", "-1"), "margin"),
    (("regress", "prior", "--against", "nearest-mean", "--cell", "typo"), "typo"),
    (("regress", "prior", "--against", "nearest-mean", "--metric", "typo"), "typo"),
    (("regress", "prior", "--against", "nearest-mean", "--suite", "nothing-v1"), "Known: none"),
    (("regress", "prior", "--against", "missing.json"), "missing.json"),
    (("regress", "prior"), "against"),
    (
        ("regress", "prior", "--against", "majority", "--until-settled", "--max-seeds", "2"),
        "least 3",
    ),
    (("regress", "nobody", "--against", "prior", "--until-settled"), "nobody"),
    (("regress", "prior", "--against", "nearest-mean", "--format", "yaml"), "yaml"),
    (("power", "--detect", "0"), "above 0"),
    (("power", "--detect", "nan"), "above 0"),
    (("power", "nobody", "--detect", "0.1"), "nobody"),
    (("power", "--detect", "0.1", "--cell", "typo"), "typo"),
]


@pytest.mark.parametrize(("arguments", "said"), BAD, ids=lambda value: " ".join(value)[:40])
def test_a_mistake_is_one_sentence_and_exit_code_2(tailmark, arguments, said):
    answer = tailmark(*arguments, *SUBMISSIONS)
    assert answer.code == 2
    assert said in answer.err
    assert "Traceback" not in answer.err


def test_costs_are_in_digits(tailmark):
    answer = tailmark("regress", "cnn-la", "--against", "cnn-ce", *SUBMISSIONS)
    assert "Parameters: 38,328 against 38,328." in answer.out
    assert not re.search(r"\de[+-]\d", answer.out)


def test_a_kept_record_without_its_arrays_says_which_two_files_belong_together(tailmark, tmp_path):
    kept = tmp_path / "digits-v1.json"
    kept.write_bytes((ROOT / "submissions/cnn-ce/results/digits-v1.json").read_bytes())
    answer = tailmark("regress", "cnn-la", "--against", str(kept), *SUBMISSIONS)
    assert answer.code == 2 and f"arrays at {kept.with_suffix('.npz')}" in answer.err
    assert "copy both" in answer.err


def test_a_local_side_that_was_never_run_says_what_to_run(tailmark):
    answer = tailmark("regress", "cnn-la@local", "--against", "cnn-la@committed", *SUBMISSIONS)
    assert answer.code == 2
    assert "Run: tailmark run cnn-la --suite digits-v1" in answer.err


def test_seeds_are_added_until_the_answer_stands(tailmark):
    """Three seeds settle what is far apart, and what is equal to the last digit."""
    cell = ("-c", "digits-exp10-clean", "--until-settled", "--max-seeds", "4", *SUBMISSIONS)
    worse = tailmark("regress", "prior", "--against", "nearest-mean", *cell)
    assert worse.code == 1, worse.err
    assert worse.err.splitlines() == ["3 seeds: regression"]
    same = tailmark("regress", "nearest-mean", "--against", "nearest-mean", "-m", "ece", *cell)
    assert same.code == 0 and same.err.splitlines() == ["3 seeds: no regression"]


def repository(folder):
    """A repository whose tag ``old`` holds cnn-ce's record, and whose tree does not."""
    entry = folder / "submissions" / "cnn-ce"
    shutil.copytree(ROOT / "submissions/cnn-ce", entry)
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    for words in (["init"], ["add", "."], ["commit", "-m", "one"], ["tag", "old"]):
        subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)
    (entry / "results/digits-v1.json").unlink()
    return ("--submissions", str(folder / "submissions"))


def test_a_side_may_be_a_revision_of_the_repository(tailmark, tmp_path):
    there = repository(tmp_path / "clone")
    same = tailmark("regress", "cnn-ce@old", "--against", "cnn-ce@HEAD", *there)
    assert same.code == 0, same.err
    variant = tailmark("compare", "cnn-ce+la@old", "cnn-ce@old", *there)
    assert variant.code == 0 and "cnn-ce+la@old against cnn-ce@old" in variant.out
    for name, words in {
        "cnn-ce@nothing": "No revision named 'nothing'",
        "cnn-ce@--output=x": "No revision named",
        "cnn-xx@old": "cnn-xx has no record of digits-v1 at old",
        "cnn-ce+zz@old": "No variant named 'zz'",
    }.items():
        wrong = tailmark("regress", name, "--against", "cnn-ce@old", *there)
        assert wrong.code == 2 and words in wrong.err, name


def test_a_side_may_be_an_mlflow_run_or_a_model_version(tailmark, tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    from harness import load_record
    from harness.tracking.mirror import mirror

    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    run = mirror(load_record(ROOT / "submissions/nearest-mean/results/digits-v1.json"), uri=uri)
    client = mlflow.MlflowClient(uri)
    client.create_registered_model("mine")
    client.create_model_version("mine", source=str(tmp_path))
    client.set_model_version_tag("mine", "1", "tailmark.digits-v1.run", run)
    client.set_registered_model_alias("mine", "best", "1")
    for name in (f"runs:/{run}", "models:/mine/1", "models:/mine@best"):
        answer = tailmark("regress", "prior", "--against", name, *SUBMISSIONS)
        assert answer.code == 1 and f"prior against {name} on digits-v1" in answer.out, answer.err
    for name, words in {
        "runs:/nothing": "Expected a record of digits-v1",
        "runs:x": "runs:/<run id>",
        "models:/mine/9": "No model version named",
        "models:/other@best": "No model version named",
    }.items():
        wrong = tailmark("regress", "prior", "--against", name, *SUBMISSIONS)
        assert wrong.code == 2 and words in wrong.err, (name, wrong.err)
    unmeasured = tailmark(
        "regress", "prior", "--against", "models:/mine/1", "--suite", "fashion-v1", *SUBMISSIONS
    )
    assert unmeasured.code == 2 and "was not measured on fashion-v1" in unmeasured.err

"""tailmark data on the command line."""

import pytest
from typer.testing import CliRunner

from harness.cli.data import app
from harness.data.sets.datasets import DATASETS
from harness.data.suites.manifest import FOLDER
from harness.errors import DataError, UnknownNameError


def run(*words: str, code: int = 0):
    """Run ``tailmark data <words>`` and return what it did."""
    done = CliRunner().invoke(app, list(words))
    assert done.exit_code == code, done.output
    return done


def test_list_names_every_data_set_and_says_which_are_here(tmp_path):
    (tmp_path / "MNIST" / "raw").mkdir(parents=True)
    (tmp_path / "MNIST" / "raw" / "t10k-labels-idx1-ubyte").write_bytes(b"x")
    lines = run("list", "--data-root", str(tmp_path)).output.splitlines()
    here = {line.split()[0]: line.split()[2] for line in lines if len(line.split()) > 3}
    assert (here["digits"], here["mnist"], here["cifar10"]) == ("embedded", "yes", "no")
    assert set(here) >= set(DATASETS)  # piped: one line per data set, however long


def test_verify_ends_with_an_error_when_anything_is_not_as_published(tmp_path):
    assert "good  digits  all: 1,797 rows" in run("verify", "digits").output
    folder = tmp_path / "mnist"
    folder.mkdir()
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(b"<html>")
    done = run("verify", "mnist", "--data-root", str(tmp_path), code=1)
    assert isinstance(done.exception, DataError)
    assert "BAD   mnist" in done.output and "expected md5:ec29112d" in done.output


def test_a_manifest_made_anew_is_compared_with_the_committed_one(tmp_path):
    output = tmp_path / "m.json"
    done = run("manifest", "digits-v1", "--output", str(output))
    assert "The same as the committed manifest of digits-v1." in done.stderr
    assert output.read_text() == (FOLDER / "digits-v1.json").read_text()


def test_an_unknown_data_set_names_the_closest(tmp_path):
    done = run("prepare", "minst", "--data-root", str(tmp_path), code=1)
    assert isinstance(done.exception, UnknownNameError)
    with pytest.raises(UnknownNameError, match="Did you mean 'mnist'"):
        raise done.exception


def test_a_table_of_ones_own_is_prepared_listed_and_verified(tmp_path):
    lines = [f"{i},{'ab'[i % 2]},{'yn'[i % 3 == 0]}" for i in range(12)]
    (tmp_path / "mine.csv").write_text("\n".join(lines) + "\n")
    words = ("prepare", f"table:{tmp_path / 'mine.csv'}", "--no-header", "--target", "c3")
    assert "table_mine: 2 classes" in run(*words, "--data-root", str(tmp_path)).output
    listed = run("list", "--data-root", str(tmp_path)).output
    assert [line.split()[:3] for line in listed.splitlines() if "table_mine" in line] == [
        ["table_mine", "2", "yes"]
    ]
    assert "Never had whole by this project" in listed
    done = run("verify", "--data-root", str(tmp_path)).output
    assert "good  table_mine  all: 12 rows" in done


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("show digits-v1 --seed -1", "should be greater than or equal to 0"),
        ("duplicates digits-v1 --min-correlation 2", "should lie in 0 to 1; got 2"),
        ("duplicates digits-v1 --min-correlation nan", "should lie in 0 to 1; got nan"),
        ("duplicates digits-v1 --list -3", "should be greater than or equal to 0"),
    ],
)
def test_a_number_that_means_nothing_is_refused(tailmark, words, sentence):
    answer = tailmark("data", *words.split())
    assert answer.code == 2 and sentence in answer.err

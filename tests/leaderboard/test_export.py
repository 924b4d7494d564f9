"""What the board shows can be had as files, with the numbers of the ranking."""

import pandas as pd
import pytest

from harness.rankings.ranking import rank_suite
from leaderboard.export import main
from tests.leaderboard.made import CELLS, FIELD, write_field


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_field(tmp_path_factory.mktemp("submissions"))


def test_every_table_is_written_with_the_rankings_numbers(root, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TAILMARK_SUBMISSIONS", str(root))
    monkeypatch.delenv("TAILMARK_LOCAL", raising=False)
    assert main(str(tmp_path)) == 0
    named = capsys.readouterr().out.splitlines()
    names = ["rankings", "cells", "metrics", "curves", "reliability", "confusion", "recalls"]
    files = [tmp_path / "digits-v1" / f"{n}.csv" for n in names]
    beside = [tmp_path / f"{n}.csv" for n in ("left_out", "conformance", "claims")]
    assert named == [f"Written: {p}" for p in (*files, *beside)]
    rankings = pd.read_csv(files[0])
    first = rank_suite("digits-v1", roots=[root]).rows[0]
    line = rankings[rankings["metric"] == "test/balanced_accuracy"].iloc[0]
    assert (line["name"], line["value"]) == (first.name, pytest.approx(first.value))
    metrics = pd.read_csv(files[2])
    assert list(metrics.columns[3:]) == list(CELLS)
    broken = metrics[(metrics["entry"] == "broken") & (metrics["metric"] == "test/nll")].iloc[0]
    assert pd.isna(broken[CELLS[-1]])
    assert not pd.isna(broken[CELLS[0]])
    assert len(pd.read_csv(tmp_path / "conformance.csv")) == 254


def test_a_damaged_record_leaves_its_entry_out_by_name(tmp_path, monkeypatch):
    root = write_field(tmp_path / "submissions")
    (root / "cnn-bs" / "results" / "digits-v1.json").write_text("{")
    monkeypatch.setenv("TAILMARK_SUBMISSIONS", str(root))
    monkeypatch.delenv("TAILMARK_LOCAL", raising=False)
    assert main(str(tmp_path / "out")) == 0
    lost = pd.read_csv(tmp_path / "out" / "left_out.csv")
    assert lost[["suite", "name"]].values.tolist() == [["digits-v1", "cnn-bs"]]
    assert "should be a record" in lost["reason"][0]
    assert str(tmp_path) not in lost["reason"][0]
    rankings = pd.read_csv(tmp_path / "out" / "digits-v1" / "rankings.csv")
    assert set(rankings["name"]) == {*FIELD, "cnn-ce+la"} - {"cnn-bs"}


def test_a_folder_that_cannot_be_written_is_one_sentence_and_status_2(
    root, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("TAILMARK_SUBMISSIONS", str(root))
    (tmp_path / "taken").write_text("")
    assert main(str(tmp_path / "taken")) == 2
    assert capsys.readouterr().err.startswith("tailmark: ")

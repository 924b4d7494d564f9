"""What the board shows can be had as files, with the numbers of the ranking."""

import re
from html import unescape
from urllib.parse import unquote

import pandas as pd
import pytest
from typer.testing import CliRunner

from harness.cli.app import app
from harness.published.references import load_references
from harness.rankings.comparing import compare, surviving
from harness.rankings.display import difference_text, interval_text, value_text
from harness.rankings.field import suite_rows
from harness.rankings.ranking import rank
from leaderboard.export import main, write_all
from leaderboard.frames.headline import headline
from tests.leaderboard.made import CELLS, FIELD, ranked, write_field


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_field(tmp_path_factory.mktemp("submissions"))


@pytest.fixture(scope="module")
def written(root, tmp_path_factory):
    """The exported board, and what the command said."""
    folder = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TAILMARK_SUBMISSIONS", str(root))
        patched.delenv("TAILMARK_LOCAL", raising=False)
        files = write_all(folder)
    return folder, files


def test_every_table_is_written_with_the_rankings_numbers(root, written):
    folder, files = written
    names = ["rankings", "cells", "metrics", "curves", "reliability", "confusion", "recalls"]
    assert {folder / "digits-v1" / f"{n}.csv" for n in names} <= set(files)
    assert {folder / f"{n}.csv" for n in ("left_out", "conformance", "claims")} <= set(files)
    assert all(path.is_file() for path in files)
    rankings = pd.read_csv(folder / "digits-v1" / "rankings.csv")
    first = ranked(root).rows[0]
    line = rankings[rankings["metric"] == "test/balanced_accuracy"].iloc[0]
    assert (line["name"], line["value"]) == (first.name, pytest.approx(first.value))
    metrics = pd.read_csv(folder / "digits-v1" / "metrics.csv")
    assert list(metrics.columns[3:]) == list(CELLS)
    broken = metrics[(metrics["entry"] == "broken") & (metrics["metric"] == "test/nll")].iloc[0]
    assert pd.isna(broken[CELLS[-1]])
    assert not pd.isna(broken[CELLS[0]])
    numbers = sum(len(v) for table in load_references().table for v in table.values.values())
    assert len(pd.read_csv(folder / "conformance.csv")) >= numbers


@pytest.mark.parametrize(("form", "ending"), [("csv", "csv"), ("json", "json"), ("markdown", "md")])
def test_downloads_are_what_the_command_line_writes(root, written, form, ending):
    done = CliRunner().invoke(
        app, ["rank", "--suite", "digits-v1", "--submissions", str(root), "--format", form]
    )
    assert done.exit_code == 0
    assert (written[0] / "digits-v1" / f"ranking.{ending}").read_text() == done.stdout


def test_the_sites_ranking_shows_every_row_with_its_interval(root, written):
    text = (written[0] / "digits-v1" / "index.html").read_text()
    ranking = ranked(root)
    for row in ranking.rows:
        assert f"<b>{value_text(row.value, ranking.key)}</b>" in text
        assert interval_text(row.low, row.high, ranking.key) in text
    assert headline(ranking) in text
    assert "the loss is NaN" in text


def test_every_link_of_the_site_leads_to_a_file(written):
    folder, files = written
    pages = [path for path in files if path.suffix == ".html"]
    assert len(pages) >= 4 + len(FIELD)
    for page in pages:
        for href in re.findall(r"href='(?!https:)([^'#]+)'", page.read_text()):
            target = (page.parent / unquote(unescape(href))).resolve()
            assert target.is_file(), (page.name, href)


def test_the_site_loads_nothing_from_elsewhere(written):
    for page in (path for path in written[1] if path.suffix == ".html"):
        text = page.read_text()
        assert not re.search(r"(src=|<link[^>]*href=).?https?:", text)
        assert "default-src 'none'" in text


def test_an_entrys_page_has_its_cells_and_how_to_redo_it(root, written):
    text = (written[0] / "digits-v1" / "entry-cnn-ce+la.html").read_text()
    found = ranked(root, [CELLS[2]])
    row = next(row for row in found.rows if row.name == "cnn-ce+la")
    assert interval_text(row.low, row.high, found.key) in text
    assert "tailmark run cnn-ce --suite digits-v1" in text


def test_trade_offs_ood_and_compare_are_the_command_lines(root, written):
    folder = written[0] / "digits-v1"
    rows = suite_rows("digits-v1", roots=[root])
    names = [row.name for row in ranked(root).rows]
    pairs = [compare(rows, name, "cnn-ce") for name in names if name != "cnn-ce"]
    text = (folder / "compare.html").read_text()
    for pair, stands in zip(pairs, surviving(pairs), strict=True):
        for one in (pair.overall, *(each for _, each in pair.cells)):
            assert difference_text(one.difference, pair.key) in text
        better = [c for c, each in pair.cells if each.verdict == "better"]
        assert f"<td class='num'>{len(better)} ({sum(stands[c] for c in better)})</td>" in text
    trade = (folder / "trade-offs.html").read_text()
    assert all(f">{name}</a>" in trade for name in names)
    assert "no other beats it in both" in trade
    found = rank(rows, suite="digits-v1", key="ood/near/declared/ood_auroc")
    ood = (folder / "ood.html").read_text()
    assert found.rows
    for row in found.rows:
        assert f"<td class='num'>{interval_text(row.low, row.high, found.key)}</td>" in ood


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

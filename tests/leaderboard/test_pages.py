"""The pages run, say what the ranking says, and keep the choice in the address."""

from pathlib import Path

import pytest

pytest.importorskip("streamlit")

from streamlit.testing.v1 import AppTest

from tests.leaderboard.made import CELLS, write_field

VIEWS = Path(__file__).resolve().parents[2] / "leaderboard" / "views"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_field(tmp_path_factory.mktemp("submissions"))


@pytest.fixture
def opened(root, monkeypatch):
    """Open a page on the made-up field, with query parameters."""
    monkeypatch.setenv("TAILMARK_SUBMISSIONS", str(root))
    monkeypatch.delenv("TAILMARK_LOCAL", raising=False)

    def open_page(name: str, **query: str) -> AppTest:
        app = AppTest.from_file(str(VIEWS / f"{name}.py"), default_timeout=120)
        for key, value in query.items():
            app.query_params[key] = value
        app.run()
        assert not app.exception
        return app

    return open_page


def words(app: AppTest) -> str:
    kinds = (app.markdown, app.caption, app.warning, app.info, app.error)
    return "\n".join(str(element.value) for kind in kinds for element in kind)


def test_the_ranking_names_its_metric_and_what_is_not_ranked(opened):
    app = opened("ranking")
    assert "**Balanced accuracy** on **digits-v1**" in words(app)
    assert app.dataframe[0].value["entry"].tolist() == ["broken"]
    assert "tailmark rank --suite digits-v1" in words(app)


def test_another_metric_ranks_anew_and_stands_in_the_address(opened):
    app = opened("ranking")
    app.selectbox(key="widget-metric").set_value("test/nll").run()
    assert "lower is better" in words(app)
    assert "test/nll" in app.query_params["metric"]


def test_a_link_opens_the_page_it_was_made_from(opened):
    app = opened("entry", suite="digits-v1", entry="cnn-ce+la", cell=CELLS[2])
    assert app.title[0].value == "cnn-ce+la"
    assert app.selectbox(key="widget-cell").value == CELLS[2]


def test_a_link_to_nothing_says_so(opened):
    assert "no entry named 'nobody'" in words(opened("entry", entry="nobody"))


def test_an_entry_shows_value_interval_and_how_to_redo_it(opened):
    app = opened("entry", entry="cnn-bs")
    assert "95 % interval over seeds and test set" in words(app)
    assert "tailmark run cnn-bs --suite digits-v1" in app.code[0].value
    assert [m.label for m in app.metric] == ["Rank", "Tie class", "Tier"]


def test_an_entry_without_a_value_says_why(opened):
    app = opened("entry", entry="broken")
    assert "No overall value" in words(app)


def test_the_cells_page_shows_differences_on_demand(opened):
    app = opened("cells")
    app.button_group[0].set_value(["differences to class A"]).run()
    assert not app.exception


def test_the_terminal_command_reads_the_same_folders(opened, monkeypatch, root):
    assert "--track open`" in words(opened("ranking"))
    monkeypatch.setenv("TAILMARK_LOCAL", str(root))
    assert "--track open --with-local`" in words(opened("ranking"))
    monkeypatch.setenv("TAILMARK_SUBMISSIONS", "")
    assert "--track open --local`" in words(opened("ranking"))


def test_no_records_say_what_to_run(opened, monkeypatch, tmp_path):
    monkeypatch.setenv("TAILMARK_SUBMISSIONS", str(tmp_path))
    assert "tailmark run --suite digits-v1" in words(opened("ranking"))


def test_a_damaged_record_is_a_sentence_not_a_traceback(opened, monkeypatch, tmp_path):
    broken = write_field(tmp_path) / "logreg" / "results" / "digits-v1.json"
    broken.write_text(broken.read_text().replace("0.", "0.1", 1))
    monkeypatch.setenv("TAILMARK_SUBMISSIONS", str(tmp_path))
    assert "edited or damaged" in words(opened("ranking"))

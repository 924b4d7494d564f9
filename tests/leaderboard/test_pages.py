"""The pages run, say what the ranking says, and keep the choice in the address."""

import re
import shutil
from pathlib import Path

import pytest

pytest.importorskip("streamlit")

from streamlit.testing.v1 import AppTest

from harness.published.claims import STATES
from harness.published.conformance import VERDICTS
from harness.rankings.comparing import compare, survival_text, surviving
from harness.rankings.display import difference_text, interval_text
from harness.rankings.field import suite_rows
from harness.rankings.stability import order_stability
from harness.records.records import write_record
from leaderboard.frames.calibration import most_to_see
from leaderboard.frames.headline import headline
from leaderboard.markup.cells import FORMS
from tests.leaderboard.made import (
    CELLS,
    FIELD,
    made,
    note,
    ranked,
    write_conforming,
    write_elsewhere,
    write_field,
    write_worlds,
)

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


def test_the_ranking_names_its_metric_and_what_is_not_ranked(opened, root):
    app = opened("ranking")
    assert "**Balanced accuracy**, higher is better" in words(app)
    assert re.search(r"<a href='[^']*entry=broken'", html(app))
    assert app.title[0].value == headline(ranked(root))
    assert "tailmark rank --suite digits-v1" in words(app)


def test_chosen_cells_are_another_field_that_an_incomplete_entry_is_in(opened):
    app = opened("ranking")
    picker = next(m for m in app.multiselect if m.label == "Cells")
    picker.set_value([CELLS[0]]).run()
    assert "one cell × 3 seeds" in words(app)
    assert "6 ranked, 0 not" in words(app)  # `broken` lacks another cell, and is ranked now
    assert CELLS[0] in app.query_params["cells"]
    linked = opened("ranking", cells=CELLS[1])
    assert "one cell × 3 seeds" in words(linked)


def test_another_metric_is_another_ranking_and_stands_in_the_address(opened):
    app = opened("ranking")
    app.selectbox(key="in-address-metric").set_value("test/nll").run()
    assert "lower is better" in words(app)
    assert "test/nll" in app.query_params["metric"]


def test_a_link_opens_the_page_it_was_made_from(opened):
    app = opened("entry", suite="digits-v1", entry="cnn-ce+la", cell=CELLS[2])
    assert app.title[0].value == "cnn-ce+la"
    assert app.selectbox(key="in-address-cell").value == CELLS[2]


def test_a_link_to_nothing_says_so(opened):
    app = opened("entry", entry="nobody")
    assert "There is no entry “nobody” in digits-v1" in words(app)
    assert app.selectbox(key="in-address-entry").value is None
    assert [title.value for title in app.title] == ["Entry"]


def test_a_link_without_its_suite_leads_to_those_that_have_the_entry(opened, monkeypatch, tmp_path):
    root = write_field(tmp_path)
    write_elsewhere(root, "guest", "tabular-v1")
    monkeypatch.setenv("TAILMARK_SUBMISSIONS", str(root))
    for page in ("entry", "calibration", "ood"):
        app = opened(page, entry="guest")
        assert "There is no entry “guest” in digits-v1" in words(app)
        assert "<a href='?suite=tabular-v1&amp;entry=guest'" in html(app)
    app = opened("entry", suite="tabular-v1", entry="guest")
    assert app.title[0].value == "guest"
    assert "has a row in" not in html(opened("entry", entry="nobody"))


def test_an_entry_shows_value_interval_and_how_to_redo_it(opened):
    app = opened("entry", entry="cnn-bs")
    assert "95 % interval over seeds and test set" in words(app)
    assert "tailmark run cnn-bs --suite digits-v1" in app.code[0].value
    assert [m.label for m in app.metric] == ["Rank", "Tie class", "Tier"]


def test_an_entry_without_a_value_says_why(opened):
    app = opened("entry", entry="broken")
    assert "No overall value" in words(app)


def html(app: AppTest) -> str:
    return "\n".join(str(element.proto.body) for element in app.get("html"))


def test_rows_are_found_by_facet_and_the_others_keep_their_place(opened):
    whole = html(opened("ranking"))
    app = opened("ranking", find="majority")
    assert "1 of 5 rows shown" in words(app)
    assert "majority" in html(app) and "cnn-bs" not in html(app)
    assert "cnn-bs" in whole
    app.text_input(key="in-address-find").set_value("nothing like it").run()
    assert "No row has all of that" in words(app)
    assert "nothing like it" in app.query_params["find"]


def test_other_metrics_stand_beside_with_their_own_classes(opened):
    app = opened("ranking")
    also = next(m for m in app.multiselect if m.label == "Also show")
    also.set_value(["test/nll"]).run()
    assert not app.exception
    assert ">Negative log-likelihood</th>" in html(app)
    assert "class A" in html(app)


@pytest.mark.parametrize("form", FORMS)
def test_the_cells_page_shows_every_form(opened, form):
    app = opened("cells", show=form)
    assert "cnn-ce+la" in html(app)
    assert "--track open --cell CELL`" in words(app)


def test_the_cells_page_can_be_ordered_and_searched(opened):
    app = opened("cells", order=CELLS[1], find="cnn-")
    names = re.findall(r"<th scope='row'><a [^>]*>([^<]*)</a>", html(app))
    assert set(names) == {"cnn-ce", "cnn-ce+la", "cnn-bs"}
    app = opened("cells", order="name")
    names = re.findall(r"<th scope='row'><a [^>]*>([^<]*)</a>", html(app))
    assert names == sorted(names)
    assert "No entry has" in words(opened("cells", find="zzz"))


def linked_rows(app: AppTest) -> list[str]:
    return re.findall(r"<a href='entry[^>]*>([^<]*)</a>", html(app))


def test_trade_offs_say_when_no_entry_has_both(opened):
    app = opened("trade", x="test/nll", y="test/balanced_accuracy", where=CELLS[1])
    assert len(linked_rows(app)) == 6
    app = opened("trade", x="test/nll", y="test/ece", where="mean of all cells")
    assert set(linked_rows(app)) == {*FIELD, "cnn-ce+la"}


def test_trade_offs_have_costs_as_axes_and_mark_the_front_in_words(opened):
    app = opened("trade", x="cost/train_seconds", y="test/balanced_accuracy", where=CELLS[1])
    assert "training, seconds per run, on a log scale." in words(app)
    assert html(app).count(">3.2</td>") == 6
    assert html(app).count("no other beats it in both") == 1  # all cost the same


def test_robustness_shows_each_kind_of_shifted_data(opened, monkeypatch, tmp_path):
    assert "No record of digits-v1 was scored on shifted test data" in words(opened("robustness"))
    monkeypatch.setenv("TAILMARK_SUBMISSIONS", str(write_worlds(tmp_path)))
    app = opened("robustness")
    assert "covariate/severity-3/balanced_accuracy" in html(app)
    app = opened("robustness", copies="severity 3", form="changes from the test pool as it is")
    assert "−10.0" in html(app)
    for world in ("subsampled", "truth", "groups"):
        assert "shifted" in html(opened("robustness", world=world))


def test_conformance_names_every_verdict_and_filters(opened):
    app = opened("conformance")
    assert all(f">{verdict}</span>" in html(app) for verdict in VERDICTS)
    assert re.search(r"\b(\d+) of \1 comparisons", words(app))
    app = opened("conformance", dataset="cifar100", method="ldam-drw", verdict="not run")
    assert '`tailmark conformance --dataset cifar100 --method ldam-drw --verdict "not run"`' in (
        words(app)
    )
    app = opened("conformance", verdict="below")
    assert "No comparison has all three" in words(app)


def test_claims_name_every_state_and_filter(opened):
    app = opened("claims", checked="digits-v1", state="not run")
    assert all(f">{state}</span>" in html(app) for state in STATES)
    assert "no record of cnn-elr" in html(app)
    assert '`tailmark claims --suite digits-v1 --state "not run"`' in words(app)
    assert "No row has both" in words(opened("claims", checked="cifar10-v1", state="holds"))


def test_conformance_says_which_misses_a_filter_hides_and_what_is_damaged(
    opened, monkeypatch, tmp_path
):
    write_conforming(tmp_path)
    (tmp_path / "zz" / "results").mkdir(parents=True)
    (tmp_path / "zz" / "results" / "cifar10-v1.json").write_text("{")
    monkeypatch.setenv("TAILMARK_SUBMISSIONS", str(tmp_path))
    app = opened("conformance", dataset="cifar10", verdict="inside")
    assert re.search(r"\d+ misses \(above or below\) are not among the rows shown", words(app))
    assert "Left out:" in words(app)
    assert "epochs 10 against 200" in html(opened("conformance", verdict="protocol differs"))


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
    app = opened("ranking")
    assert "edited or damaged" in words(app)
    assert "**logreg**" in words(app)
    assert "4 loaded · 1 left out and why" in [e.label for e in app.expander]
    assert str(tmp_path) not in words(app)
    assert "cnn-bs" in html(app)


def test_the_first_page_says_what_the_rankings_of_cells_say(opened, root):
    app = opened("home")
    best = ranked(root, [CELLS[0]]).rows[0]
    assert f"<small>{best.name}</small>" in html(app)
    assert "rank correlation of" in words(app)
    assert "under both at once" in words(app)
    assert html(app).count("class='tm-data'") == 2  # two charts and their numbers, and a map
    assert html(app).count("<caption>Best entry") == 1
    assert [each.value[:2] for each in app.subheader][:3] == ["1.", "2.", "3."]


def test_the_stability_of_an_order_is_the_command_lines(opened, root):
    app = opened("stability", metric="test/nll")
    for each in order_stability(
        suite_rows("digits-v1", roots=[root]), suite="digits-v1", key="test/nll"
    ):
        shown = each.reason if each.tau is None else f"<td class='num'>{each.tau:.3f}</td>"
        assert shown in html(app)
    assert "--metric test/nll --track open --stability" in words(app)


def test_a_comparison_is_the_command_lines(opened, root):
    app = opened("compare", **{"against": "logreg", "with": "cnn-bs"})
    found = compare(suite_rows("digits-v1", roots=[root]), "cnn-bs", "logreg")
    assert f"**{found.overall.verdict}**: " in words(app)
    for _, one in found.cells:
        assert f"<b>{difference_text(one.difference, found.key)}</b>" in html(app)
    assert "tailmark compare cnn-bs logreg --suite digits-v1" in words(app)
    assert survival_text(surviving([found])[0]) in words(app)


def test_entries_that_are_not_comparable_say_why(opened):
    app = opened("compare", **{"against": "logreg", "with": "cnn-ce+la", "metric": "test/ece_null"})
    assert "no stored replicates" in words(app)


def test_a_map_shows_the_best_of_every_cell(opened, root):
    app = opened("map")
    for cell in CELLS:
        first = ranked(root, [cell]).rows[0]
        assert f"<small>{first.name}</small>" in html(app)


def test_a_map_of_one_entry_has_the_command_lines_values(opened, root):
    app = opened("map", map="one entry", entry="logreg")
    for cell in CELLS:
        table = ranked(root, [cell])
        row = next(row for row in table.rows if row.name == "logreg")
        assert interval_text(row.low, row.high, table.key) in html(app)


def test_a_map_of_a_difference_has_the_comparisons_values(opened, root):
    app = opened("map", map="difference of two entries", entry="cnn-bs", against="logreg")
    found = compare(suite_rows("digits-v1", roots=[root]), "cnn-bs", "logreg")
    for _, one in found.cells:
        assert difference_text(one.difference, found.key) in html(app)


def test_calibration_opens_where_there_is_most_to_see(opened, root):
    app = opened("calibration", entry="logreg")
    row = next(r for r in suite_rows("digits-v1", roots=[root]) if r.name == "logreg")
    assert app.selectbox(key="in-address-cell").value == most_to_see(row, CELLS)
    assert "a calibrated model would show 1.8 %" in words(app)
    assert "(null 1.8 %)" in html(app)


def test_ood_shows_the_declared_score_of_every_set(opened, root):
    app = opened("ood", entry="logreg", cell=CELLS[1])
    row = next(r for r in suite_rows("digits-v1", roots=[root]) if r.name == "logreg")
    value = row.recorded.values("", "ood/far/energy/ood_auroc")[1].mean()
    assert f">{100 * value:.1f} %<" in html(app)
    assert "Declared score: **energy**" in words(app)


def test_data_and_about_say_what_is_measured_on_what(opened):
    assert "realised imbalance" in html(opened("data"))
    assert "ood_fpr95" in html(opened("about"))


def test_what_a_submitted_record_claims_beyond_this_machines_stands_in_its_row(
    opened, monkeypatch, root, tmp_path
):
    assert "claimed − measured" not in html(opened("ranking"))
    own = tmp_path / "own"
    shutil.copytree(root / "logreg", own / "logreg")
    note(own / "logreg" / "results" / "digits-v1.json")
    monkeypatch.setenv("TAILMARK_LOCAL", str(own))
    assert html(opened("ranking")).count("claimed − measured") == 1


def test_a_reference_line_is_asked_for_in_the_address(opened):
    assert "class='ref'" not in html(opened("ranking"))
    assert "class='ref'" in html(opened("ranking", line="logreg", zoom="off"))


def test_the_page_of_an_entry_tells_how_to_make_it_again_and_what_records_there_are(opened):
    app = opened("entry", entry="logreg")
    assert "tailmark run logreg --suite digits-v1" in app.code[0].value
    assert "Records of logreg" in html(app)
    assert "Training rows and recall of each class" in html(app)


def test_a_record_that_is_handed_in_is_placed_and_gated(opened, tmp_path):
    path = write_record(made("mine", 0.9), tmp_path)
    app = opened("check", against="cnn-bs")
    assert "A record is two files" in words(app)
    for uploader, file in zip(app.file_uploader, (path, path.with_suffix(".npz")), strict=True):
        uploader.upload(file.name, file.read_bytes(), "application/octet-stream")
    app.run()
    assert not app.exception
    assert "mine (yours)" in html(app)
    assert [x.value for x in app.subheader][1] == "Against cnn-bs: regression"
    app.file_uploader[1].clear().upload("x.npz", b"no", "application/octet-stream").run()
    assert not app.exception
    assert "npz of plain arrays" in words(app)
    assert str(tmp_path) not in words(app)


def test_disagreement_without_predictions_says_what_to_run(opened, monkeypatch, tmp_path):
    monkeypatch.setenv("TAILMARK_HOME", str(tmp_path))
    app = opened("compare", examples="on", **{"with": "cnn-bs"})
    assert "tailmark disagree cnn-bs cnn-ce --suite digits-v1" in words(app)
    assert "the store has none" in words(app)


def test_a_metric_without_replicates_is_ranked_by_value_alone(opened):
    app = opened("ranking", metric="test/ece_null")
    assert "in order of their values alone" in app.title[0].value
    assert "In order of values alone" in html(app)


def test_a_selector_without_options_says_so():
    def script():
        from leaderboard.views import pickers

        pickers.one("x", "Across", [])

    app = AppTest.from_function(script).run()
    assert not app.exception
    assert "There is no across to choose here" in words(app)

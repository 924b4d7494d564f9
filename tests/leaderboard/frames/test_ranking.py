"""Frames of a ranking say what the ranking says."""

import pytest

from harness.rankings.field import candidates
from harness.types import MissingRow, RankedRow, Ranking
from leaderboard.frames.cells import (
    cell_intervals,
    cell_names,
    cells_frame,
    sorted_by,
    with_intervals,
)
from leaderboard.frames.ranking import matching, missing_frame, ranking_frame, standing_texts
from leaderboard.frames.trade import mean_over, trade_frame
from tests.leaderboard.made import CELLS, FIELD, made, ranked, write_field

KEY = "test/balanced_accuracy"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_field(tmp_path_factory.mktemp("submissions"))


@pytest.fixture(scope="module")
def ranking(root) -> Ranking:
    return ranked(root)


def a_row(name: str, tie: int, cells: tuple[float | None, ...]) -> RankedRow:
    kind = "seeds and test set"
    return RankedRow(name, name, 0.5, 0.4, 0.6, kind, 1, 2, tie, cells, "rerun", {"backbone": "x"})


def small(*rows: RankedRow, key: str = KEY, **changes) -> Ranking:
    higher = key == KEY
    return Ranking("s", key, higher, "open", ("d-balanced-clean",), (0,), rows, **changes)


def test_rows_stand_in_the_rankings_order(ranking):
    frame = ranking_frame(ranking)
    assert list(frame["name"]) == [row.name for row in ranking.rows]
    assert set(frame["name"]) == {*FIELD, "cnn-ce+la"}


def test_values_are_kept_and_their_text_is_percent():
    line = ranking_frame(small(a_row("a", 1, (0.5,)))).iloc[0]
    assert (line["value"], line["value_text"]) == (0.5, "50.0 %")
    assert (line["interval_text"], line["rank"], line["tie"]) == ("[40.0, 60.0]", "1–2", "A")


def test_rows_beside_have_no_rank_and_no_class():
    line = ranking_frame(small(beside=(a_row("t", 3, (0.5,)),))).iloc[0]
    assert (line["rank"], line["tie"], line["beside"]) == ("beside", "·", True)


def test_entries_without_a_value_say_what_is_missing(ranking):
    frame = missing_frame(ranking)
    assert list(frame["name"]) == ["broken"]
    assert "the loss is NaN" in frame["missing"][0]


def test_differences_are_to_the_mean_of_the_best_class():
    rows = (a_row("a", 1, (0.9,)), a_row("b", 1, (0.8,)), a_row("c", 2, (0.5,)))
    frame = cells_frame(small(*rows)).set_index("name")
    assert frame.loc["c", "difference"] == pytest.approx(0.5 - 0.85)
    assert frame.loc["c", "difference_text"] == "−35.0"
    assert frame.loc["a", "good"] > 0


def test_good_is_positive_where_lower_is_better():
    rows = (a_row("a", 1, (0.1,)), a_row("b", 2, (0.5,)))
    frame = cells_frame(small(*rows, key="test/nll")).set_index("name")
    assert frame.loc["b", "difference"] > 0 > frame.loc["b", "good"]


def test_an_unranked_entry_keeps_the_cells_that_it_has():
    lost = MissingRow("gone", "one of two", (0.7,))
    frame = cells_frame(small(a_row("a", 1, (0.9,)), missing=(lost,))).set_index("name")
    assert frame.loc["gone", "text"] == "70.0"


def test_a_cell_without_a_value_is_a_dash(ranking):
    frame = cells_frame(ranking)
    gone = frame[(frame["name"] == "broken") & (frame["cell"] == CELLS[-1])].iloc[0]
    assert gone["text"] == "–"
    assert gone["difference_text"] == "–"


def test_each_cells_interval_is_that_of_its_own_ranking(root):
    rankings = {cell: ranked(root, [cell]) for cell in CELLS}
    frame = cell_intervals("cnn-ce", rankings)
    row = next(r for r in rankings[CELLS[2]].rows if r.name == "cnn-ce")
    assert tuple(frame.loc[2, ["value", "low", "high"]]) == (row.value, row.low, row.high)
    assert frame.loc[2, "rank"].endswith("of 6")


def test_a_failed_cell_has_no_interval_and_a_reason(root):
    rankings = {cell: ranked(root, [cell]) for cell in CELLS[-1:]}
    line = cell_intervals("broken", rankings).iloc[0]
    assert line["value"] is None
    assert "the loss is NaN" in line["missing"]


def test_every_field_of_the_map_has_the_interval_of_its_cell(root, ranking):
    rankings = {cell: ranked(root, [cell]) for cell in CELLS[:2]}
    frame = with_intervals(cells_frame(ranking), rankings)
    row = next(r for r in rankings[CELLS[1]].rows if r.name == "cnn-bs")
    line = frame[(frame["name"] == "cnn-bs") & (frame["cell"] == CELLS[1])].iloc[0]
    assert line["interval_text"] == f"[{100 * row.low:.1f}, {100 * row.high:.1f}]"
    assert line["tie_class"] == row.tie_class
    other = frame[(frame["name"] == "cnn-bs") & (frame["cell"] == CELLS[4])].iloc[0]
    assert (other["interval_text"], other["tie"]) == ("–", "–")


@pytest.mark.parametrize(("higher", "first"), [(True, "b"), (False, "a")])
def test_rows_can_stand_in_the_order_of_one_cell(higher, first):
    frame = cells_frame(small(a_row("a", 1, (0.1,)), a_row("b", 1, (0.5,)), a_row("c", 2, (None,))))
    shown = sorted_by(frame, "d-balanced-clean", higher)
    assert list(shown["name"])[0] == first
    assert list(shown["name"])[-1] == "c"
    assert list(sorted_by(frame, "ranking", higher)["name"]) == ["a", "b", "c"]


def test_finding_rows_hides_others_and_moves_none():
    frame = ranking_frame(small(a_row("cnn-a", 1, (0.9,)), a_row("svm", 2, (0.5,))))
    assert list(frame["name"][matching(frame, "CNN rerun", ())]) == ["cnn-a"]
    assert list(frame["name"][matching(frame, "", ("x",))]) == ["cnn-a", "svm"]
    assert not matching(frame, "", ("other",)).any()
    assert list(frame[matching(frame, "svm", ())]["tie"]) == ["B"]


def test_another_metric_beside_has_its_own_classes(ranking):
    texts = standing_texts(ranking)
    first = ranking.rows[0]
    assert texts[first.name] == (f"{100 * first.value:.1f} %", "A")


def test_a_trade_off_needs_both_values_in_all_seeds(ranking):
    records = {name: made(name, skill) for name, skill in FIELD.items()}
    records["cnn-ce"] = made("cnn-ce", 0.93, variants=("la",))
    records["broken"] = made("broken", 0.7, missing=True)
    rows = {row.name: row for row in candidates(list(records.values()))}
    frame = trade_frame(ranking, rows, "test/nll", KEY, [len(CELLS) - 1])
    assert set(frame["name"]) == {*FIELD, "cnn-ce+la"}
    line = frame.set_index("name").loc["cnn-bs"]
    assert line["y"] == pytest.approx(records["cnn-bs"].values("", KEY)[-1].mean())


def test_a_mean_over_cells_is_none_where_one_is_missing():
    broken = made("broken", 0.7, missing=True)
    assert mean_over(broken, "", KEY, [0, 1]) is not None
    assert mean_over(broken, "", KEY, [0, len(CELLS) - 1]) is None
    assert mean_over(broken, "", "train/memorised", [0]) is None
    assert mean_over(broken, "la", KEY, [0]) is None


def test_cells_of_several_data_sets_are_told_apart():
    one, two = "wine-natural-clean", "glass-natural-clean"
    assert list(cell_names([one, two]).values()) == [
        "wine · natural · clean",
        "glass · natural · clean",
    ]
    assert cell_names([one]) == {one: "natural · clean"}
    kind = "seeds and test set"
    row = RankedRow("a", "a", 0.5, 0.4, 0.6, kind, 1, 1, 1, (0.5, 0.6), "rerun", {})
    frame = cells_frame(Ranking("s", KEY, True, "open", (one, two), (0,), (row,)))
    assert list(frame["dataset"]) == ["wine", "glass"]
    assert frame["label"].is_unique

"""Charts are valid, and hold the numbers of the frames they are drawn from."""

import pandas as pd
import pytest

from harness.rankings.display import tie_letter
from harness.rankings.field import candidates
from leaderboard.charts import entry as charts
from leaderboard.charts.ood import (
    cells_chart,
    ood_chart,
    precision_chart,
    roc_chart,
    scores_chart,
)
from leaderboard.charts.trade import trade_chart
from leaderboard.frames import entry as details
from leaderboard.frames.cells import cell_intervals
from leaderboard.frames.ood import curves_frame, rough_frame
from leaderboard.frames.trade import trade_frame, with_front
from tests.leaderboard.made import CELLS, made, ranked, write_field


@pytest.fixture(scope="module")
def ranking(tmp_path_factory):
    root = write_field(tmp_path_factory.mktemp("submissions"))
    return ranked(root)


@pytest.fixture(scope="module")
def recorded():
    return made("cnn-ce", 0.93)


def drawn(chart) -> list[dict]:
    """All data of a chart, after altair has checked it against its schema."""
    return [line for lines in chart.to_dict()["datasets"].values() for line in lines]


def test_an_interval_chart_draws_in_percent(ranking):
    frame = cell_intervals("cnn-ce", {CELLS[0]: ranking})
    line = drawn(charts.interval_chart(frame, title="%", scale=100))[0]
    assert line["low"] == pytest.approx(100 * frame["low"].iloc[0])


def test_an_entrys_pictures_are_valid(recorded):
    pictures = (
        charts.reliability_chart(details.reliability_frame(recorded, "", 0)),
        charts.confusion_chart(details.confusion_frame(recorded, "", 0)),
        charts.counts_chart(details.counts_frame(recorded, 0)),
        charts.recall_chart(details.recall_frame(recorded, "", 0)),
        ood_chart(details.ood_frame(recorded, "", 0), score="energy"),
    )
    assert all(drawn(picture) for picture in pictures)


def test_no_chart_sets_the_pages_colours(recorded):
    chart = charts.counts_chart(details.counts_frame(recorded, 0)).to_dict()
    assert "background" not in chart
    assert "config" not in chart or "background" not in chart["config"]


def test_curves_are_drawn_a_line_a_seed(recorded):
    frame = details.curves_frame(recorded, 0)
    lines = drawn(charts.curves_chart(frame[~frame["share"]]))
    assert {line["seed"] for line in lines} == {0, 1, 2}


def test_scores_and_trade_offs_are_valid_charts(ranking, recorded):
    assert drawn(scores_chart(details.scores_frame(recorded, "", 0)))
    (row,) = candidates([recorded])
    names = ("cnn-ce", "cnn-ce+la", "cnn-bs", "logreg", "majority", "broken")
    rows = dict.fromkeys(names, row)
    frame = trade_frame(ranking, rows, "test/nll", "test/balanced_accuracy", [0])
    frame = with_front(frame, "test/nll", "test/balanced_accuracy").assign(link="entry")
    chart = trade_chart(frame, x="NLL", y="Balanced accuracy", x_unit=False, y_unit=True)
    assert {line["name"] for line in drawn(chart)} >= {"cnn-ce", "majority"}


@pytest.mark.parametrize(("classed", "legend"), [([1, 1, 2], True), ([1, 0, 0], True),
                                                  ([0, 0, 0], False)])  # fmt: skip
def test_the_legend_of_a_trade_off_names_the_classes_that_are_drawn(classed, legend):
    frame = pd.DataFrame(
        {"name": ["a", "b", "c"], "x": [1.0, 2.0, 3.0], "y": [0.1, 0.2, 0.3], "x_text": "1",
         "y_text": "2", "tie": [tie_letter(k) or "·" for k in classed], "tie_class": classed,
         "front": False, "link": "entry"}
    )  # fmt: skip
    chart = trade_chart(frame, x="x", y="y", x_unit=False, y_unit=True).to_dict()
    colour = chart["layer"][1]["encoding"]["color"]
    words = [tie_letter(k) if k else "none" for k in dict.fromkeys(classed)]
    assert colour["scale"]["domain"] == words
    assert (colour["legend"] is not None) == legend
    assert {line["tie"] for line in drawn(trade_chart(
        frame, x="x", y="y", x_unit=False, y_unit=True))} == set(words)  # fmt: skip


def test_curves_of_ood_detection_hold_every_edge(recorded):
    curves = curves_frame(details.ood_frame(recorded, "", 0))
    assert len(drawn(roc_chart(curves))) == len(curves)
    assert len(drawn(precision_chart(curves))) == curves["precision"].notna().sum()


def test_a_share_over_cells_runs_over_noise_or_over_imbalance(recorded):
    (row,) = candidates([recorded])
    frame = rough_frame(row, "near")
    for over, lines in (("noise", "imbalance"), ("imbalance", "noise")):
        layer = cells_chart(frame, title="x", over=over).to_dict()["layer"][0]["encoding"]
        assert (layer["x"]["field"], layer["color"]["field"]) == (over, lines)

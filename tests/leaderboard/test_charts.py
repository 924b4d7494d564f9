"""Charts are valid, and hold the numbers of the frames they are drawn from."""

import pytest

from harness.runs.ranking import rank_suite
from leaderboard import charts, details
from leaderboard.table import cell_intervals, cells_frame
from tests.leaderboard.made import CELLS, made, write_field


@pytest.fixture(scope="module")
def ranking(tmp_path_factory):
    root = write_field(tmp_path_factory.mktemp("submissions"))
    return rank_suite("digits-v1", roots=[root])


@pytest.fixture(scope="module")
def recorded():
    return made("cnn-ce", 0.93)


def drawn(chart) -> list[dict]:
    """All data of a chart, after altair has checked it against its schema."""
    return [line for lines in chart.to_dict()["datasets"].values() for line in lines]


@pytest.mark.parametrize("differences", [False, True])
def test_a_heat_map_has_a_field_an_entry_and_cell(ranking, differences):
    frame = cells_frame(ranking)
    chart = charts.heat_map(
        frame, title="t", differences=differences, higher_is_better=True, scale=100
    )
    lines = drawn(chart)
    assert len(lines) == len(frame)
    column = "good" if differences else "value"
    first = next(line for line in lines if line["name"] == ranking.rows[0].name)
    assert first["amount"] == pytest.approx(100 * frame[column].iloc[0])


def test_a_heat_map_leaves_undefined_cells_empty(ranking):
    chart = charts.heat_map(
        cells_frame(ranking), title="t", differences=False, higher_is_better=True, scale=100
    )
    gone = [line for line in drawn(chart) if line["amount"] is None]
    assert [(line["name"], line["cell"], line["text"]) for line in gone] == [
        ("broken", CELLS[-1], "–")
    ]


@pytest.mark.parametrize(("rising", "deep_at"), [(True, 1), (False, 0)])
def test_deep_blue_is_the_better_end(ranking, rising, deep_at):
    chart = charts.heat_map(
        cells_frame(ranking), title="t", differences=False, higher_is_better=rising, scale=100
    )
    shades = chart.to_dict()["layer"][0]["encoding"]["color"]["scale"]
    assert shades["range"][deep_at] == charts.DEEP
    # The control at 13 % is beyond the shades, not the end of them.
    assert shades["domain"][0] > 50


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
        charts.ood_chart(details.ood_frame(recorded, "", 0), score="energy"),
    )
    assert all(drawn(picture) for picture in pictures)


def test_no_chart_sets_the_pages_colours(recorded):
    chart = charts.counts_chart(details.counts_frame(recorded, 0)).to_dict()
    assert "background" not in chart
    assert "config" not in chart or "background" not in chart["config"]

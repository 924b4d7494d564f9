"""What an entry costs: means over its jobs, in words, and nothing where nothing is recorded."""

from dataclasses import replace

from harness.rankings.field import candidates
from leaderboard.frames.cost import cost_frame, cost_text, mean_cost, not_counted
from tests.leaderboard.made import made


def a_candidate(cost):
    (row,) = candidates([made("a", 0.9)])
    record = row.recorded.record.model_copy(update={"cost": cost, "facets": {}})
    return replace(row, recorded=replace(row.recorded, record=record))


def test_costs_are_means_over_jobs():
    row = a_candidate(
        [
            {"parameters": 38_328, "train_seconds": 2.0, "inputs_per_second": 40_000.0},
            {"parameters": 38_328, "train_seconds": 4.0, "inputs_per_second": 20_000.0},
        ]
    )
    assert mean_cost(row, "train_seconds") == 3.0
    assert cost_text(row) == "38.3 k parameters · 3.0 s training · 30 k inputs/s"


def test_long_trainings_are_minutes_and_hours():
    assert cost_text(a_candidate([{"train_seconds": 90.0}])) == "1.5 min training"
    assert cost_text(a_candidate([{"train_seconds": 5400.0}])) == "1.5 h training"


def test_what_is_not_recorded_is_not_shown():
    assert cost_text(a_candidate([{}])) == ""
    assert mean_cost(a_candidate([]), "train_seconds") is None


def test_multiply_accumulates_stand_with_the_costs_or_why_they_do_not():
    counted = a_candidate([{"parameters": 38_328, "macs": 337_408}])
    assert cost_text(counted) == "38.3 k parameters · 337 k MACs"
    tree = a_candidate([{"macs": None, "no_macs": "not a network"}])
    older = a_candidate([{"train_seconds": 1.0}])
    assert mean_cost(tree, "macs") is None
    assert not_counted([counted, tree, older, older]) == {
        "nobody counted them yet": ["a", "a"],
        "not a network": ["a"],
    }
    frame = cost_frame([counted, tree])
    assert frame["macs"].tolist()[0] == 337_408
    assert frame["not_counted"].tolist() == ["", "not a network"]

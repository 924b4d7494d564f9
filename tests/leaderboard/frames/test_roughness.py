"""What rough data do to an order: read from the rankings of single cells, nothing made up."""

import pytest

from leaderboard.frames.roughness import (
    JOINT,
    agreement,
    best_frame,
    hardest_last,
    joint_cells,
    joint_frame,
    order_frame,
)
from tests.leaderboard.frames.test_ranking import a_row, small
from tests.leaderboard.made import CELLS, ranked, write_field

KEY = "test/balanced_accuracy"


@pytest.fixture(scope="module")
def rankings(tmp_path_factory):
    root = write_field(tmp_path_factory.mktemp("submissions"))
    return {cell: ranked(root, [cell]) for cell in CELLS}


def two(first, second, key=KEY):
    """Return rankings of two cells in which entries have these values, best first."""
    found = {}
    for cell, values in (("d-balanced-clean", first), ("d-exp50-clean", second)):
        sign = -1 if key == KEY else 1
        order = sorted(values, key=lambda name: sign * values[name])
        found[cell] = small(*(a_row(n, 1, (values[n],)) for n in order), key=key)
    return found


def placed(values):
    """Give rows of `two` their own value, which `a_row` does not."""
    from dataclasses import replace

    return {
        cell: replace(r, rows=tuple(replace(row, value=row.cells[0]) for row in r.rows))
        for cell, r in values.items()
    }


@pytest.mark.parametrize(
    ("key", "last"), [(KEY, "d-exp50-clean"), ("test/nll", "d-balanced-clean")]
)
def test_the_hardest_cell_is_where_entries_do_worst(key, last):
    found = placed(two({"a": 0.9, "b": 0.8}, {"a": 0.5, "b": 0.4}, key))
    assert hardest_last(found)[-1] == last


def test_orders_that_turn_around_correlate_with_minus_one():
    found = placed(two({"a": 0.9, "b": 0.8, "c": 0.7}, {"a": 0.1, "b": 0.2, "c": 0.3}))
    assert agreement(found) == pytest.approx(-1)
    same = placed(two({"a": 0.9, "b": 0.8, "c": 0.7}, {"a": 0.3, "b": 0.2, "c": 0.1}))
    assert agreement(same) == pytest.approx(1)


def test_two_entries_have_no_correlation_to_speak_of():
    assert agreement(placed(two({"a": 0.9, "b": 0.8}, {"a": 0.1, "b": 0.2}))) is None


def test_places_are_those_of_the_cells_own_rankings(rankings):
    frame = order_frame(rankings, most=2)
    assert list(dict.fromkeys(frame["cell"])) == list(joint_cells(rankings).values())
    for line in frame.to_dict("records"):
        assert rankings[line["cell"]].rows[line["place"] - 1].name == line["name"]


def test_the_best_of_a_cell_is_the_first_of_its_ranking(rankings):
    frame = best_frame(rankings).set_index("cell")
    for cell, found in rankings.items():
        assert frame.loc[cell, "name"] == found.rows[0].name
        assert frame.loc[cell, "tied"] == sum(row.tie_class == 1 for row in found.rows)


def four(**values):
    """Return rankings of a calm cell, one imbalanced, one noisy and one that is both."""
    cells = ("d-balanced-clean", "d-exp50-clean", "d-balanced-symmetric0.4", "d-exp50-symmetric0.4")
    found = {}
    for cell, column in zip(cells, zip(*values.values(), strict=True), strict=True):
        one = dict(zip(values, column, strict=True))
        order = sorted(one, key=lambda name: -one[name])
        found[cell] = small(*(a_row(n, 1, (one[n],)) for n in order), key=KEY)
    return placed(found)


def test_joint_roughness_is_held_against_each_of_its_parts():
    found = four(a=(0.9, 0.8, 0.4, 0.1), b=(0.8, 0.7, 0.5, 0.2), c=(0.7, 0.6, 0.3, 0.3))
    assert joint_cells(found) == {
        "calm": "d-balanced-clean",
        "imbalance alone": "d-exp50-clean",
        "label noise alone": "d-balanced-symmetric0.4",
        "both at once": "d-exp50-symmetric0.4",
    }
    frame = joint_frame(found).set_index("what")
    assert frame["agreement"].tolist() == pytest.approx([1, 0.5, -1])
    assert frame["text"].tolist() == ["1.00", "0.50", "−1.00"]
    assert frame["first"].tolist() == ["a", "b", "c"]
    assert frame["calm_first"].tolist() == ["1", "2", "3"]


def test_the_leaders_of_calm_and_of_rough_data_are_followed_through_all_of_it():
    found = four(a=(0.9, 0.8, 0.4, 0.1), b=(0.8, 0.7, 0.5, 0.2), c=(0.7, 0.6, 0.3, 0.3))
    frame = order_frame(found, most=1)
    assert frame["what"].unique().tolist() == ["calm", *JOINT]
    places = frame.pivot(index="name", columns="what", values="place")[["calm", *JOINT]]
    assert places.loc["a"].tolist() == [1, 1, 2, 3]
    assert places.loc["c"].tolist() == [3, 3, 3, 1]
    assert "b" not in places.index
    leads = frame.drop_duplicates("name").set_index("name")["leads"]
    assert leads.to_dict() == {"a": "on calm data", "c": "on rough data"}


def test_cells_that_differ_in_their_data_alone_are_followed_from_the_easiest_to_the_hardest():
    found = {
        cell.replace("d-exp50", "e-balanced"): ranking
        for cell, ranking in placed(two({"a": 0.9, "b": 0.8}, {"a": 0.4, "b": 0.5})).items()
    }
    frame = order_frame(found)
    assert frame["what"].unique().tolist() == ["easiest", "hardest"]
    assert set(frame["leads"]) == {"on both"}


def test_a_suite_with_one_thing_wrong_has_nothing_to_say_of_both():
    frame = joint_frame(placed(two({"a": 0.9, "b": 0.8}, {"a": 0.5, "b": 0.4})))
    assert frame["what"].tolist() == ["imbalance alone"]
    assert frame["text"].tolist() == ["–"]

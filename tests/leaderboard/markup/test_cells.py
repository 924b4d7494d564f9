"""The map of entries and cells: shades, texts, and nothing of a submission can act in it."""

import re

import pytest

from leaderboard.colours import DEEP, RED
from leaderboard.frames.cells import cells_frame, with_intervals
from leaderboard.markup.cells import FORMS, heat_table
from tests.leaderboard.frames.test_ranking import a_row, small

SHADE = re.compile(r"background:color-mix\(in oklab, (#\w+) (\d+)%")


def html(*values, form=FORMS[0], key="test/balanced_accuracy", names="abcdefgh"):
    rows = [
        a_row(name, 1 + i, (v,)) for i, (name, v) in enumerate(zip(names, values, strict=False))
    ]
    ranking = small(*rows, key=key)
    frame = with_intervals(cells_frame(ranking), {"d-balanced-clean": ranking})
    return heat_table(frame, suite="s", form=form, higher_is_better=ranking.higher_is_better)


def shades(text):
    return [(colour, int(share)) for colour, share in SHADE.findall(text)]


@pytest.mark.parametrize(("key", "best"), [("test/balanced_accuracy", 0), ("test/nll", 1)])
def test_the_deepest_field_is_the_better_one(key, best):
    found = shades(html(0.9, 0.5, key=key))
    assert found[best] == (DEEP, 100)
    assert found[1 - best] == (DEEP, 0)


def test_a_control_far_away_does_not_make_the_others_alike():
    found = shades(html(0.95, 0.93, 0.91, 0.1))
    assert [share for _, share in found] == [100, 50, 0, 0]


def test_differences_below_class_a_are_red():
    found = shades(html(0.9, 0.5, form=FORMS[2]))
    assert found == [(DEEP, 0), (RED, 100)]


def test_intervals_and_classes_can_be_shown():
    assert "<small>[40.0, 60.0]</small>" in html(0.9, form=FORMS[1])
    assert ">B<span class='hint-text'" in html(0.9, 0.5, form=FORMS[3])


def test_a_cell_without_a_value_is_a_dash():
    assert "<td class='none'" in html(0.9, None)
    assert "<td class='none'" in html(0.9, None, form=FORMS[2])


def test_names_cannot_bring_markup_and_link_to_their_entry():
    text = html(0.9, names=["<img src=x onerror=y>"])
    assert "<img" not in text
    assert "href='entry?suite=s&amp;entry=%3Cimg" in text

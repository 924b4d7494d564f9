"""The headline says what tie classes allow, and nothing where there are none."""

from dataclasses import replace

import pytest

from leaderboard.frames.headline import headline
from tests.leaderboard.frames.test_ranking import a_row, small


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        ((), "No entry has a value in every cell, so nothing is ranked."),
        ((1,), "One entry is ranked, a: there is nothing to compare it with."),
        ((1, 1), "None of 2 entries can be told apart from the first."),
        ((1, 2), "a is ahead of all others; 1 follows."),
        ((1, 1, 1, 2, 2), "3 entries cannot be told apart at the top; 2 follow."),
        ((1, 2, 2, 3), "a is ahead of all others; 3 follow in 2 steps that the data tell apart."),
    ],
)
def test_the_headline_counts_what_can_be_told_apart(classes, words):
    rows = (a_row(name, tie, (0.5,)) for name, tie in zip("abcdefg", classes, strict=False))
    assert headline(small(*rows)) == words


def test_values_alone_decide_nothing():
    rows = [replace(a_row(name, 1, (0.5,)), tie_class=None) for name in "ab"]
    assert "no difference can be told from chance" in headline(small(*rows))

"""The ranking's HTML: what it draws, and that nothing from a submission can act in it."""

from dataclasses import replace

import pandas as pd
import pytest

from leaderboard.cards import CardWords, title_html
from leaderboard.frames.ranking import ranking_frame
from leaderboard.markup.parts import entry_link, plain
from leaderboard.markup.ranking import Scale, missing_table, ranking_table, scale_of
from tests.leaderboard.frames.test_ranking import a_row, small


def html(*rows, scale: Scale | None = None) -> str:
    return ranking_table(
        ranking_frame(small(*rows)),
        suite="digits-v1",
        ends=("0 %", "100 %"),
        heading="95 % interval over seeds and test set",
        scale=scale or Scale(0.0, 1.0),
    )


def test_an_interval_is_drawn_from_end_to_end():
    assert "left:40.00%;width:20.00%" in html(a_row("a", 1, (0.5,)))


def test_a_row_beyond_the_scale_gets_an_arrow_and_no_bar():
    text = html(a_row("a", 1, (0.5,)), scale=Scale(0.7, 0.9))
    assert "beyond this scale" in text
    assert "class='bar'" not in text


def test_the_heading_says_which_interval():
    assert "95 % interval over seeds and test set" in html(a_row("a", 1, (0.5,)))


def test_a_class_has_a_heading_that_counts_it():
    text = html(a_row("a", 1, (0.5,)), a_row("b", 1, (0.5,)), a_row("c", 2, (0.4,)))
    assert text.count("<tr class='group'") == 2
    assert "A · 2 entries that cannot be told apart from the first of them" in text
    assert "B · one entry" in text


def test_rows_by_value_alone_have_no_interval_and_say_so():
    row = replace(a_row("a", 1, (0.5,)), low=None, high=None, tie_class=None, rank_low=None)
    text = html(row)
    assert "In order of values alone" in text
    assert "class='dot' style='left:50.00%'" in text


def test_costs_and_titles_stand_with_their_row():
    frame = ranking_frame(small(a_row("a", 1, (0.5,))))
    text = ranking_table(
        frame, suite="s", ends=("0", "1"), heading="x", scale=Scale(0.0, 1.0),
        cost={"a": "1 k parameters"}, titles={"a": title_html(CardWords("<Method>"))},
    )  # fmt: skip
    assert "1 k parameters" in text
    assert "&lt;Method&gt;" in text


def test_what_is_not_ranked_is_linked_and_says_why():
    text = missing_table(pd.DataFrame({"name": ["a+b"], "missing": ["<none>"]}), suite="s")
    assert "entry=a%2Bb" in text
    assert "&lt;none&gt;" in text


def test_names_and_facets_cannot_bring_markup():
    row = a_row("<script>alert(1)</script>", 1, (0.5,))
    row.facets["backbone"] = "<img src=x onerror=y>'\""
    text = html(row)
    assert "<script" not in text
    assert "<img" not in text


def test_a_link_carries_suite_and_entry():
    link = "entry?suite=digits-v1&amp;entry=cnn-ce%2Bla"
    assert entry_link("digits-v1", "cnn-ce+la") == link


def test_markdown_signs_mean_themselves():
    assert plain("![x](http://y)") == r"\!\[x\]\(http\://y\)"


@pytest.mark.parametrize(("zoomed", "low"), [(True, 0.88), (False, 0.1)])
def test_zooming_leaves_the_last_quarter_off_the_scale(zoomed, low):
    frame = pd.DataFrame(
        {"low": [0.9, 0.89, 0.88, 0.1], "high": [0.95, 0.94, 0.93, 0.2], "value": 0.9}
    )
    scale = scale_of(frame, zoomed=zoomed)
    assert scale.place(low) == pytest.approx(100 * 0.06 / 1.12)


def test_equal_values_still_have_a_scale():
    scale = scale_of(pd.DataFrame({"low": [0.5], "high": [0.5], "value": [0.5]}), zoomed=False)
    assert scale.place(0.5) == pytest.approx(50)


def test_a_reference_line_stands_at_its_value_in_every_row_and_only_inside_the_scale():
    rows = ranking_frame(small(a_row("a", 1, (0.5,)), a_row("b", 2, (0.4,))))
    given = {"suite": "digits-v1", "ends": ("", ""), "heading": "", "scale": Scale(0.0, 1.0)}
    text = ranking_table(rows, **given, reference=0.25)
    assert text.count("<span class='ref' style='left:25.00%'>") == 2
    assert "class='ref'" not in ranking_table(rows, **given, reference=1.5)
    assert "class='ref'" not in ranking_table(rows, **given)


def test_what_was_claimed_beyond_what_was_measured_stands_by_the_tier():
    rows = ranking_frame(small(a_row("a", 1, (0.5,))))
    given = {"suite": "s", "ends": ("", ""), "heading": "", "scale": Scale(0.0, 1.0)}
    assert "claimed − measured +0.2 pp" in ranking_table(
        rows, **given, claimed={"a": "claimed − measured +0.2 pp"}
    )

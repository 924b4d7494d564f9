"""Imbalance × noise: a field a cell, linked, and nothing of a submission can act in it."""

import pandas as pd

from leaderboard.markup.map import best_map, shaded, value_map

LINE = {
    "cell": "d-exp10-clean", "imbalance": "exp 10", "noise": "clean", "name": "<b>a",
    "value": 0.5, "value_text": "50.0 %", "tied": 3, "ranked": 9,
}  # fmt: skip


def test_a_field_links_its_entry_in_its_cell_and_counts_the_others():
    found = best_map(pd.DataFrame([LINE]), suite="s")
    assert "entry?suite=s&amp;entry=%3Cb%3Ea&amp;cell=d-exp10-clean" in found
    assert "and 2 not told apart" in found
    assert "<b>a" not in found


def test_a_cell_that_the_suite_lacks_is_empty():
    other = LINE | {"imbalance": "exp 50", "noise": "symmetric 0.4"}
    found = best_map(pd.DataFrame([LINE, other]), suite="s")
    assert found.count("<td class='none'></td>") == 2


def test_differences_below_zero_are_another_hue():
    assert shaded(-1, -1, 1, two_sided=True) != shaded(1, -1, 1, two_sided=True)


def test_the_better_value_is_the_deeper_one():
    frame = pd.DataFrame(
        {
            "imbalance": ["a", "b"], "noise": ["n", "n"], "amount": [0.1, 0.9],
            "text": ["low", "high"], "interval_text": "", "more": "",
        }
    )  # fmt: skip
    for rising, best in ((True, "high"), (False, "low")):
        found = value_map(frame, links=["x", "y"], caption="c", two_sided=False, rising=rising)
        deepest = found.index(" 100%")
        assert found.index(f"<b>{best}</b>") > deepest
        assert found[deepest:].split("<b>")[1].startswith(best)

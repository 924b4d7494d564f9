"""Paired differences as tables: signs, verdicts in words, escaped names."""

import pandas as pd

from leaderboard.markup.compare import verdicts_table, views_table


def test_every_line_has_its_verdict_in_words():
    frame = pd.DataFrame(
        {
            "label": ["one", "two"], "difference_text": ["+1.0 pp", "−1.0 pp"],
            "interval_text": ["[0, 2]", "[−2, 0]"], "verdict": ["better", "worse"],
            "survives": ["stands", "may be chance"],
        }
    )  # fmt: skip
    found = verdicts_table(frame)
    assert ">better</span>" in found
    assert ">worse</span>" in found
    assert "<td class='num'>[−2, 0]</td>" in found
    assert "<td>may be chance</td>" in found


def test_names_cannot_bring_markup():
    found = views_table(pd.DataFrame({"view": ["<i>"], "<b>x": ["+1"]}))
    assert "<i>" not in found
    assert "<b>x" not in found

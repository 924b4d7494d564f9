"""A frame of texts as a table: numbers to the right, words to the left, all escaped."""

import pandas as pd

from leaderboard.markup.plain import plain_table


def test_words_stand_left_and_numbers_right():
    frame = pd.DataFrame({"name": ["<a>"], "what": ["b"], "value": ["1.0"]})
    found = plain_table(frame, caption="c", left=["what"])
    assert "<th scope='row'>&lt;a&gt;</th><td>b</td><td class='num'>1.0</td>" in found

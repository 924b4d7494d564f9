"""Claims on the board: every state in words and colour, the interval to scale, nothing acts."""

import re
from dataclasses import replace

from harness.published.claims import STATES, Check, Claim, ClaimRow, Found
from leaderboard.colours import VERDICT_HUES
from leaderboard.markup.claims import claims_table, state_counts

CLAIM = Claim(
    id="a-claim",
    sentence="One beats two.",
    source="Somebody 2020",
    metric="test/recall_tail",
    cells="exp*-clean",
    expected="higher",
    margin=0.01,
    check=(Check(suites=("digits-v1",), entries=("one",), against="two"),),
)
FOUND = Found(0.9, 0.85, 0.03, 0.07, "seeds only", 3, (("d-exp10-clean", 0.02),) * 2)
ROW = ClaimRow(CLAIM, "digits-v1", "one", "two", ("d-exp10-clean",), FOUND, "holds", "")
MISSING = replace(
    ROW, found=None, state="not run", reason="no record of two", missing=("two",), cells=()
)


def test_every_state_has_a_colour_and_is_counted():
    assert set(STATES) <= set(VERDICT_HUES)
    text = state_counts(dict.fromkeys(STATES, 7))
    boxes = re.sub(r"<span class='hint-text'[^>]*>[^<]*</span></span>", "", text)
    assert all(f">{state}</span> 7<" in boxes for state in STATES)


def test_the_interval_is_drawn_around_zero_beside_what_counts_as_equal():
    text = claims_table([ROW])
    # the picture reaches to 1.05 · .07 = .0735 on either side: .03 stands at 50 + 50 · .03/.0735
    assert "class='bar' style='left:70.41%;width:27.21%'" in text
    assert "class='dot' style='left:84.01%'" in text
    assert "class='band' style='left:43.20%;width:13.61%'" in text
    assert "+5.0 pp</b><span class='ends'>[+3.0, +7.0]" in text
    assert "95 % interval over seeds only, 3 seeds" in text


def test_a_sentence_stands_once_above_its_rows_and_entries_are_linked():
    text = claims_table([ROW, MISSING])
    assert text.count("One beats two.") == 1
    assert "href='entry?suite=digits-v1&amp;entry=one'" in text
    assert "no record of two" in text
    assert text.count("class='bar'") == 1


def test_a_miss_says_which_one():
    text = claims_table([replace(ROW, state="does not hold", reason="practically equal")])
    assert ">does not hold</span>" in text
    assert "</span><br><span class='small'>practically equal" in text


def test_names_and_sentences_cannot_bring_markup():
    bad = CLAIM.model_copy(update={"sentence": "<script>", "source": "<img>"})
    text = claims_table([replace(ROW, claim=bad, entry="<b onclick=x>")])
    assert "<script" not in text
    assert "<img" not in text
    assert "<b onclick" not in text

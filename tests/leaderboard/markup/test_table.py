"""Explanations that a keyboard reaches."""

from leaderboard.markup.table import hint


def test_an_explanation_can_be_focused_and_cannot_bring_markup():
    found = hint("word", "<script>")
    assert "tabindex='0'" in found
    assert "<script" not in found
    assert "title=" not in found

"""What the numbers mean: every metric, intervals, classes, tiers, and what they do not cover."""

import pandas as pd
import streamlit as st

from harness.metrics.table import METRICS
from harness.rankings.field import TRACKS
from harness.rankings.notes import NOTES
from harness.records.trust import TIERS
from leaderboard.frames.cost import MEANING
from leaderboard.markup.parts import ANCHOR
from leaderboard.markup.plain import plain_table
from leaderboard.views import address

ARROWS = {"higher": "higher is better", "lower": "lower is better", "none": "no direction"}


def page() -> None:
    """Draw the page."""
    address.start()
    st.title("About the numbers", anchor=False)
    st.markdown(
        "**Value**: the mean over a suite's cells of the mean over seeds. **Interval**: where the "
        "value would lie again in 95 of 100 repetitions with new seeds and new test images of the "
        "same kind; *test-set only* where a spread over seeds is not known. **Class**: rows of one "
        "class cannot be told apart from its first row; all pairs of a ranking together are wrong "
        "in at most 5 % of rankings. **Rank**: every place that the data allow."
    )
    st.subheader("Tracks", anchor=False)
    st.markdown("\n".join(f"* **{name}**: {words}." for name, words in TRACKS.items()))
    st.subheader("Tiers", anchor=False)
    st.markdown("\n".join(f"* **{name}**: {words}." for name, words in TIERS.items()))
    st.subheader("Costs", anchor=False)
    st.markdown("\n".join(f"* **{name}**: {words}." for name, words in MEANING.items()))
    st.subheader("What the intervals do not cover", anchor=False)
    st.markdown("\n".join(f"* {note}" for note in NOTES))
    st.subheader("Metrics", anchor=False)
    st.html(f"<span id='{ANCHOR}'></span>")
    lines = [
        (name, metric.title, ARROWS.get(str(metric.direction), str(metric.direction)),
         metric.unit, metric.definition)
        for name, metric in METRICS.items()
    ]  # fmt: skip
    names = ["key", "metric", "direction", "unit", "what it is"]
    st.html(plain_table(pd.DataFrame(lines, columns=names), caption="Metrics", left=names))
    st.caption("The same in a terminal: `tailmark list metrics`")
    address.finish()


page()

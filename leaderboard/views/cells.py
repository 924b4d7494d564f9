"""Every entry in every cell: where an order comes from, and where it turns around."""

import streamlit as st

from harness.runs.display import is_fraction, metric_title
from leaderboard.charts import heat_map
from leaderboard.table import cells_frame, display_scale
from leaderboard.views import chosen

VALUES, DIFFERENCES = "values", "differences to class A"


def page() -> None:
    """Draw the page."""
    st.title("Cells")
    with st.container(horizontal=True):
        suite = chosen.choose_suite()
        key = chosen.choose_metric(suite)
        track = chosen.choose_track()
    found = chosen.ranking(suite, key, track)
    form = st.segmented_control(
        "Show", [VALUES, DIFFERENCES], default=VALUES, label_visibility="collapsed"
    )
    differences = form == DIFFERENCES
    frame = cells_frame(found)
    points = "percentage points" if differences else "%"
    unit = f", {points}" if is_fraction(key) else ""
    what = "difference to class A" if differences else "mean over seeds"
    chart = heat_map(
        frame,
        title=f"{metric_title(key)}: {what}{unit}",
        differences=differences,
        higher_is_better=found.higher_is_better,
        scale=display_scale(key),
    )
    with st.container(key="scrolled"):
        st.altair_chart(chart, width="stretch")
    chosen.left_out(found)
    direction = "higher" if found.higher_is_better else "lower"
    st.caption(
        f"Rows in the order of the ranking; {direction} is better, deeper blue is better. Shades "
        "do not change beyond the first three quarters of the rows. A cell is "
        "imbalance · label noise of the training data; the test data are the same in all of them. "
        "Differences are to the mean of tie class A in the same cell and carry no interval: for "
        f"one, run `tailmark compare A B --suite {suite}{chosen.scope()}`."
    )


page()

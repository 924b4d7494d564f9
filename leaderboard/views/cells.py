"""Every entry in every cell: where an order comes from, and where it turns around."""

import streamlit as st

from harness.rankings.display import is_fraction, metric_title
from leaderboard.frames.cells import cell_names, cells_frame, sorted_by, with_intervals
from leaderboard.frames.ranking import hidden_names
from leaderboard.markup.cells import FORMS, heat_table
from leaderboard.views import choices as chosen

RANKING, NAME = "ranking", "name"


def page() -> None:
    """Draw the page."""
    st.title("Cells", anchor=False)
    with st.container(horizontal=True):
        suite = chosen.choose_suite()
        key = chosen.choose_metric(suite)
        track = chosen.choose_track()
    found = chosen.ranking(suite, key, track)
    cells = cell_names(found.cells)
    with st.container(horizontal=True):
        form = chosen.choose("show", "Show", FORMS, optional=True)
        order = chosen.choose(
            "order",
            "Rows in the order of",
            [RANKING, *found.cells, NAME],
            words=lambda o: cells.get(o, o),
            optional=True,
        )
        words = chosen.search()
    rankings = {cell: chosen.ranking(suite, key, track, (cell,)) for cell in found.cells}
    frame = with_intervals(cells_frame(found), rankings)
    kept = frame[~frame["name"].isin(hidden_names(found, words))]
    shown = sorted_by(kept, order, found.higher_is_better)
    unit = "" if not is_fraction(key) else ", percentage points" if form == FORMS[2] else ", %"
    direction = "higher" if found.higher_is_better else "lower"
    st.markdown(f"**{metric_title(key)}**, mean over seeds{unit}, {form} · {direction} is better")
    if len(shown):
        st.html(heat_table(shown, suite=suite, form=form, higher_is_better=found.higher_is_better))
    else:
        st.info(f"No entry has “{words}” in its name, facets or tier.", icon=":material/info:")
    chosen.left_out(found)
    st.caption(
        "Deeper blue is better. Shades do not change beyond the first three quarters of the rows. "
        "A column is imbalance over label noise of the training data. Point at a field for its "
        "interval, rank and class in that cell alone. "
        "Differences are to the mean of tie class A in the same cell and carry no interval: for "
        f"one, run `tailmark compare A B --suite {suite}{chosen.scope()}`."
    )
    st.caption(
        f"The same in a terminal, cell by cell: `tailmark rank --suite {suite} --metric {key} "
        f"--track {track} --cell CELL{chosen.scope()}`"
    )
    st.download_button(
        "Cells as CSV",
        shown.to_csv(index=False),
        f"{suite}-cells.csv",
        "text/csv",
        icon=":material/download:",
    )


page()

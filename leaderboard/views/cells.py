"""Every entry in every cell: where an order comes from, and where it turns around."""

import streamlit as st

from harness.rankings.display import is_fraction, metric_title
from leaderboard.frames.cells import cell_names, sorted_by
from leaderboard.frames.ranking import hidden_names
from leaderboard.markup.cells import FORMS, heat_table
from leaderboard.markup.parts import plain
from leaderboard.views import address, board, pickers

RANKING, NAME = "ranking", "name"


def page() -> None:
    """Draw the page."""
    address.start()
    st.title("Cells", anchor=False)
    suite = pickers.suite()
    with st.container(horizontal=True):
        key = pickers.metric(suite)
        track = pickers.track()
    found = board.ranking(suite, key, track)
    cells = cell_names(found.cells)
    with st.container(horizontal=True):
        form = pickers.one("show", "Show", FORMS)
        order = pickers.one(
            "order",
            "Rows in the order of",
            [RANKING, *found.cells, NAME],
            words=lambda o: cells.get(o, o),
        )
        words = pickers.search()
    frame = board.cells_of(suite, key, track)
    kept = frame[~frame["name"].isin(hidden_names(found, words))]
    shown = sorted_by(kept, order, found.higher_is_better)
    names = list(dict.fromkeys(shown["name"]))
    whole = pickers.whole(len(names))
    drawn = shown if whole else shown[shown["name"].isin(names[: pickers.FIRST])]
    unit = "" if not is_fraction(key) else ", percentage points" if form == FORMS[2] else ", %"
    direction = "higher" if found.higher_is_better else "lower"
    st.markdown(f"**{metric_title(key)}**, mean over seeds{unit}, {form} · {direction} is better")
    if len(shown):
        st.html(heat_table(drawn, suite=suite, form=form, higher_is_better=found.higher_is_better))
        if not whole:
            pickers.show_all(len(names))
    else:
        named = f"No entry has “{plain(words)}” in its name, facets or tier."
        st.info(named, icon=":material/info:")
    board.left_out(suite)
    board.notes_of(found)
    st.caption(
        "Deeper blue is better. Shades do not change beyond the first three quarters of the rows. "
        "A column is imbalance over label noise of the training data. Point at a field for its "
        "interval, rank and class in that cell alone. "
        "Differences are to the mean of tie class A in the same cell and carry no interval: for "
        f"one, run `tailmark compare A B --suite {suite}{board.scope()}`."
    )
    st.caption(
        f"The same in a terminal, cell by cell: `tailmark rank --suite {suite} --metric {key} "
        f"--track {track} --cell CELL{board.scope()}`"
    )
    st.download_button(
        "Cells as CSV",
        shown.to_csv(index=False),
        f"{suite}-cells.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )
    address.finish()


page()

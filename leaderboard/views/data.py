"""What each suite's splits look like: training rows of each class, clean and observed."""

import pandas as pd
import streamlit as st

from leaderboard.charts.entry import counts_chart
from leaderboard.frames.cells import cell_names
from leaderboard.frames.data import splits_frame
from leaderboard.frames.entry import counts_frame
from leaderboard.markup.parts import ANCHOR
from leaderboard.markup.plain import plain_table
from leaderboard.views import address, board, pickers
from leaderboard.views.columns import COUNTS
from leaderboard.views.pictures import draw


def page() -> None:
    """Draw the page."""
    address.start()
    st.title("Data", anchor=False)
    suite = pickers.suite()
    recorded = board.field(suite).rows[0].recorded
    record = recorded.record
    frame = splits_frame(recorded)
    st.html(f"<span id='{ANCHOR}'></span>")
    st.markdown(
        f"**{suite}**: {len(record.suite.cells)} cells × {len(record.suite.seeds)} seeds, ranked "
        f"by {record.suite.primary}. Read from the record of {record.entry}."
    )
    if frame is None:
        st.info("This record keeps no counts of its training data.", icon=":material/info:")
    else:
        st.html(plain_table(frame, caption=f"Training data of {suite}"))
        st.caption("Means over seeds, counted by clean labels.")
        words = cell_names(record.suite.cells)
        cells = record.suite.cells
        cell = pickers.one("cell", "Cell", cells, default=cells[-1], words=lambda c: words[c])
        counts = counts_frame(recorded, cells.index(cell))
        if counts is not None:
            draw(counts_chart(counts), counts, "Training rows of each class", COUNTS)
    st.subheader("Test pools", anchor=False)
    pools = pd.DataFrame(sorted(record.pools.items()), columns=["pool", "fingerprint"])
    st.html(plain_table(pools, caption="Test pools and their fingerprints", left=["fingerprint"]))
    st.caption(f"The splits in a terminal: `tailmark data show --help`, suite {suite}.")
    board.left_out(suite)
    address.finish()


page()

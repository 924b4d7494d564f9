"""Whether the order is a property of the methods or of the draw: seeds, cells, test images."""

import pandas as pd
import streamlit as st

from harness.rankings.display import metric_title
from leaderboard.frames.stability import stability_frame
from leaderboard.markup.parts import ANCHOR, plain
from leaderboard.markup.plain import plain_table
from leaderboard.views import address, board, pickers

READ = """
Kendall's τ compares two orders pair by pair: **1** is the same order, **0** says that one tells
nothing of the other, **−1** is the order turned around. A ranking whose τ between *seeds* is low
is a ranking of seeds; one whose τ between *cells* is low has no single order: which method is
better depends on what is wrong with the data.
"""


def page() -> None:
    """Draw the page."""
    address.start()
    st.title("Would the order come out the same?", anchor=False)
    suite = pickers.suite()
    with st.container(horizontal=True):
        key = pickers.metric(suite)
        track = pickers.track()
    frame = stability_frame(board.stability(suite, key, track))
    st.markdown(READ)
    st.html(f"<span id='{ANCHOR}'></span>")
    st.html(
        plain_table(
            _shown(frame),
            caption=f"Agreement of orders by {metric_title(key)}",
            left=["what is compared", "why there is no value"],
        )
    )
    found = frame[frame["tau"].notna()].sort_values("tau", kind="stable")
    if len(found):
        weakest = found.iloc[0]
        st.markdown(
            f"The order holds least over **{plain(str(weakest['between']))}**: "
            f"τ = {weakest['text']} over {weakest['entries']} rows."
        )
    st.caption(
        "τ_b, the mean over all pairs of orders; rows of the track with a value in every cell and "
        f"seed. The same in a terminal: `tailmark rank --suite {suite} --metric {key} --track "
        f"{track} --stability{board.scope()}`"
    )
    board.left_out(suite)
    address.finish()


def _shown(frame: pd.DataFrame) -> pd.DataFrame:
    texts = frame[["between", "about", "text", "orders", "entries", "reason"]].astype(str)
    heads = [
        "orders differ in", "what is compared", "τ", "orders", "rows", "why there is no value",
    ]  # fmt: skip
    return texts.set_axis(heads, axis=1)


page()

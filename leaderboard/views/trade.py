"""One metric against another: what a method pays for what it gains."""

import streamlit as st

from harness.rankings.display import is_fraction, metric_definition, metric_title
from leaderboard.charts import trade_chart
from leaderboard.frames.cells import cell_names
from leaderboard.frames.cost import COSTS
from leaderboard.frames.trade import trade_frame
from leaderboard.views import address, board, pickers

DEFAULT_X = "train/memorised"
MEAN = "mean of all cells"


def page() -> None:
    """Draw the page."""
    address.start()
    st.title("Trade-offs", anchor=False)
    suite = pickers.suite()
    with st.container(horizontal=True):
        keys = board.all_keys(suite)
        found = board.ranking(suite)
        cells = found.cells
        named = cell_names(cells)
        noisy = [c for c in cells if "-clean" not in c]
        cell = pickers.one(
            "where",
            "Cell",
            [MEAN, *cells],
            default=noisy[-1] if noisy else MEAN,
            words=lambda c: named.get(c, c),
        )
    with st.container(horizontal=True):
        x = pickers.one("x", "Across", [*keys, *COSTS], default=DEFAULT_X, words=_title)
        y = pickers.one("y", "Upwards", [*keys, *COSTS], default=found.key, words=_title)
    index = range(len(cells)) if cell == MEAN else [cells.index(cell)]
    frame = trade_frame(found, board.field(suite).by_name, x, y, list(index))
    names = (_title(x), _title(y))
    if frame.empty:
        st.info(
            f"No entry has both {names[0]} and {names[1]} here with all seeds. Choose another "
            "cell: some metrics exist in noisy or in imbalanced cells only.",
            icon=":material/info:",
        )
        board.left_out(suite)
        address.finish()
        return
    chart = trade_chart(
        frame,
        x=names[0],
        y=names[1],
        x_unit=is_fraction(x),
        y_unit=is_fraction(y),
        logarithmic=(x in COSTS, y in COSTS),
    )
    st.altair_chart(chart, width="stretch")
    absent = len(found.rows) + len(found.beside) + len(found.missing) - len(frame)
    st.caption(
        f"{len(frame)} rows; {absent} have no value of one of the two. A point is a mean over "
        "seeds, without an interval. Colours are the tie classes of the suite's own ranking; "
        "choose one in the legend."
    )
    st.caption(f"Across: {_definition(x)} Upwards: {_definition(y)}")
    st.dataframe(
        frame[["name", "x_text", "y_text", "tie"]].set_axis(["entry", *names, "class"], axis=1)
        if len(set(names)) == 2
        else frame[["name", "x_text", "tie"]].set_axis(["entry", names[0], "class"], axis=1),
        hide_index=True,
        width="stretch",
    )
    board.left_out(suite)
    address.finish()


def _title(key: str) -> str:
    return COSTS.get(key) or metric_title(key)


def _definition(key: str) -> str:
    return f"{COSTS[key]}, on a log scale." if key in COSTS else metric_definition(key)


page()

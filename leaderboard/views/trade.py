"""One metric against another: what a method pays for what it gains."""

from collections.abc import Mapping
from html import unescape

import pandas as pd
import streamlit as st

from harness.rankings.display import is_fraction, metric_definition, metric_title
from harness.rankings.field import Candidate
from harness.types import Ranking
from leaderboard.charts.trade import trade_chart
from leaderboard.frames.cells import cell_names
from leaderboard.frames.cost import COSTS, cost_key, not_counted
from leaderboard.frames.trade import trade_frame, with_front
from leaderboard.markup.parts import entry_link, plain
from leaderboard.markup.trade import trade_table
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
        cell = pickers.one(
            "where",
            "Cell",
            [MEAN, *cells],
            default=_opening(found, board.field(suite).by_name),
            words=lambda c: named.get(c, c),
        )
    with st.container(horizontal=True):
        x = pickers.one("x", "Across", [*keys, *COSTS], default=DEFAULT_X, words=_title)
        y = pickers.one("y", "Upwards", [*keys, *COSTS], default=found.key, words=_title)
    index = range(len(cells)) if cell == MEAN else [cells.index(cell)]
    frame = trade_frame(found, board.field(suite).by_name, x, y, list(index))
    names = (_title(x), _title(y))
    if cost_key("macs") in (x, y):
        _not_counted(suite)
    if frame.empty:
        st.info(
            f"No entry has both {names[0]} and {names[1]} here with all seeds. Choose another "
            "cell: some metrics exist in noisy or in imbalanced cells only.",
            icon=":material/info:",
        )
        board.left_out(suite)
        address.finish()
        return
    frame = with_front(frame, x, y)
    frame = frame.assign(link=[unescape(entry_link(suite, name)) for name in frame["name"]])
    chart = trade_chart(
        frame,
        x=names[0],
        y=names[1],
        x_unit=is_fraction(x),
        y_unit=is_fraction(y),
        logarithmic=(x in COSTS, y in COSTS),
    )
    says = f"{names[1]} against {names[0]}, as in the table below"
    st.altair_chart(chart.properties(description=says), width="stretch")
    absent = len(found.rows) + len(found.beside) + len(found.missing) - len(frame)
    st.caption(
        f"{len(frame)} rows; {absent} have no value of one of the two. A point is a mean over "
        f"seeds, without an interval, and leads to its entry. {_colours(frame)} The dashed line "
        "joins the "
        f"{int(frame['front'].sum())} rows that no other beats in both (the Pareto front, by "
        "values alone)."
    )
    st.caption(f"Across: {_definition(x)} Upwards: {_definition(y)}")
    whole = pickers.whole(len(frame))
    first = frame.sort_values("front", ascending=False, kind="stable")
    drawn = first if whole else first.head(pickers.FIRST)
    st.html(trade_table(drawn, suite=suite, titles=names))
    if not whole:
        pickers.show_all(len(frame))
    board.left_out(suite)
    address.finish()


def _colours(frame: pd.DataFrame) -> str:
    """Say what colours mean, and what a row without a tie class is."""
    classed = int((frame["tie_class"] > 0).sum())
    if not classed:
        return "None of them is ranked on all cells of the suite, so none has a tie class."
    words = (
        "Colours are the tie classes of the suite's own ranking, the deeper the better; choose "
        "one in the legend."
    )
    if classed == len(frame):
        return words
    return f"{words} “none”: beside the ranking or not in it, {len(frame) - classed} of them."


def _opening(found: Ranking, rows: Mapping[str, Candidate]) -> str:
    """Return the cell to open on: the last noisy one; of partial records that with most rows."""
    noisy = [cell for cell in found.cells if "-clean" not in cell]
    if found.rows or not noisy:
        return noisy[-1] if noisy else MEAN
    return max(
        reversed(noisy),
        key=lambda c: len(trade_frame(found, rows, found.key, found.key, [found.cells.index(c)])),
    )


def _not_counted(suite: str) -> None:
    """Say of which rows multiply-accumulates were not counted, and why."""
    found = not_counted(board.field(suite).rows)
    if not found:
        return
    count = sum(len(names) for names in found.values())
    with st.expander(f"Not counted: {count} rows, and why", icon=":material/rule:"):
        lines = (f"* **{plain(why)}**: {plain(', '.join(names))}" for why, names in found.items())
        st.markdown("\n".join(lines))


def _title(key: str) -> str:
    return COSTS.get(key) or metric_title(key)


def _definition(key: str) -> str:
    return f"{COSTS[key]}, on a log scale." if key in COSTS else metric_definition(key)


page()

"""The first page: what rough training data do to the order of methods, in three pictures."""

import pandas as pd
import streamlit as st

from harness.rankings.display import metric_title
from harness.types import Ranking
from leaderboard.charts.compare import order_chart, tied_chart
from leaderboard.frames.cells import cell_names
from leaderboard.frames.headline import headline
from leaderboard.frames.roughness import (
    agreement,
    best_frame,
    hardest_last,
    joint_frame,
    order_frame,
)
from leaderboard.markup.map import best_map
from leaderboard.markup.parts import ANCHOR, plain
from leaderboard.markup.plain import plain_table
from leaderboard.views import address, board, pickers
from leaderboard.views.columns import PLACES, TIED
from leaderboard.views.pictures import draw

SUBMIT = """
tailmark new my-method
tailmark run my-method --suite {suite} --seed 0
tailmark submit my-method --suite {suite}
"""


def page() -> None:
    """Draw the page."""
    address.start()
    st.title("How well do classifiers learn from long-tailed, mislabelled data?", anchor=False)
    suite = pickers.suite()
    whole = board.ranking(suite)
    cells = board.field(suite).rows[0].recorded.record.suite.cells
    rankings = board.cell_rankings(suite)
    rankings = {cell: found for cell, found in rankings.items() if found.rows}
    st.markdown(
        f"**{suite}**: {plain(headline(whole))} Each of its {len(cells)} cells is a kind of "
        f"imbalance and of label noise; numbers are {metric_title(whole.key).lower()}."
    )
    st.html(f"<span id='{ANCHOR}'></span>")
    if not rankings:
        st.info("No entry has a value in any cell of this suite.", icon=":material/info:")
    else:
        _pictures(suite, rankings)
    _next(suite)
    board.left_out(suite)
    address.finish()


def _pictures(suite: str, rankings: dict[str, Ranking]) -> None:
    order, words = hardest_last(rankings), cell_names(rankings)
    st.subheader("1. Rough data change the order", anchor=False)
    found = agreement(rankings)
    if found is not None and len(order) > 1:
        st.markdown(
            f"Between *{plain(words[order[0]])}*, where entries do best, and "
            f"*{plain(words[order[-1]])}*, where they do worst, the orders agree with a rank "
            f"correlation of **{_signed(found)}** (1: the same order, 0: none in common)."
        )
        places = order_frame(rankings)
        draw(order_chart(places), places, "Places in the easiest and the hardest cell", PLACES)
        st.caption(
            "Places by value; point at one for the ranks that the data allow. Shown are the first "
            "eight entries of the easiest and of the hardest cell."
        )
    _jointly(joint_frame(rankings), plain(words[order[0]]))
    st.subheader("2. Who is best depends on what is wrong with the data", anchor=False)
    best = best_frame(rankings)
    st.html(best_map(best, suite=suite))
    st.subheader("3. Many leads are noise", anchor=False)
    several = int((best["tied"] > 1).sum())
    st.markdown(
        f"In **{several} of {len(best)}** cells at least one entry cannot be told from the first."
    )
    shown = best.assign(label=best["cell"].map(words))
    draw(tied_chart(shown), shown, "Entries that cannot be told from the best of a cell", TIED)


def _jointly(frame: pd.DataFrame, calm: str) -> None:
    """Say what imbalance, noise and both at once leave of the calm cell's order."""
    found = {line["what"]: line for line in frame.to_dict("records")}
    both = found.get("both at once")
    if both is None:
        return
    alone = [
        f"{what.removesuffix(' alone')} alone leaves a rank correlation of **{line['text']}**"
        for what, line in found.items()
        if line is not both
    ]
    parts = [*alone, f"both at once leave **{both['text']}**"]
    st.markdown(
        f"Of the order in *{calm}* {'; '.join(parts)}. The best there is in place "
        f"{both['calm_first']} under both."
    )
    shown = frame[["what", "label", "text", "first", "calm_first"]].set_axis(
        ["what is wrong", "hardest such cell", "rank correlation", "best there",
         "place of the calm cell's best"], axis=1,
    )  # fmt: skip
    st.html(
        plain_table(
            shown,
            caption="What imbalance, noise and both leave of the order",
            left=["hardest such cell", "best there"],
        )
    )


def _signed(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def _next(suite: str) -> None:
    st.subheader("Where next", anchor=False)
    st.markdown(
        "* **Ranking**: values with intervals, and the ranks that the data allow.\n"
        "* **Compare**: two entries or more, paired: cell by cell, class by class.\n"
        "* **Map**: one entry over imbalance and noise.\n"
        "* **Claims**: what papers say holds, checked on these records."
    )
    st.markdown("To submit an entry:")
    st.code(SUBMIT.strip().format(suite=suite), language="bash")
    st.caption(
        f"The pictures in a terminal: `tailmark rank --suite {suite} --cell CELL{board.scope()}`"
    )


page()

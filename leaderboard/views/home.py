"""The first page: what rough training data do to the order of methods, in three pictures."""

import pandas as pd
import streamlit as st

from harness.rankings.display import metric_title
from harness.types import Ranking
from leaderboard.charts.compare import order_chart, tied_chart
from leaderboard.frames.cells import cell_names
from leaderboard.frames.headline import headline
from leaderboard.frames.roughness import best_frame, joint_cells, joint_frame, order_frame
from leaderboard.markup.map import best_map
from leaderboard.markup.parts import ANCHOR, page_link, plain
from leaderboard.views import address, board, pickers
from leaderboard.views.columns import PLACES, TIED
from leaderboard.views.pictures import draw

NEXT = {
    "ranking": ("Ranking", "values with intervals, and the ranks that the data allow"),
    "compare": ("Compare", "entries paired with each other: cell by cell, class by class"),
    "map": ("Map", "one entry, or the difference of two, over imbalance and noise"),
    "claims": ("Claims", "what papers say holds, checked on these records"),
    "trade-offs": ("Trade-offs", "what a method costs for what it gains"),
    "data": ("Data", "what the training data of each cell look like"),
    "about": ("About the numbers", "what every number means, and what it does not cover"),
}
"""Address of a page → its name, and what one finds there."""
SUBMIT = """
tailmark new my-method                      # writes a card: what it is and how it is trained
tailmark run my-method --suite {suite}    # trains and measures it, cell by cell
tailmark submit my-method --suite {suite} # copies its record, ready for a pull request
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
    words = cell_names(rankings)
    places, best = order_frame(rankings), best_frame(rankings)
    if len(places):
        st.subheader("1. Rough data change the order", anchor=False)
        st.markdown(_order_sentence(rankings, words))
        draw(order_chart(places), places, "Places of the leaders, from calm to rough data", PLACES)
        first = best[best["cell"] == places["cell"].iloc[0]].iloc[0]
        st.caption(
            "Places are by value. Where entries cannot be told apart their places are partly "
            f"chance: in *{plain(places['label'].iloc[0])}* {first['tied']} of {first['ranked']} "
            "are in the class of the first (picture 3)."
        )
    st.subheader("2. Who is best depends on what is wrong with the data", anchor=False)
    st.markdown(
        f"**{_count(best['name'].nunique(), 'entry is', 'different entries are')}** the best of at "
        f"least one of the {len(best)} cells, by value."
    )
    st.html(best_map(best, suite=suite))
    st.subheader("3. Many leads are noise", anchor=False)
    several = int((best["tied"] > 1).sum())
    st.markdown(
        f"In **{several} of {len(best)}** cells at least one entry cannot be told from the first."
    )
    shown = best.assign(label=best["cell"].map(words))
    draw(tied_chart(shown), shown, "Entries that cannot be told from the best of a cell", TIED)


def _count(number: int, one: str, several: str) -> str:
    return f"{number} {one if number == 1 else several}"


def _order_sentence(rankings: dict[str, Ranking], words: dict[str, str]) -> str:
    """Say what imbalance, noise and both at once leave of the calm cell's order."""
    found: pd.DataFrame = joint_frame(rankings)
    told = [
        f"**{line['text']}** under {line['what']}"
        for line in found.to_dict("records")
        if line["text"] != "–"
    ]
    if not told:
        return "The first entries of the cell where all do best and of the one where they do worst."
    calm = plain(words[joint_cells(rankings)["calm"]])
    last = found.iloc[-1]
    fall = f"; the best of calm data is in place **{last['calm_first']}** under {last['what']}"
    return (
        f"The order on calm data (*{calm}*) is kept with a rank correlation of {', '.join(told)} "
        f"(1: the same order, 0: none in common){'' if last['calm_first'] == '–' else fall}."
    )


def _next(suite: str) -> None:
    st.subheader("Where next", anchor=False)
    lines = "".join(
        f"<li>{page_link(path, name, suite=suite)}: {about}</li>"
        for path, (name, about) in NEXT.items()
    )
    st.html(f"<ul class='tm-words'>{lines}</ul>")
    st.subheader("Submit an entry", anchor=False)
    st.code(SUBMIT.strip().format(suite=suite), language="bash")
    st.markdown(
        "A finished model or predictions can be handed in as well: "
        "`tailmark new my-model --kind model` or `--kind predictions`. To look before you submit, "
        "open **Check a baseline**: nothing is published there."
    )
    st.caption(
        f"The pictures in a terminal: `tailmark rank --suite {suite} --cell CELL{board.scope()}`"
    )


page()

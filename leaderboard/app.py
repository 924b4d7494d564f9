"""The board's router: which pages there are and how one gets from one to another.

Started by path: ``streamlit run leaderboard/app.py``, or ``tailmark board``.
"""

from pathlib import Path

import streamlit as st

from leaderboard.markup.parts import ANCHOR, FRAME
from leaderboard.views import address

HERE = Path(__file__).parent
FIRST = {
    "ranking": ("Ranking", ":material/leaderboard:"),
    "compare": ("Compare", ":material/compare_arrows:"),
    "map": ("Map", ":material/grid_on:"),
    "claims": ("Claims", ":material/fact_check:"),
}
MORE = {
    "entry": ("Entry", ":material/person_search:"),
    "cells": ("Cells", ":material/table:"),
    "calibration": ("Calibration", ":material/straighten:"),
    "ood": ("OOD", ":material/travel_explore:"),
    "trade": ("Trade-offs", ":material/scatter_plot:"),
    "robustness": ("Robustness", ":material/storm:"),
    "stability": ("Stability", ":material/swap_vert:"),
    "conformance": ("Conformance", ":material/menu_book:"),
    "check": ("Check a baseline", ":material/rule:"),
    "data": ("Data", ":material/database:"),
    "about": ("About the numbers", ":material/help:"),
}
PATHS = {"trade": "trade-offs", "check": "check-a-baseline"}
"""Pages whose address is not their file's name."""

st.set_page_config(page_title="tailmark", page_icon=str(HERE / "icon.svg"), layout="wide")
st.html(FRAME)
st.html(f"<a class='tm-skip' href='#{ANCHOR}' target='_self'>Skip to the table</a>")
home = st.Page("views/home.py", title="tailmark", icon=":material/home:", default=True)
pages = {
    name: st.Page(f"views/{name}.py", title=title, icon=icon, url_path=PATHS.get(name, name))
    for name, (title, icon) in {**FIRST, **MORE}.items()
}
chosen = st.navigation([home, *pages.values()], position="hidden")
# Links carry the shared choices: a page's whole state is in its address from the first moment.
with st.container(horizontal=True, vertical_alignment="center", key="navigation"):
    st.page_link(home, label="**tailmark**")
    carried = address.shared()
    for name in FIRST:
        st.page_link(pages[name], query_params=carried)
    with st.popover("More", key="more-pages"):
        for name in MORE:
            st.page_link(pages[name], query_params=carried)
chosen.run()

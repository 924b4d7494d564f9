"""The board's router: which pages there are, nothing else.

Started by path: ``streamlit run leaderboard/app.py``, or ``tailmark board``.
"""

from pathlib import Path

import streamlit as st

from leaderboard.markup.parts import FRAME

HERE = Path(__file__).parent

st.set_page_config(page_title="tailmark", page_icon=str(HERE / "icon.svg"), layout="wide")
st.logo(str(HERE / "logo.svg"), size="large")
st.html(FRAME)
st.navigation(
    [
        st.Page("views/ranking.py", title="Ranking", icon=":material/leaderboard:", default=True),
        st.Page("views/cells.py", title="Cells", icon=":material/grid_on:", url_path="cells"),
        st.Page("views/entry.py", title="Entry", icon=":material/person_search:", url_path="entry"),
        st.Page(
            "views/trade.py",
            title="Trade-offs",
            icon=":material/scatter_plot:",
            url_path="trade-offs",
        ),
        st.Page(
            "views/robustness.py",
            title="Robustness",
            icon=":material/storm:",
            url_path="robustness",
        ),
        st.Page(
            "views/conformance.py",
            title="Conformance",
            icon=":material/fact_check:",
            url_path="conformance",
        ),
    ],
    position="top",
).run()

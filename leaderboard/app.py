"""The board's router: which pages there are, nothing else.

Started by path: ``streamlit run leaderboard/app.py``, or ``tailmark board``.
"""

import streamlit as st

st.set_page_config(page_title="tailmark", page_icon=":material/stacked_line_chart:", layout="wide")
st.navigation(
    [
        st.Page("pages/ranking.py", title="Ranking", icon=":material/leaderboard:", default=True),
        st.Page("pages/cells.py", title="Cells", icon=":material/grid_on:", url_path="cells"),
        st.Page("pages/entry.py", title="Entry", icon=":material/person_search:", url_path="entry"),
    ],
    position="top",
).run()

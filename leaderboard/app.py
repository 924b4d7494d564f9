"""The board's router: which pages there are and how one gets from one to another.

Started by ``leaderboard/server.py``, which ``tailmark board`` runs.
"""

from pathlib import Path

import streamlit as st

from leaderboard.markup.parts import ANCHOR, FRAME
from leaderboard.pages import FIRST, HOME, MORE, path_of
from leaderboard.views import address

HERE = Path(__file__).parent
st.set_page_config(page_title="tailmark", page_icon=str(HERE / "icon.svg"), layout="wide")
st.html(FRAME)
st.html(f"<a class='tm-skip' href='#{ANCHOR}' target='_self'>Skip to the table</a>")
home = st.Page(f"views/{HOME}.py", title="tailmark", icon=":material/home:", default=True)
pages = {
    name: st.Page(f"views/{name}.py", title=title, icon=icon, url_path=path_of(name))
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

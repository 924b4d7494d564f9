"""What the literature claims, checked on the records of this board; a miss is never hidden."""

import streamlit as st

from harness.published import claims
from harness.published.claims_text import PREFACE, claim_rows
from harness.rankings.export import rows_text
from leaderboard.markup.claims import claims_table, state_counts
from leaderboard.views import address, board, pickers


def page() -> None:
    """Draw the page."""
    address.start()
    st.title("Claims", anchor=False)
    found = board.claims()
    counts = claims.summary(found.rows)
    st.markdown(
        f"#### {counts['holds']} hold here, {counts['does not hold']} do not, "
        f"{counts['cannot tell']} are open"
    )
    st.caption(
        "What papers say holds, checked on the records of this board. Nothing is left out: a claim "
        f"that fails here says so, and one that lacks a record names it. {PREFACE}"
    )
    st.html(state_counts(counts))
    board.say_damaged(found.damaged)
    with st.container(horizontal=True):
        suites = list(dict.fromkeys(row.suite for row in found.rows))
        suite = pickers.one("checked", "Suite of claims", [pickers.ALL, *suites])
        state = pickers.one("state", "State", [pickers.ALL, *claims.STATES])
    shown = claims.selected_rows(
        found.rows, suites=pickers.wanted(suite), states=pickers.wanted(state)
    )
    miss: claims.State = "does not hold"
    hidden = counts[miss] - claims.summary(shown)[miss]
    if hidden:
        st.warning(f"Rows that do not hold and are not shown: {hidden}.")
    st.caption(f"{len(shown)} of {len(found.rows)} rows.")
    if shown:
        st.html(claims_table(shown))
    else:
        st.info("No row has both; choose “all” in one of them.", icon=":material/info:")
    with st.expander("How to read this", icon=":material/help:"):
        st.markdown("\n".join(f"* **{name}**: {words}." for name, words in claims.STATES.items()))
    picked = pickers.options_text(("suite", suite), ("state", state))
    st.caption(f"The same in a terminal: `tailmark claims{picked}{board.scope()}`")
    st.download_button(
        "Claims as CSV",
        rows_text(claim_rows(shown), "csv"),
        "claims.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )
    address.finish()


page()

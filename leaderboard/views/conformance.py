"""Published numbers beside ours; a miss is never hidden, what was never run is folded."""

import streamlit as st

from harness.published.conformance import (
    TRUSTS,
    VERDICTS,
    ConformanceRow,
    misses,
    selected,
    summary,
)
from harness.published.conformance_text import conformance_rows
from harness.rankings.export import rows_text
from leaderboard.markup.conformance import conformance_table, verdict_counts
from leaderboard.views import address, board, pickers


def page() -> None:
    """Draw the page."""
    address.start()
    st.title("Published numbers beside ours", anchor=False)
    _numbers()
    address.finish()


def _numbers() -> None:
    st.markdown(
        "What papers report, and what the same method gives here. Nothing is left out: what was "
        "never run says so, and a number is judged only where both ran under the same protocol."
    )
    found = board.conformance()
    st.html(verdict_counts(summary(found.rows)))
    board.say_damaged(found.damaged)
    with st.container(horizontal=True):
        dataset = _choice("dataset", "Data set", [row.dataset for row in found.rows])
        method = _choice("method", "Method", [row.method for row in found.rows])
        verdict = _choice("verdict", "Verdict", list(VERDICTS))
    shown = selected(
        found.rows,
        datasets=pickers.wanted(dataset),
        methods=pickers.wanted(method),
        verdicts=pickers.wanted(verdict),
    )
    # What was run stands first; inside a cell the sources of one method stand together.
    shown.sort(key=lambda r: (r.ours is None, r.dataset, r.cell, r.method, r.key, r.published))
    hidden = misses(found.rows) - misses(shown)
    if hidden:
        st.warning(f"{hidden} misses (above or below) are not among the rows shown.")
    st.caption(f"{len(shown)} of {len(found.rows)} comparisons.")
    ran, idle = ([r for r in shown if (r.ours is None) is none] for none in (False, True))
    if ran:
        st.html(conformance_table(ran))
    if idle:
        with st.expander(f"{len(idle)} not run", icon=":material/unfold_more:"):
            st.html(conformance_table(idle))
    if not shown:
        st.info("No comparison has all three; choose “all” in one of them.", icon=":material/info:")
    _explained()
    _outside(shown, dataset, method, verdict)


def _choice(name: str, label: str, given: list[str]) -> str:
    options = [pickers.ALL, *(given if name == "verdict" else sorted(set(given)))]
    return pickers.one(name, label, options)


def _explained() -> None:
    with st.expander("How to read this", icon=":material/help:"):
        st.markdown("\n".join(f"* **{name}**: {words}." for name, words in VERDICTS.items()))
        st.markdown(
            "**How far to believe a published number**\n\n"
            + "\n".join(f"* **{name}**: {words}." for name, words in TRUSTS.items())
        )
        st.markdown(
            "The band is at least 1.5 points wide to either side, since careful runs of one "
            "protocol lie that far apart. Open *protocol* in a row to see both, field by field. "
            "A choice of epoch that a source leaves unsaid is let through for clean labels only."
        )


def _outside(shown: list[ConformanceRow], dataset: str, method: str, verdict: str) -> None:
    options = pickers.options_text(("dataset", dataset), ("method", method), ("verdict", verdict))
    st.caption(f"The same in a terminal: `tailmark conformance{options}{board.scope()}`")
    st.download_button(
        "Comparisons as CSV",
        rows_text(conformance_rows(shown), "csv"),
        "conformance.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


page()

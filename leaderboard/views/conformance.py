"""Published numbers beside ours, and how the protocols differ; a miss is never hidden."""

import streamlit as st

from harness.runs.conformance import (
    TRUSTS,
    VERDICTS,
    ConformanceRow,
    misses,
    selected,
    summary,
)
from harness.runs.conformance_text import conformance_text
from leaderboard.beside import conformance_table, verdict_counts
from leaderboard.markup import plain
from leaderboard.views import chosen

ALL = "all"


def page() -> None:
    """Draw the page."""
    st.title("Conformance", anchor=False)
    st.markdown(
        "What papers report, and what the same method gives here. Nothing is left out: what was "
        "never run says so, and a number is judged only where both ran under the same protocol."
    )
    found = chosen.conformance()
    st.html(verdict_counts(summary(found.rows)))
    for sentence in found.damaged:
        st.error(f"Left out: {plain(sentence)}", icon=":material/error:")
    with st.container(horizontal=True):
        dataset = _choice("dataset", "Data set", [row.dataset for row in found.rows])
        method = _choice("method", "Method", [row.method for row in found.rows])
        verdict = _choice("verdict", "Verdict", list(VERDICTS))
    shown = selected(
        found.rows,
        datasets=_wanted(dataset),
        methods=_wanted(method),
        verdicts=_wanted(verdict),
    )
    # What was run stands first; inside a cell the sources of one method stand together.
    shown.sort(key=lambda r: (r.ours is None, r.dataset, r.cell, r.method, r.key, r.published))
    hidden = misses(found.rows) - misses(shown)
    if hidden:
        st.warning(f"{hidden} misses (above or below) are not among the rows shown.")
    st.caption(f"{len(shown)} of {len(found.rows)} comparisons.")
    if shown:
        st.html(conformance_table(shown))
    else:
        st.info("No comparison has all three; choose “all” in one of them.", icon=":material/info:")
    _explained()
    _outside(shown, dataset, method, verdict)


def _choice(name: str, label: str, given: list[str]) -> str:
    options = [ALL, *(given if name == "verdict" else sorted(set(given)))]
    return chosen.choose(name, label, options, optional=True)


def _wanted(choice: str) -> tuple[str, ...]:
    return () if choice == ALL else (choice,)


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
    options = "".join(
        f' --{name} "{value}"' if " " in value else f" --{name} {value}"
        for name, value in (("dataset", dataset), ("method", method), ("verdict", verdict))
        if value != ALL
    )
    st.caption(f"The same in a terminal: `tailmark conformance{options}{chosen.scope()}`")
    st.download_button(
        "Comparisons as CSV",
        conformance_text(shown, "csv"),
        "conformance.csv",
        "text/csv",
        icon=":material/download:",
    )


page()

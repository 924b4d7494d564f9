"""Published numbers beside ours, and what the literature claims; a miss is never hidden."""

import streamlit as st

from harness.published import claims
from harness.published.claims_text import PREFACE, claim_rows
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
from leaderboard.markup.claims import claims_table, state_counts
from leaderboard.markup.conformance import conformance_table, verdict_counts
from leaderboard.markup.parts import plain
from leaderboard.views import choices as chosen

ALL = "all"
TABS = ("Published numbers", "Claims")


def page() -> None:
    """Draw the page; a link that names a claim's suite or state opens on the claims."""
    st.title("Conformance", anchor=False)
    linked = {"checked", "state"} & set(st.query_params)
    numbers, claimed = st.tabs(TABS, default=TABS[1] if linked else TABS[0])
    with numbers:
        _numbers()
    with claimed:
        _claims()


def _numbers() -> None:
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


def _claims() -> None:
    st.markdown(
        "What papers say holds, checked on the records of this board. Nothing is left out: a claim "
        "that fails here says so, and one that lacks a record names it."
    )
    found = chosen.claims()
    st.caption(PREFACE)
    st.html(state_counts(claims.summary(found.rows)))
    for sentence in found.damaged:
        st.error(f"Left out: {plain(sentence)}", icon=":material/error:")
    with st.container(horizontal=True):
        suites = list(dict.fromkeys(row.suite for row in found.rows))
        suite = chosen.choose("checked", "Suite of claims", [ALL, *suites], optional=True)
        state = chosen.choose("state", "State", [ALL, *claims.STATES], optional=True)
    shown = claims.chosen_rows(found.rows, suites=_wanted(suite), states=_wanted(state))
    miss: claims.State = "does not hold"
    hidden = claims.summary(found.rows)[miss] - claims.summary(shown)[miss]
    if hidden:
        st.warning(f"Rows that do not hold and are not shown: {hidden}.")
    st.caption(f"{len(shown)} of {len(found.rows)} rows.")
    if shown:
        st.html(claims_table(shown))
    else:
        st.info("No row has both; choose “all” in one of them.", icon=":material/info:")
    with st.expander("How to read this", icon=":material/help:"):
        st.markdown("\n".join(f"* **{name}**: {words}." for name, words in claims.STATES.items()))
    picked = _options(("suite", suite), ("state", state))
    st.caption(f"The same in a terminal: `tailmark claims{picked}{chosen.scope()}`")
    st.download_button(
        "Claims as CSV",
        rows_text(claim_rows(shown), "csv"),
        "claims.csv",
        "text/csv",
        icon=":material/download:",
    )


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
    options = _options(("dataset", dataset), ("method", method), ("verdict", verdict))
    st.caption(f"The same in a terminal: `tailmark conformance{options}{chosen.scope()}`")
    st.download_button(
        "Comparisons as CSV",
        rows_text(conformance_rows(shown), "csv"),
        "conformance.csv",
        "text/csv",
        icon=":material/download:",
    )


def _options(*picked: tuple[str, str]) -> str:
    """Return what was picked as options of the command line."""
    return "".join(
        f' --{name} "{value}"' if " " in value else f" --{name} {value}"
        for name, value in picked
        if value != ALL
    )


page()

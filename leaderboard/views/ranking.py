"""The ranking of a suite: values with intervals, ranks that the data allow, tie classes."""

import streamlit as st

from harness.rankings.display import (
    cells_text,
    interval_title,
    metric_definition,
    metric_title,
    value_text,
)
from harness.types import Ranking
from leaderboard.frames.ranking import matching, missing_frame, ranking_frame, standing_texts
from leaderboard.markup.parts import plain
from leaderboard.markup.ranking import ranking_table, scale_of
from leaderboard.views import choices as chosen

READ = """
**Value**: mean over {cells} cells of the mean over {seeds} seeds. **Interval**: where the value
would lie again in 95 of 100 repetitions with {over}.
**Class**: an entry is in class A when it cannot be told apart from the first row, in B when it
cannot be told apart from the first row of B, and so on; all pairs together are wrong in at most
5 % of rankings. **Rank**: every place that the data allow; `2–5` means that at least one entry is
better and that the rest could be in any order. A filter never moves a row between classes;
another track is another field and is ranked anew.

**Tier**: `rerun` was trained or loaded again by a maintainer or on this machine, `rescored` was
recomputed from submitted predictions, `claimed` is numbers only and is not ranked.
"""


def page() -> None:
    """Draw the page."""
    st.title("Ranking")
    with st.container(horizontal=True):
        suite = chosen.choose_suite()
        key = chosen.choose_metric(suite)
        track = chosen.choose_track()
    cells = chosen.choose_cells(suite)
    found = chosen.ranking(suite, key, track, cells)
    direction = "higher is better" if found.higher_is_better else "lower is better"
    st.markdown(
        f"**{metric_title(key)}** on **{suite}** · {direction} · "
        f"{len(found.rows)} ranked, {len(found.missing)} not{_whose(found)}"
    )
    st.caption(
        f"{metric_definition(key)} Here: {cells_text(len(found.cells))} × {len(found.seeds)} seeds."
    )
    chosen.left_out(found)
    if found.rows:
        _table(found, suite, cells)
    else:
        st.info(
            "No entry has a value in every cell. Choose some of the cells above.",
            icon=":material/info:",
        )
    _missing(found)
    _explained(found)


def _whose(found: Ranking) -> str:
    """Say so when every row is this machine's own; single ones carry a badge."""
    rows = (*found.rows, *found.beside)
    return " · all from this machine" if rows and all(row.local for row in rows) else ""


def _table(found: Ranking, suite: str, cells: tuple[str, ...] | None) -> None:
    frame = ranking_frame(found)
    with st.container(horizontal=True):
        words = chosen.search()
        labels = st.multiselect(
            "Facets",
            sorted({label for facets in frame["facets"] for label in facets}),
            placeholder="any",
            help="Shows the rows that have all of them.",
        )
        others = st.multiselect(
            "Also show",
            [key for key in chosen.metric_keys(suite) if key != found.key],
            format_func=metric_title,
            max_selections=3,
            placeholder="up to three other metrics",
            help="Value and tie class by another metric, each ranked over the same field.",
        )
    kept = matching(frame, words, labels)
    zoomed = True
    if scale_of(frame, zoomed=True) != scale_of(frame, zoomed=False):
        zoomed = st.toggle(
            "Zoom in on the leaders",
            value=True,
            help="Draws the intervals of the first three quarters of the rows as wide as the "
            "page allows; rows beyond the scale get an arrow.",
        )
    scale = scale_of(frame, zoomed=zoomed)
    kinds = sorted({row.interval_kind for row in found.rows if row.interval_kind})
    heading = " / ".join(interval_title(kind) for kind in kinds)
    ends = [value_text(end, found.key) for end in (scale.low, scale.high)]
    if not kept.all():
        st.caption(f"{int(kept.sum())} of {len(frame)} rows shown; hiding a row moves no other.")
    if kept.any():
        extra = {
            metric_title(key): standing_texts(chosen.ranking(suite, key, found.track, cells))
            for key in others
        }
        table = ranking_table(
            frame[kept], suite=suite, ends=ends, heading=heading, scale=scale, extra=extra
        )
        st.html(table)
    else:
        st.info("No row has all of that; clear a field.", icon=":material/info:")
    st.caption(
        "Rows of one class cannot be told apart from the first of it. Ranks: every place that "
        "the data allow."
    )
    flagged = [(row.name, flag) for row in (*found.rows, *found.beside) for flag in row.flags]
    if flagged:
        lines = "\n".join(f"* **{plain(name)}**: {plain(flag)}" for name, flag in flagged)
        st.warning(f"Worth a second look (never a rejection):\n\n{lines}", icon=":material/flag:")


def _missing(found: Ranking) -> None:
    if found.missing:
        st.subheader("Not ranked")
        st.caption("An entry without every cell and seed has no overall value.")
        st.dataframe(
            missing_frame(found).rename(columns={"name": "entry", "missing": "what is missing"}),
            hide_index=True,
            width="stretch",
        )


def _explained(found: Ranking) -> None:
    kinds = {row.interval_kind for row in found.rows if row.interval_kind}
    over = " and ".join(
        "new test images of the same kind"
        if kind == "test-set only"
        else "new seeds and new test images of the same kind"
        for kind in sorted(kinds)
    )
    with st.expander("How to read this", icon=":material/help:"):
        st.markdown(READ.format(cells=len(found.cells), seeds=len(found.seeds), over=over))
        if found.notes:
            st.markdown("**Not covered by the intervals**")
            st.markdown("\n".join(f"* {note}" for note in found.notes))
    st.caption(
        f"The same in a terminal: `tailmark rank --suite {found.suite} --metric {found.key} "
        f"--track {found.track}{chosen.scope()}`"
    )
    csv = ranking_frame(found).to_csv(index=False)
    st.download_button(
        "Ranking as CSV", csv, f"{found.suite}.csv", "text/csv", icon=":material/download:"
    )


page()

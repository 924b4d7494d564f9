"""The ranking of a suite: values with intervals, ranks that the data allow, tie classes."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pandas as pd
import streamlit as st

from harness.rankings.display import (
    cells_text,
    interval_title,
    metric_definition,
    metric_title,
    value_text,
)
from harness.rankings.export import ranking_rows, rows_text
from harness.types import Ranking
from leaderboard.cards import card_words, title_html
from leaderboard.frames.cells import cell_names
from leaderboard.frames.cost import cost_texts
from leaderboard.frames.headline import headline
from leaderboard.frames.ranking import (
    matching,
    missing_frame,
    standing_texts,
)
from leaderboard.markup.parts import ANCHOR, plain
from leaderboard.markup.ranking import missing_table, ranking_table, scale_of
from leaderboard.views import address, board, pickers

READ = """
**Value**: mean over {cells} cells of the mean over {seeds} seeds. **Interval**: where the value
would lie again in 95 of 100 repetitions with {over}.
**Class**: an entry is in class A when it cannot be told apart from the first row, in B when it
cannot be told apart from the first row of B, and so on; all pairs together are wrong in at most
5 % of rankings. **Rank**: every place that the data allow; `2–5` means that at least one entry is
better and that the rest could be in any order. A filter never moves a row between classes;
another track is another field and is ranked by itself.

**Tier**: `rerun` was trained or loaded again by a maintainer or on this machine, `rescored` was
recomputed from submitted predictions, `claimed` is numbers only and is not ranked.
"""


def page() -> None:
    """Draw the page."""
    address.start()
    above = st.container()
    suite = pickers.suite()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        with st.popover("Filters", icon=":material/tune:"):
            key = pickers.metric(suite)
            track = pickers.track()
            cells = pickers.cells(suite)
            found = board.ranking(suite, key, track, cells)
            frame = board.frame_of(suite, key, track, cells)
            labels = pickers.several(
                "facets",
                "Facets",
                sorted({label for facets in frame["facets"] for label in facets}),
                placeholder="any",
                help="Shows the rows that have all of them.",
            )
            tiers = pickers.several("tier", "Tier", sorted(set(frame["tier"])), placeholder="any")
            others = pickers.several(
                "also",
                "Also show",
                [other for other in board.metric_keys(suite) if other != found.key],
                words=metric_title,
                most=3,
                placeholder="up to three other metrics",
                help="Value and tie class by another metric, each ranked over the same field.",
            )
            reference = pickers.several(
                "line",
                "Reference line at",
                list(frame["name"]),
                most=1,
                placeholder="no line",
                help="Draws the value of one row through the intervals of all.",
            )
            zoomed = pickers.switch(
                "zoom",
                "Zoom in on the leaders",
                default=True,
                help="Draws the intervals of the first three quarters of the rows as wide as the "
                "page allows; rows beyond the scale get an arrow.",
            )
        words = pickers.search()
        chips = _filters(suite, found, cells, labels, tiers, others)
        pickers.chips([*chips, *(("line", f"line at {name}", name) for name in reference)])
    above.title(plain(headline(found)), anchor=False)
    direction = "higher is better" if found.higher_is_better else "lower is better"
    st.caption(
        f"**{plain(metric_title(key))}**, {direction} · {cells_text(len(found.cells))} × "
        f"{len(found.seeds)} seeds · {len(found.rows)} ranked, {len(found.missing)} not"
        f"{_whose(found)}"
    )
    kept = matching(frame, words, labels) & (frame["tier"].isin(tiers) if tiers else True)
    st.html(f"<span id='{ANCHOR}'></span>")
    if not found.rows:
        st.info("Choose some of the cells under Filters.", icon=":material/info:")
    elif not kept.any():
        st.info("No row has all of that; take a filter off.", icon=":material/info:")
    else:
        _table(found, frame, kept, cells, others, reference, zoomed=zoomed)
    board.left_out(suite)
    board.notes_of(found)
    _flagged(found)
    _missing(found)
    _explained(found)
    _downloads(_shown(found, set(frame["name"][kept]), words, labels, tiers))
    address.finish()


def _filters(
    suite: str,
    found: Ranking,
    cells: Sequence[str] | None,
    labels: Sequence[str],
    tiers: Sequence[str],
    others: Sequence[str],
) -> list[tuple[str, str, str]]:
    """Return what is not at its default, for the chips."""
    primary = board.field(suite).rows[0].recorded.record.suite.primary
    names = cell_names(board.field(suite).rows[0].recorded.record.suite.cells)
    shown = []
    if found.key != primary:
        shown.append(("metric", metric_title(found.key), ""))
    if found.track != "open":
        shown.append(("track", f"track {found.track}", ""))
    shown += [("cells", names[cell], cell) for cell in cells or ()]
    shown += [("facets", label, label) for label in labels]
    shown += [("tier", tier, tier) for tier in tiers]
    shown += [("also", f"also {metric_title(key)}", key) for key in others]
    return shown


def _whose(found: Ranking) -> str:
    """Say so when every row is this machine's own; single ones carry a badge."""
    rows = (*found.rows, *found.beside)
    return " · none of them submitted" if rows and all(row.local for row in rows) else ""


def _table(
    found: Ranking,
    frame: pd.DataFrame,
    kept: pd.Series,
    cells: tuple[str, ...] | None,
    others: Sequence[str],
    reference: Sequence[str],
    *,
    zoomed: bool,
) -> None:
    scale = scale_of(frame, zoomed=zoomed)
    kinds = sorted({row.interval_kind for row in found.rows if row.interval_kind})
    heading = " / ".join(interval_title(kind) for kind in kinds) or "Interval"
    ends = [value_text(end, found.key) for end in (scale.low, scale.high)]
    shown = frame[kept]
    whole = pickers.whole(len(shown))
    part = shown if whole else shown.head(pickers.FIRST)
    rows = board.field(found.suite).by_name
    st.html(
        ranking_table(
            part,
            suite=found.suite,
            ends=ends,
            heading=heading,
            scale=scale,
            extra={
                metric_title(key): standing_texts(
                    board.ranking(found.suite, key, found.track, cells)
                )
                for key in others
            },
            cost=cost_texts({name: rows[name] for name in part["name"]}),
            titles={name: title_html(card_words(rows[name])) for name in part["name"]},
            reference=_value_of(frame, reference),
            claimed=board.claimed(found.suite, found.key) if cells is None else {},
        )
    )
    if not kept.all():
        st.caption(f"{int(kept.sum())} of {len(frame)} rows shown; hiding a row moves no other.")
    if not whole:
        pickers.show_all(len(shown))


def _value_of(frame: pd.DataFrame, names: Sequence[str]) -> float | None:
    """Return the value of a named row; None where none is named."""
    found = frame["value"][frame["name"].isin(names)]
    return float(found.iloc[0]) if len(found) else None


def _flagged(found: Ranking) -> None:
    flagged = [(row.name, flag) for row in (*found.rows, *found.beside) for flag in row.flags]
    if flagged:
        lines = "\n".join(
            f"* **{plain(name)}**: {plain(flag)}" for name, flag in flagged[: pickers.FIRST]
        )
        with st.expander(
            f"{len(flagged)} worth a second look, never a rejection", icon=":material/flag:"
        ):
            st.markdown(lines)


def _missing(found: Ranking) -> None:
    frame = missing_frame(found)
    frame = frame[~frame["missing"].str.startswith("left out:")]  # named above
    if len(frame):
        with st.expander(
            f"{len(frame)} not ranked: an entry without every cell and seed has no overall value",
            icon=":material/rule:",
        ):
            st.html(missing_table(frame, suite=found.suite))


def _explained(found: Ranking) -> None:
    kinds = {row.interval_kind for row in found.rows if row.interval_kind}
    over = " and ".join(
        "new test images of the same kind"
        if kind == "test-set only"
        else "new seeds and new test images of the same kind"
        for kind in sorted(kinds)
    )
    with st.expander("How to read this", icon=":material/help:"):
        st.markdown(metric_definition(found.key))
        st.markdown(READ.format(cells=len(found.cells), seeds=len(found.seeds), over=over))
        if found.notes:
            st.markdown("**Not covered by the intervals**")
            st.markdown("\n".join(f"* {plain(note)}" for note in found.notes))


def _shown(
    found: Ranking, names: set[str], words: str, labels: Sequence[str], tiers: Sequence[str]
) -> Ranking:
    """Return the ranking with the rows that the page shows; places stay those of the field."""
    missing = found.missing if not (words or labels or tiers) else ()
    return replace(
        found,
        rows=tuple(row for row in found.rows if row.name in names),
        beside=tuple(row for row in found.beside if row.name in names),
        missing=missing,
    )


def _text(shown: Ranking, form: str) -> str:
    return rows_text(ranking_rows(shown), form) + "\n"


def _downloads(shown: Ranking) -> None:
    options = "".join(f" --cell {cell}" for cell in address.asked("cells"))
    st.caption(
        f"The same in a terminal: `tailmark rank --suite {shown.suite} --metric {shown.key} "
        f"--track {shown.track}{options}{board.scope()}`"
    )
    with st.container(horizontal=True):
        for form, ending, mime in FORMS:
            st.download_button(
                f"As {form}",
                partial(_text, shown, form.lower()),
                f"{shown.suite}.{ending}",
                mime,
                icon=":material/download:",
                key=f"download-{form}",
                on_click="ignore",
            )


FORMS = (
    ("CSV", "csv", "text/csv"),
    ("JSON", "json", "application/json"),
    ("Markdown", "md", "text/markdown"),
)
"""How the rows can be had: the command line's own writer."""


page()

"""Imbalance × noise as a map: one entry, the best of each cell, or the difference of two."""

import pandas as pd
import streamlit as st

from harness.errors import HarnessError
from harness.rankings.comparing import DEFAULT_MARGIN
from harness.rankings.display import cell_parts, interval_title, metric_title
from harness.types import Ranking
from leaderboard.frames.cells import cell_intervals
from leaderboard.frames.compare import verdict_frame
from leaderboard.frames.roughness import best_frame
from leaderboard.markup.map import best_map, value_map
from leaderboard.markup.parts import ANCHOR, entry_link, plain
from leaderboard.views import address, board, pickers

ONE, BEST, TWO = "one entry", "best entry of each cell", "difference of two entries"


def page() -> None:
    """Draw the page."""
    address.start()
    st.title("Map", anchor=False)
    suite = pickers.suite()
    with st.container(horizontal=True):
        kind = pickers.one("map", "Shown", [BEST, ONE, TWO])
        key = pickers.metric(suite)
        found = board.ranking(suite, key)
        names = [row.name for row in (*found.rows, *found.beside)]
        names += [name for name in board.field(suite).by_name if name not in names]
        entry = pickers.row(suite, names) if kind != BEST else ""
        others = [name for name in names if name != entry]
        against = pickers.one("against", "Less this one", others) if kind == TWO else ""
    rankings = board.cell_rankings(suite, key)
    st.html(f"<span id='{ANCHOR}'></span>")
    direction = "higher" if found.higher_is_better else "lower"
    st.markdown(f"**{metric_title(key)}**, {direction} is better; deeper blue is better.")
    if kind == BEST:
        _best(suite, {c: r for c, r in rankings.items() if r.rows})
    elif kind == ONE:
        _one(suite, entry, rankings, rising=found.higher_is_better)
    else:
        _difference(suite, entry, against, key)
    st.caption("A field opens its entry. Imbalance runs down, label noise to the right.")
    board.left_out(suite)
    address.finish()


def _best(suite: str, rankings: dict[str, Ranking]) -> None:
    if rankings:
        st.html(best_map(best_frame(rankings), suite=suite))
    else:
        st.info("No entry has a value in any cell.", icon=":material/info:")


def _one(suite: str, entry: str, rankings: dict[str, Ranking], *, rising: bool) -> None:
    frame = cell_intervals(entry, rankings)
    frame = frame.assign(
        amount=frame["value"],
        text=frame["value_text"],
        more=[f"rank {rank}" if rank != "–" else "" for rank in frame["rank"]],
    )
    _draw(suite, entry, frame, f"{entry} in every cell", two_sided=False, rising=rising)
    covers = sorted(set(frame["interval"]) - {"–"})
    st.caption(
        f"{' / '.join(covers)}; ranks within the cell." if covers else "No cell has a value."
    )
    st.caption(
        f"The same in a terminal: `tailmark rank --suite {suite} --cell CELL{board.scope()}`"
    )


def _difference(suite: str, entry: str, against: str, key: str) -> None:
    try:
        found = board.compared(suite, entry, against, key, DEFAULT_MARGIN)
    except HarnessError as error:
        board.say(error)
        return
    frame = verdict_frame(found).iloc[1:]
    frame = frame.assign(
        amount=frame["difference"], text=frame["difference_text"], more=frame["verdict"]
    )
    st.markdown(f"{plain(entry)} less {plain(against)}, paired; above zero is better.")
    _draw(suite, entry, frame, f"{entry} less {against}", two_sided=True, rising=True)
    st.caption(f"{interval_title(frame['covers'].iloc[0])}.")
    st.caption(
        f"The same in a terminal: `tailmark compare {entry} {against} --suite {suite} "
        f"--metric {key}{board.scope()}`"
    )


def _draw(
    suite: str, entry: str, frame: pd.DataFrame, caption: str, *, two_sided: bool, rising: bool
) -> None:
    if frame["amount"].notna().any():
        parts = [cell_parts(cell) for cell in frame["cell"]]
        shown = frame.assign(imbalance=[p[0] for p in parts], noise=[p[1] for p in parts])
        links = [entry_link(suite, entry, cell=cell) for cell in frame["cell"]]
        st.html(value_map(shown, links=links, caption=caption, two_sided=two_sided, rising=rising))
    else:
        st.info(f"{plain(entry)} has no value in any cell.", icon=":material/info:")


page()

"""Two entries or more, paired: what differs, where, and whether the data can tell."""

from collections.abc import Sequence

import streamlit as st

from harness.errors import HarnessError
from harness.metric_keys import RowName
from harness.rankings.comparing import DEFAULT_MARGIN, Comparison, survival_text, surviving
from harness.rankings.display import difference_text, interval_title, metric_title
from leaderboard.charts.compare import classes_chart, verdicts_chart
from leaderboard.examples import command_line
from leaderboard.frames.cells import cell_names
from leaderboard.frames.compare import (
    class_frame,
    plainest,
    verdict_frame,
    view_frame,
    views_of,
)
from leaderboard.frames.ranking import display_scale
from leaderboard.markup.compare import verdicts_table, views_table
from leaderboard.markup.examples import examples_html
from leaderboard.markup.parts import ANCHOR, plain
from leaderboard.views import address, board, pickers
from leaderboard.views.columns import CLASSES
from leaderboard.views.pictures import draw

MOST = 6
"""Entries side by side; more cannot be told apart by colour."""


def page() -> None:
    """Draw the page."""
    address.start()
    st.title("Compare", anchor=False)
    suite = pickers.suite()
    found = board.ranking(suite)
    rows = board.field(suite).by_name
    names = list(dict.fromkeys([r.name for r in (*found.rows, *found.beside)] + [*rows]))
    with st.container(horizontal=True):
        reference = pickers.one("against", "Reference", names, default=plainest(names))
        others = [name for name in names if name != reference]
        picked = pickers.several(
            "with", "Compared with it", others, placeholder="the first of the ranking", most=MOST
        )
        key = pickers.metric(suite)
    compared = picked or others[:1]
    st.html(f"<span id='{ANCHOR}'></span>")
    if not compared:
        st.info(f"{suite} has one row; there is nothing to compare.", icon=":material/info:")
        st.stop()
    _pairs(suite, compared, reference, key)
    cells = rows[reference].recorded.record.suite.cells
    words = cell_names(cells)
    st.subheader("Class by class", anchor=False)
    cell = pickers.one("cell", "Cell", cells, default=cells[-1], words=lambda c: words[c])
    side = [rows[name] for name in (reference, *compared)]
    classes = class_frame(side, cells.index(cell))
    if len(classes):
        draw(classes_chart(classes), classes, "Recall class by class", CLASSES)
        st.caption("Recall, mean over seeds, without intervals; from the head to the tail.")
    else:
        st.caption("These records keep no recall of single classes.")
    # Predictions are the entries'; a variant decides from the same.
    first, *rest = (RowName.parse(name).entry for name in (reference, *compared))
    if other := next((name for name in rest if name != first), None):
        _disagreement(suite, (other, first), cell)
    views = views_of(rows[reference].recorded, key)
    frame = view_frame(side, views, cells.index(cell))
    if len(frame):
        st.subheader("Test data with other shares of the classes", anchor=False)
        st.html(views_table(frame))
        st.caption(
            "Differences of means over seeds in the cell above, without intervals; positive is "
            "better than the reference."
        )
    board.left_out(suite)
    address.finish()


def _disagreement(suite: str, pair: tuple[str, str], cell: str) -> None:
    """Show test inputs on which two entries differ, where their predictions are."""
    st.subheader("Where they disagree", anchor=False)
    seed = board.records(suite)[pair[1]].record.suite.seeds[0]
    wanted = pickers.switch(
        "examples",
        "Show test inputs on which they differ",
        default=False,
        help="Needs the predictions of both in this machine's store, and the data.",
    )
    if wanted:
        try:
            found = board.examples(pair, suite, cell, seed)
        except HarnessError as error:
            board.say(error)
        else:
            st.markdown(
                f"Of {found['inputs']} test inputs {plain(pair[0])} alone has "
                f"**{found['candidate_right']}** right and {plain(pair[1])} alone "
                f"**{found['reference_right']}**; {found['both_wrong']} are wrong in two ways "
                f"(seed {seed}, in the cell above)."
            )
            st.html(examples_html(found))
    st.caption(f"The same in a terminal: `{command_line(pair, suite, cell, seed)}`")


def _pairs(suite: str, compared: Sequence[str], reference: str, key: str) -> None:
    """Compare each with the reference; what survives is judged over all of them together."""
    found: dict[str, Comparison | HarnessError] = {}
    for name in compared:
        try:
            found[name] = board.compared(suite, name, reference, key, DEFAULT_MARGIN)
        except HarnessError as error:
            found[name] = error
    made = {name: each for name, each in found.items() if isinstance(each, Comparison)}
    stands = dict(zip(made, surviving([*made.values()]), strict=True))
    for name, each in found.items():
        st.subheader(f"{plain(name)} against {plain(reference)}", anchor=False)
        if isinstance(each, HarnessError):
            board.say(each)
        else:
            _pair(suite, each, stands[name], len(made))


def _pair(suite: str, found: Comparison, stands: dict[str, bool], pairs: int) -> None:
    name, reference, key = found.candidate, found.reference, found.key
    whole = found.overall
    frame = verdict_frame(found, stands)
    better = int((frame["verdict"][1:] == "better").sum())
    worse = int((frame["verdict"][1:] == "worse").sum())
    interval = frame["interval_text"].iloc[0]
    st.markdown(
        f"**{whole.verdict}**: {difference_text(whole.difference, key)} {interval} "
        f"({interval_title(whole.interval_kind)}) in {metric_title(key).lower()}, positive is "
        f"better; better in {better} and worse in {worse} of {len(frame) - 1} cells. "
        f"{survival_text(stands, pairs=pairs)}"
    )
    unit = "percentage points" if display_scale(key) == 100 else metric_title(key)
    left, right = st.columns([6, 5])
    chart = verdicts_chart(frame, scale=display_scale(key), title=f"difference, {unit}")
    says = f"Difference of {name} to {reference} overall and in each cell, as in the table"
    left.altair_chart(chart.properties(description=says), width="stretch")
    right.html(verdicts_table(frame))
    st.caption(
        f"The same in a terminal: `tailmark compare {name} {reference} --suite {suite} "
        f"--metric {key}{board.scope()}`"
    )


page()

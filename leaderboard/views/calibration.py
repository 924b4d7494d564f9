"""Whether a confidence of 80 % is right in 80 %: per bin, per group, before and after scaling."""

import streamlit as st

from harness.rankings.display import VARIANTS, metric_definition
from leaderboard.charts.entry import reliability_chart
from leaderboard.frames.calibration import banded_frame, ece_frame, most_to_see
from leaderboard.frames.cells import cell_names
from leaderboard.frames.entry import ece_words
from leaderboard.markup.parts import ANCHOR
from leaderboard.markup.plain import plain_table
from leaderboard.views import address, board, pickers
from leaderboard.views.columns import RELIABILITY
from leaderboard.views.pictures import draw


def page() -> None:
    """Draw the page."""
    address.start()
    st.title("Calibration", anchor=False)
    suite = pickers.suite()
    rows = board.field(suite).by_name
    found = board.ranking(suite)
    names = list(dict.fromkeys([row.name for row in (*found.rows, *found.beside)] + [*rows]))
    with st.container(horizontal=True):
        name = pickers.row(suite, names)
        row = rows[name]
        cells = row.recorded.record.suite.cells
        words = cell_names(cells)
        cell = pickers.one(
            "cell", "Cell", cells, default=most_to_see(row, cells), words=lambda c: words[c],
            help="Opens on the cell where ECE is furthest above that of a calibrated model.",
        )  # fmt: skip
    st.html(f"<span id='{ANCHOR}'></span>")
    index = cells.index(cell)
    body = row.recorded.record.variants[row.variant].metrics
    if "test/ece" not in body:
        st.info("This record has no calibration error.", icon=":material/info:")
        address.finish()
        return
    st.markdown(f"**{ece_words(row.recorded, row.variant, index)}** (means over seeds).")
    kept = {variant: banded_frame(row.recorded, variant, index)
            for variant in row.recorded.record.variants}  # fmt: skip
    drawn = {variant: frame for variant, frame in kept.items() if frame is not None}
    columns = st.columns(max(len(drawn), 1))
    for column, (variant, frame) in zip(columns, drawn.items(), strict=False):
        label = VARIANTS.get(variant, variant) if variant else "as it is"
        column.markdown(f"**{label}**")
        with column:
            draw(reliability_chart(frame), frame, f"Reliability, {label}", RELIABILITY)
    if not drawn:
        st.caption("The record keeps no bins of this entry.")
    st.caption(
        "A point is a bin of confidences, its area the number of test rows, the grey bars their "
        "count. The shaded band holds 95 of 100 such bins of a calibrated model. Bins are kept of "
        "the entry itself and of its ranked variants."
    )
    st.subheader("Groups of classes, before and after scaling", anchor=False)
    frame = ece_frame(row.recorded, index)
    st.html(plain_table(frame, caption="ECE by group of classes, beside its null value"))
    st.caption(metric_definition("test/ece") + " " + metric_definition("test/ece_null"))
    st.caption(
        f"The ECE of all entries in a terminal: `tailmark rank --suite {suite} --metric test/ece "
        f"--cell {cell}{board.scope()}`"
    )
    board.left_out(suite)
    address.finish()


page()

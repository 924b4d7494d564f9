"""Whether an entry knows what it does not know: OOD sets, scores, and what roughness does."""

import streamlit as st

from harness.rankings.display import metric_definition, metric_title
from leaderboard.charts.ood import cells_chart, curve_chart, ood_chart, scores_chart
from leaderboard.frames.cells import cell_names
from leaderboard.frames.entry import has_ood, ood_frame, scores_frame
from leaderboard.frames.ood import METRICS_SHOWN, curves_frame, rough_frame, sets_frame
from leaderboard.markup.parts import ANCHOR
from leaderboard.markup.plain import plain_table
from leaderboard.views import address, board, pickers
from leaderboard.views.columns import HISTOGRAM, ROC, ROUGH, SCORES
from leaderboard.views.pictures import draw


def page() -> None:
    """Draw the page."""
    address.start()
    st.title("OOD", anchor=False)
    suite = pickers.suite()
    rows = board.field(suite).by_name
    found = board.ranking(suite)
    names = list(dict.fromkeys([row.name for row in (*found.rows, *found.beside)] + [*rows]))
    with st.container(horizontal=True):
        name = pickers.row(suite, names)
        row = rows[name]
        cells = row.recorded.record.suite.cells
        words = cell_names(cells)
        cell = pickers.one("cell", "Cell", cells, words=lambda c: words[c])
    st.html(f"<span id='{ANCHOR}'></span>")
    if not has_ood(row.recorded):
        st.info(f"{suite} names no OOD set: there is nothing to show.", icon=":material/info:")
        address.finish()
        return
    index, score = cells.index(cell), row.recorded.record.variants[row.variant].ood_score
    st.markdown(f"Declared score: **{score}**, larger for OOD. Means over seeds.")
    titles = {metric: metric_title(metric) for metric in METRICS_SHOWN}
    st.html(
        plain_table(sets_frame(row, index, titles), caption="OOD sets under the declared score")
    )
    left, right = st.columns(2)
    histogram = ood_frame(row.recorded, row.variant, index)
    if histogram is not None:
        left.markdown(f"**Scores** of seed {histogram['seed'].iloc[0]}")
        with left:
            draw(ood_chart(histogram, score=score), histogram, "Histograms of scores", HISTOGRAM)
        right.markdown("**ROC and precision** at the edges of the histogram")
        curves = curves_frame(histogram)
        with right:
            draw(curve_chart(curves), curves, "ROC points", ROC)
        st.caption(
            "Records keep histograms, not single scores: points lie on the curves, what is between "
            "them is not known. Precision is with as many OOD as ID images."
        )
    left, right = st.columns(2)
    panel = scores_frame(row.recorded, row.variant, index)
    if panel is not None:
        left.markdown("**Every OOD score** from the same predictions")
        with left:
            draw(scores_chart(panel), panel, "OOD AUROC of every score", SCORES)
    for place, column in (("near", right), ("far", right)):
        frame = rough_frame(row, place)
        if len(frame):
            column.markdown(f"**OOD AUROC ({place})** over noise and imbalance")
            with column:
                chart = cells_chart(frame, title=f"OOD AUROC, {place}")
                draw(chart, frame, f"OOD AUROC ({place}) in every cell", ROUGH)
    st.caption(" ".join(metric_definition(metric) for metric in METRICS_SHOWN[:2]))
    st.caption(
        f"All entries in a terminal: `tailmark rank --suite {suite} --metric "
        f"ood/near/declared/ood_auroc{board.scope()}`"
    )
    board.left_out(suite)
    address.finish()


page()

"""Whether an entry knows what it does not know: OOD sets, scores, and what roughness does."""

import pandas as pd
import streamlit as st

from harness.rankings.display import PLACES, metric_definition, metric_title
from harness.rankings.field import Candidate
from leaderboard.charts.ood import cells_chart, ood_chart, precision_chart, roc_chart, scores_chart
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
    table = sets_frame(row, index, titles)
    st.html(plain_table(table, caption="OOD sets under the declared score"))
    if not any(titles[m] in table for m in ("ood_auroc_right", "ood_auroc_wrong")):
        st.caption(
            "This record was made before OOD was measured against right and wrong ID images apart; "
            f"`tailmark rescore {row.recorded.record.entry} --suite {suite}` adds it."
        )
    _curves(row, index, score)
    for place in PLACES:
        frame = rough_frame(row, place)
        if len(frame):
            _rough(frame, place)
    panel = scores_frame(row.recorded, row.variant, index)
    if panel is not None:
        st.markdown("**Every OOD score** from the same predictions")
        draw(scores_chart(panel), panel, "OOD AUROC of every score", SCORES)
    st.caption(" ".join(metric_definition(metric) for metric in METRICS_SHOWN[:2]))
    st.caption(
        f"All entries in a terminal: `tailmark rank --suite {suite} --metric "
        f"ood/near/declared/ood_auroc{board.scope()}`"
    )
    board.left_out(suite)
    address.finish()


def _curves(row: Candidate, cell: int, score: str) -> None:
    histogram = ood_frame(row.recorded, row.variant, cell)
    if histogram is None:
        return
    curves = curves_frame(histogram)
    left, middle, right = st.columns(3)
    with left:
        st.markdown(f"**Scores** of seed {histogram['seed'].iloc[0]}")
        draw(ood_chart(histogram, score=score), histogram, "Histograms of scores", HISTOGRAM)
    with middle:
        st.markdown("**ROC** at the edges of the histogram")
        draw(roc_chart(curves), curves, "ROC points", ROC)
    with right:
        st.markdown("**Precision and recall** at the same edges")
        draw(precision_chart(curves), curves, "Precision and recall", ROC)
    st.caption(
        "Records keep histograms, not single scores: points lie on the curves, what is between "
        "them is not known. Precision is with as many OOD as ID images."
    )


def _rough(frame: pd.DataFrame, place: str) -> None:
    title = f"OOD AUROC, {place}"
    several = [over for over in ("noise", "imbalance") if frame[over].nunique() > 1]
    if not several:
        return  # the suite has one cell
    st.markdown(f"**OOD AUROC ({place})** over {' and over '.join(several)}")
    for over, column in zip(several, st.columns(2), strict=False):
        with column:
            chart = cells_chart(frame, title=title, over=over)
            draw(chart, frame, f"OOD AUROC ({place}) over {over}", ROUGH)


page()

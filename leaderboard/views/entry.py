"""One entry: what it is, how it does in each cell, what lies behind the numbers, how to redo it."""

from collections.abc import Mapping
from html import escape

import streamlit as st

from harness.errors import HarnessError
from harness.rankings.display import (
    estimate_text,
    facet_labels,
    metric_title,
    rank_text,
    tie_letter,
)
from harness.rankings.field import Candidate
from harness.records.records import Recorded
from harness.records.trust import TIERS
from harness.types import Ranking
from leaderboard.cards import card_words, code_html, paper_html
from leaderboard.charts import entry as charts
from leaderboard.charts import ood as ood_charts
from leaderboard.frames import entry as details
from leaderboard.frames import facts
from leaderboard.frames.cells import cell_intervals, cell_names
from leaderboard.frames.cost import cost_text
from leaderboard.frames.ranking import display_scale
from leaderboard.markup.parts import plain
from leaderboard.markup.plain import plain_table
from leaderboard.views import address, board, pickers
from leaderboard.views.columns import (
    CELLS,
    CONFUSION,
    COUNTS,
    CURVES,
    HISTOGRAM,
    RECALLS,
    RELIABILITY,
    SCORES,
)
from leaderboard.views.origin import origin
from leaderboard.views.pictures import draw


def page() -> None:
    """Draw the page."""
    address.start()
    title = st.empty()
    title.title("Entry", anchor=False)
    suite = pickers.suite()
    found = board.field(suite).by_name
    with st.container(horizontal=True):
        name = pickers.row(suite, _names(board.ranking(suite), found))
        key = pickers.metric(suite)
    recorded, variant = found[name].recorded, found[name].variant
    title.title(plain(name), anchor=False)
    words = card_words(found[name])
    code = f"<code>{escape(words.code)}</code>" if words.code else ""
    called = f"<b>{escape(words.title)}</b>" if words.title else ""
    links = paper_html(words.paper), code_html(words), code
    about = " · ".join(filter(None, (called, escape(words.summary), *links)))
    if about:
        st.html(f"<p class='tm-words'>{about}</p>")
    _header(name, variant, recorded, board.ranking(suite, key))
    _costs(found[name])
    _cells(suite, key, name, recorded, variant)
    _behind(recorded, variant)
    _all_metrics(recorded, variant)
    _gaps(recorded, variant)
    origin(recorded, variant, suite)
    board.left_out(suite)
    address.finish()


def _names(whole: Ranking, found: Mapping[str, Candidate]) -> list[str]:
    """Return every row's name, the ranking's first, then what is not ranked."""
    rows = [row.name for row in (*whole.rows, *whole.beside)] + [m.name for m in whole.missing]
    return list(dict.fromkeys([*rows, *found]))


def _header(name: str, variant: str, recorded: Recorded, ranking: Ranking) -> None:
    record = recorded.record
    facets = {**record.facets, **record.variants[variant].facets}
    labels = facet_labels(facets)
    with st.container(horizontal=True, gap="small"):
        st.badge(f"{record.produced_by} by the harness", color="blue")
        for label in labels:
            st.badge(plain(label), color="gray")
    row = next((r for r in (*ranking.rows, *ranking.beside) if r.name == name), None)
    if row is None:
        why = next((m.missing for m in ranking.missing if m.name == name), "not in this track")
        st.warning(f"No overall value: {plain(why)}", icon=":material/rule:")
        return
    words = estimate_text(row.value, row.low, row.high, row.interval_kind, ranking.key)
    st.markdown(f"**{metric_title(ranking.key)}** over {len(ranking.cells)} cells: **{words}**")
    beside = row in ranking.beside
    place = "beside" if beside else f"{rank_text(row)} of {len(ranking.rows)}"
    letter = "–" if beside else tie_letter(row.tie_class)
    with st.container(horizontal=True):
        st.metric("Rank", place, help="Every place that the data allow", border=True)
        st.metric("Tie class", letter, help="A cannot be told from the first row", border=True)
        st.metric("Tier", row.tier, help=TIERS[row.tier], border=True)
    for flag in row.flags:
        st.warning(f"Worth a second look: {plain(flag)}", icon=":material/flag:")


def _costs(row: Candidate) -> None:
    """Say what it costs, and why its multiply-accumulates are not among that."""
    lost = f"multiply-accumulates (MACs) not counted: {row.macs.why}" if row.macs.why else ""
    st.caption("Cost: " + plain(" · ".join(filter(None, (cost_text(row), lost)))))


def _cells(suite: str, key: str, name: str, recorded: Recorded, variant: str) -> None:
    st.subheader("In each cell", anchor=False)
    rankings = board.cell_rankings(suite, key)
    frame = cell_intervals(name, rankings)
    left, right = st.columns([6, 5])
    kinds = sorted(set(frame["interval"]) - {"–"})
    scale = display_scale(key)
    if kinds:
        left.caption(f"{metric_title(key)}, {' / '.join(kinds)}; ranks within the cell.")
        unit = "%" if scale == 100 else metric_title(key)
        with left:
            draw(
                charts.interval_chart(frame, title=unit, scale=scale),
                frame,
                f"{metric_title(key)} of {name} in each cell",
                CELLS,
            )
    shown = frame[["label", "value_text", "interval_text", "rank", "tie"]]
    right.dataframe(
        shown.set_axis(["cell", "value", "95 % interval", "rank", "class"], axis=1),
        hide_index=True,
        width="stretch",
        height="content",
    )
    for cells_without, reason in facts.reasons(recorded.record, variant, key):
        st.caption(f"No value in {plain(cells_without)}: {plain(reason)}.")


def _behind(recorded: Recorded, variant: str) -> None:
    st.subheader("Behind the numbers", anchor=False)
    cells = recorded.record.suite.cells
    words = cell_names(cells)
    cell = pickers.one("cell", "Cell", cells, default=cells[-1], words=lambda c: words[c])
    index = cells.index(cell)
    try:
        _pictures(recorded, variant, index)
    except HarnessError as error:
        board.say(error)


def _pictures(recorded: Recorded, variant: str, cell: int) -> None:
    left, right = st.columns(2)
    reliability = details.reliability_frame(recorded, variant, cell)
    with left:
        st.markdown("**Reliability**: is a confidence of 80 % right in 80 %?")
        if reliability is None:
            st.caption("Not kept for this variant.")
        else:
            st.caption(details.ece_words(recorded, variant, cell))
            draw(charts.reliability_chart(reliability), reliability, "Reliability", RELIABILITY)
    confusion = details.confusion_frame(recorded, variant, cell)
    with right:
        st.markdown("**Confusion**: where the test rows of each class went")
        if confusion is None:
            st.caption("Not kept: for up to 20 classes, the entry itself and ranked variants.")
        else:
            st.caption("Percent of each true class; all seeds pooled.")
            draw(charts.confusion_chart(confusion), confusion, "Confusion", CONFUSION)
    left, right = st.columns(2)
    counts = details.counts_frame(recorded, cell)
    with left:
        st.markdown("**Training rows of each class**: mean over seeds")
        if counts is not None:
            draw(charts.counts_chart(counts), counts, "Training rows of each class", COUNTS)
    recalls = details.recall_frame(recorded, variant, cell)
    with right:
        st.markdown("**Recall of each class**: a point a seed, a tick their mean")
        if recalls is not None:
            draw(charts.recall_chart(recalls), recalls, "Recall of each class and seed", RECALLS)
    classes = details.classes_frame(recorded, variant, cell)
    if classes is not None:
        with st.expander("Class by class", icon=":material/table:"):
            st.html(plain_table(classes, caption="Training rows and recall of each class"))
            st.caption(
                "Recall is the mean over seeds with its lowest and highest; `taken for` is the "
                "class that most errors went to, with its share of the true class."
            )
    _ood(recorded, variant, cell)
    _training(recorded, cell)


def _training(recorded: Recorded, cell: int) -> None:
    frame = details.curves_frame(recorded, cell)
    if frame is None:
        return  # probes have no epochs
    with st.container(horizontal=True):
        st.markdown("**During training**: a thin line per seed, a thick one their mean")
    left, right = st.columns(2)
    shares, amounts = frame[frame["share"]], frame[~frame["share"] & (frame["name"] != "lr")]
    if len(amounts):
        with left:
            draw(charts.curves_chart(amounts), amounts, "Losses during training", CURVES)
    if len(shares):
        with right:
            draw(charts.curves_chart(shares), shares, "Shares during training", CURVES)


def _ood(recorded: Recorded, variant: str, cell: int) -> None:
    if not details.has_ood(recorded):
        st.caption("The suite names no OOD set: there is no OOD score to show.")
        return
    left, right = st.columns(2)
    with right:
        _scores(recorded, variant, cell)
    with left:
        _histograms(recorded, variant, cell)


def _scores(recorded: Recorded, variant: str, cell: int) -> None:
    st.markdown("**Every OOD score**: from the same predictions, mean over seeds")
    frame = details.scores_frame(recorded, variant, cell)
    if frame is None:
        st.caption("No score has a value: see the reasons below.")
        return
    draw(ood_charts.scores_chart(frame), frame, "OOD AUROC of every score", SCORES)
    st.caption("The dashed line is chance. Only the declared score may be ranked.")


def _histograms(recorded: Recorded, variant: str, cell: int) -> None:
    frame = details.ood_frame(recorded, variant, cell)
    score = recorded.record.variants[variant].ood_score
    st.markdown(f"**OOD score** `{score}`: known classes against what the model never saw")
    if frame is None:
        st.caption("No scores: see the reasons below.")
        return
    draw(ood_charts.ood_chart(frame, score=score), frame, "Histograms of the OOD score", HISTOGRAM)
    st.caption(f"Seed {frame['seed'].iloc[0]}; the outermost bins take what lies beyond.")


def _all_metrics(recorded: Recorded, variant: str) -> None:
    with st.expander("All metrics in all cells", icon=":material/table:"):
        st.caption("Means over seeds, without intervals; a dash where a seed has no value.")
        st.dataframe(facts.metrics_frame(recorded, variant), hide_index=True, width="stretch")


def _gaps(recorded: Recorded, variant: str) -> None:
    undefined = facts.undefined_frame(recorded.record, variant)
    failed = facts.failed_frame(recorded.record)
    label = f"Without a value: {len(undefined)} metrics, {len(failed)} failed jobs"
    with st.expander(label, icon=":material/rule:"):
        if len(undefined):
            st.dataframe(undefined, hide_index=True, width="stretch")
        if len(failed):
            st.dataframe(failed, hide_index=True, width="stretch")
        if not len(undefined) and not len(failed):
            st.caption("Everything has a value.")


page()

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
from leaderboard import charts
from leaderboard.cards import card_words, paper_html
from leaderboard.frames import entry as details
from leaderboard.frames import facts
from leaderboard.frames.cells import cell_intervals, cell_names
from leaderboard.frames.ranking import display_scale
from leaderboard.markup.parts import plain
from leaderboard.views import address, board, pickers


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
    about = " · ".join(filter(None, (escape(words.summary), paper_html(words.paper))))
    if about:
        st.html(f"<p>{about}</p>")
    _header(name, variant, recorded, board.ranking(suite, key))
    _cells(suite, key, name, recorded, variant)
    _behind(recorded, variant)
    _all_metrics(recorded, variant)
    _gaps(recorded, variant)
    _origin(recorded, variant, suite)
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
        left.altair_chart(charts.interval_chart(frame, title=unit, scale=scale), width="stretch")
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
    cell = pickers.one("cell", "Cell", cells, words=lambda c: words[c])
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
            st.altair_chart(charts.reliability_chart(reliability), width="stretch")
    confusion = details.confusion_frame(recorded, variant, cell)
    with right:
        st.markdown("**Confusion**: where the test rows of each class went")
        if confusion is None:
            st.caption("Not kept: for up to 20 classes, the entry itself and ranked variants.")
        else:
            st.caption("Percent of each true class; all seeds pooled.")
            st.altair_chart(charts.confusion_chart(confusion), width="stretch")
    left, right = st.columns(2)
    counts = details.counts_frame(recorded, cell)
    with left:
        st.markdown("**Training rows of each class**: mean over seeds")
        if counts is not None:
            st.altair_chart(charts.counts_chart(counts), width="stretch")
    recalls = details.recall_frame(recorded, variant, cell)
    with right:
        st.markdown("**Recall of each class**: a point a seed, a tick their mean")
        if recalls is not None:
            st.altair_chart(charts.recall_chart(recalls), width="stretch")
    _ood(recorded, variant, cell)
    _training(recorded, cell)


def _training(recorded: Recorded, cell: int) -> None:
    frame = details.curves_frame(recorded, cell)
    if frame is None:
        return  # probes have no epochs
    with st.container(horizontal=True):
        st.markdown("**During training**: a thin line a seed, a thick one their mean")
    left, right = st.columns(2)
    shares, amounts = frame[frame["share"]], frame[~frame["share"] & (frame["name"] != "lr")]
    if len(amounts):
        left.altair_chart(charts.curves_chart(amounts), width="stretch")
    if len(shares):
        right.altair_chart(charts.curves_chart(shares), width="stretch")


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
    st.altair_chart(charts.scores_chart(frame), width="stretch")
    st.caption("The dashed line is chance. Only the declared score may be ranked.")


def _histograms(recorded: Recorded, variant: str, cell: int) -> None:
    frame = details.ood_frame(recorded, variant, cell)
    score = recorded.record.variants[variant].ood_score
    st.markdown(f"**OOD score** `{score}`: known classes against what the model never saw")
    if frame is None:
        st.caption("No scores: see the reasons below.")
        return
    st.altair_chart(charts.ood_chart(frame, score=score), width="stretch")
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


def _origin(recorded: Recorded, variant: str, suite: str) -> None:
    entry = recorded.record.entry
    st.subheader("Again from nothing", anchor=False)
    lines = [
        f"tailmark run {entry} --suite {suite}",
        f"tailmark rescore {entry} --suite {suite}",
    ]
    st.code("\n".join(lines), language="bash")
    st.caption(
        "`run` makes the record again; two runs agree when their `record_sha256` is the same. "
        "`rescore` recomputes it from stored predictions, without any model."
    )
    with st.expander("Provenance", icon=":material/fingerprint:"):
        st.dataframe(facts.facts_frame(recorded, variant), hide_index=True, width="stretch")


page()

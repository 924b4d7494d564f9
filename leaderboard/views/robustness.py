"""How much of a result is left when the test data are not like the training data."""

import pandas as pd
import streamlit as st

from harness.metrics.table import METRICS
from harness.rankings.display import is_fraction, metric_definition, metric_title
from leaderboard.frames.cells import cell_names
from leaderboard.frames.ranking import hidden_names
from leaderboard.frames.shifts import (
    WORLDS,
    World,
    places_shown,
    severities,
    world_frame,
    worlds_of,
)
from leaderboard.markup.cells import FORMS, heat_table
from leaderboard.views import address, board, pickers

VALUES, CHANGES = "values", "changes from the test pool as it is"
PREFERRED = ("balanced_accuracy", "accuracy", "agreement", "worst_group_accuracy")


def page() -> None:
    """Draw the page."""
    address.start()
    st.title("Robustness", anchor=False)
    suite = pickers.suite()
    with st.container(horizontal=True):
        records = board.records(suite)
        keys = {
            k for r in records.values() for body in r.record.variants.values() for k in body.metrics
        }
        found = worlds_of(keys)
        if not found:
            _nothing(suite)
            board.left_out(suite)
            return
        name = pickers.one("world", "Test data", list(found), words=WORLDS.__getitem__)
        world = found[name]
        metric = _metric(world)
    ranking = board.ranking(suite)
    with st.container(horizontal=True):
        cells = cell_names(ranking.cells)
        cell = pickers.one("cell", "Trained on", ranking.cells, words=cells.__getitem__)
        places = list(world.metrics[metric])
        if world.name == "covariate":
            choice = pickers.one("copies", "Copies", severities(places))
            places = places_shown(places, choice)
        form = pickers.one("form", "Show", [VALUES, CHANGES])
        words = pickers.search()
    rows = [row.name for row in (*ranking.rows, *ranking.beside)]
    rows += [row.name for row in ranking.missing]
    hidden = hidden_names(ranking, words)
    higher = METRICS[metric].direction == "higher"
    frame = world_frame(
        world,
        metric,
        places,
        [row for row in rows if row not in hidden],
        board.field(suite).by_name,
        ranking.cells.index(cell),
        higher_is_better=higher,
    )
    _table(frame, suite, metric, form, higher)
    _same_elsewhere(suite, world, metric)
    board.left_out(suite)
    address.finish()


def _metric(world: World) -> str:
    known = [m for m in METRICS if m in world.metrics]
    first = next((m for m in PREFERRED if m in known), known[0])
    return pickers.one("of", "Metric", known, default=first, words=lambda m: METRICS[m].title)


def _nothing(suite: str) -> None:
    st.info(
        f"No record of {suite} was scored on shifted test data. Suites that are: digits-shift-v1, "
        "cifar10-shift-v1 and others of `tailmark list suites`; run one with "
        "`tailmark run --suite digits-shift-v1`.",
        icon=":material/info:",
    )


def _table(frame: pd.DataFrame, suite: str, metric: str, form: str, higher: bool) -> None:
    unit = "" if not is_fraction(metric) else ", percentage points" if form == CHANGES else ", %"
    direction = "higher" if higher else "lower"
    st.markdown(
        f"**{metric_title(metric)}**, mean over seeds{unit}, {form} · {direction} is better"
    )
    if frame.empty:
        st.info("No row has a value here.", icon=":material/info:")
        return
    shown = FORMS[2] if form == CHANGES else FORMS[0]
    st.html(heat_table(frame, suite=suite, form=shown, higher_is_better=higher))
    st.caption(
        f"{metric_definition(metric)} Rows in the order of the suite's ranking. Means over seeds, "
        "without intervals; a dash where a seed has no value. Point at a field for its change."
    )
    st.download_button(
        "Table as CSV", frame.to_csv(index=False), f"{suite}-{metric}.csv", "text/csv",
        icon=":material/download:", on_click="ignore",
    )  # fmt: skip


def _same_elsewhere(suite: str, world: World, metric: str) -> None:
    stored = [k for k in board.metric_keys(suite) if k.startswith(f"{world.name}/")]
    for key in stored:
        st.caption(
            f"With intervals and tie classes: `tailmark rank --suite {suite} --metric {key}"
            f"{board.scope()}`, or the page Ranking."
        )


page()

"""What pages show, computed once for the records that are there now and shared by all visitors.

What computes is imported where it is called: it brings scipy, which a kept ranking does not need,
and the first visitor waits for every import.
"""

import gc
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from harness.errors import HarnessError
from harness.metric_keys import MetricKey, metric_name
from harness.metrics.table import METRICS
from harness.rankings.display import difference_text
from harness.rankings.field import DECLARED, stored_keys, suite_rows
from harness.rankings.kept import ranked
from harness.rankings.notes import NOTES
from harness.rankings.notes import notes_of as notes_of_suite
from harness.records.records import Recorded
from harness.types import Ranking
from leaderboard.examples import ask
from leaderboard.frames.cells import cells_frame, with_intervals
from leaderboard.frames.ranking import ranking_frame
from leaderboard.markup.parts import plain
from leaderboard.reading import Look, SuiteField, folders, read_field, recent_look, without_folders

if TYPE_CHECKING:
    from harness.published.claims import Checked
    from harness.published.conformance import Conformance
    from harness.rankings.comparing import Comparison
    from harness.rankings.stability import Stability


def scope() -> str:
    """Return the option that makes the command line read the folders that this board reads."""
    submitted, local = folders()
    if not local:
        return ""
    return " --with-local" if submitted else " --local"


def _look() -> Look:
    """Return what the files look like from outside."""
    submitted, local = folders()
    return recent_look((*local, *submitted))


def _of(suite: str) -> str:
    return _look().suites.get(suite, "")


def suites() -> list[str]:
    """Return the suites that have a record, those with the most ranked rows first."""
    return sorted(_look().suites, key=lambda suite: (-ranked_rows(suite), suite))


def ranked_rows(suite: str) -> int:
    """Return how many rows of a suite are ranked by its primary metric."""
    if not field(suite).rows:
        return 0
    return len(_ranking(suite, None, "open", None, _of(suite)).rows)


@st.cache_resource(show_spinner="Reading records …", max_entries=24)
def _field(suite: str, seen: str) -> SuiteField:
    """Read records; `seen` is part of the cache's key (an underscore would not be)."""
    found = read_field(suite, *folders())
    gc.freeze()  # no collection walks over what stays
    return found


@st.cache_resource(show_spinner="Ranking …", max_entries=512)
def _ranking(
    suite: str, key: str | None, track: str, cells: tuple[str, ...] | None, seen: str
) -> Ranking:
    rows = _field(suite, seen).rows
    return ranked(rows, suite=suite, key=key, track=track, cells=cells, notes=notes_of_suite(suite))


def _named(suite: str, key: str | None) -> str | None:
    """Return a metric's key, None for the primary one: asked for by name it is ranked once."""
    rows = field(suite).rows
    return None if rows and key == rows[0].recorded.record.suite.primary else key


def field(suite: str) -> SuiteField:
    """Return what there is of a suite."""
    return _field(suite, _of(suite))


def ranking(
    suite: str,
    key: str | None = None,
    track: str = "open",
    cells: tuple[str, ...] | None = None,
) -> Ranking:
    """Return a suite's ranking; where there is none, the page says why and ends."""
    try:
        return _ranking(suite, _named(suite, key), track, cells, _of(suite))
    except HarnessError as error:
        say(error)
        left_out(suite)
        st.stop()


def frame_of(
    suite: str,
    key: str | None = None,
    track: str = "open",
    cells: tuple[str, ...] | None = None,
) -> pd.DataFrame:
    """Return the rows of a suite's ranking as a frame; nobody may change it."""
    return _frame(suite, _named(suite, key), track, cells, _of(suite))


@st.cache_resource(show_spinner=False, max_entries=128)
def _frame(
    suite: str, key: str | None, track: str, cells: tuple[str, ...] | None, seen: str
) -> pd.DataFrame:
    return ranking_frame(_ranking(suite, key, track, cells, seen))


def cell_rankings(suite: str, key: str | None = None, track: str = "open") -> dict[str, Ranking]:
    """Return cell → the ranking over that cell alone; where there is none, the page says why."""
    try:
        return _cell_rankings(suite, _named(suite, key), track, _of(suite))
    except HarnessError as error:
        say(error)
        left_out(suite)
        st.stop()


@st.cache_resource(show_spinner="Ranking every cell …", max_entries=32)
def _cell_rankings(suite: str, key: str | None, track: str, seen: str) -> dict[str, Ranking]:
    from harness.rankings.single_cells import rank_cells

    rows = _field(suite, seen).rows
    return rank_cells(rows, suite=suite, key=key, track=track, notes=notes_of_suite(suite))


def stability(suite: str, key: str, track: str) -> "list[Stability]":
    """Return how far the order holds; where there is no row, the page says so and ends."""
    try:
        return _stability(suite, key, track, _of(suite))
    except HarnessError as error:
        say(error)
        left_out(suite)
        st.stop()


@st.cache_resource(show_spinner="Comparing orders …", max_entries=64)
def _stability(suite: str, key: str, track: str, seen: str) -> "list[Stability]":
    from harness.rankings.stability import order_stability

    return order_stability(_field(suite, seen).rows, suite=suite, key=key, track=track)


def claimed(suite: str, key: str) -> dict[str, str]:
    """Return row → submitted minus measured value, of rows that this machine measured again."""
    return _claimed(suite, key, _of(suite))


@st.cache_resource(show_spinner=False, max_entries=128)
def _claimed(suite: str, key: str, seen: str) -> dict[str, str]:
    submitted, local = folders()
    if not (submitted and local):
        return {}
    from harness.rankings.ranking import rank
    from harness.rankings.reproduction import agreements

    # The same comparison as `tailmark rank --local --against-committed`.
    own = suite_rows(suite, roots=(), local_roots=local)
    try:
        mine = rank(own, suite=suite, key=key)
    except HarnessError:
        return {}  # this machine has no record of it
    return {
        found.name: f"claimed − measured {difference_text(found.committed - found.ours, key)}"
        for found in agreements(mine, submitted, local[0])
    }


def cells_of(suite: str, key: str | None = None, track: str = "open") -> pd.DataFrame:
    """Return every row in every cell with its interval there as a frame; nobody may change it."""
    cell_rankings(suite, key, track)  # where there is none, the page ends here
    return _cells(suite, _named(suite, key), track, _of(suite))


@st.cache_resource(show_spinner=False, max_entries=32)
def _cells(suite: str, key: str | None, track: str, seen: str) -> pd.DataFrame:
    whole = _ranking(suite, key, track, None, seen)
    return with_intervals(cells_frame(whole), _cell_rankings(suite, key, track, seen))


def compared(suite: str, candidate: str, reference: str, key: str, margin: float) -> "Comparison":
    """Return two rows side by side, as `tailmark compare` has them.

    Raises
    ------
    HarnessError
        If they are not comparable.
    """
    return _compared(suite, candidate, reference, key, margin, _of(suite))


@st.cache_resource(show_spinner="Comparing …", max_entries=256)
def _compared(
    suite: str, candidate: str, reference: str, key: str, margin: float, seen: str
) -> "Comparison":
    from harness.rankings.comparing import compare

    return compare(_field(suite, seen).rows, candidate, reference, key=key, margin=margin)


def examples(pair: tuple[str, str], suite: str, cell: str, seed: int) -> dict[str, Any]:
    """Return test inputs on which two entries differ, as `tailmark disagree` has them.

    Raises
    ------
    HarnessError
        If their predictions or the data are not on this machine.
    """
    return _examples(pair, suite, cell, seed, _of(suite))


@st.cache_resource(show_spinner="Looking where they differ …", max_entries=64)
def _examples(pair: tuple[str, str], suite: str, cell: str, seed: int, seen: str) -> dict[str, Any]:
    return ask(pair, suite, cell, seed, folders()[0])


def records(suite: str) -> dict[str, Recorded]:
    """Return entry → record; this machine's own go before submitted ones."""
    return field(suite).records


@st.cache_resource(show_spinner="Comparing with published numbers …", max_entries=2)
def _conformance(seen: str) -> "Conformance":
    from harness.published.conformance import published_beside_ours

    submitted, local = folders()
    return published_beside_ours(
        (*local, *submitted), submissions=submitted[0] if submitted else None
    )


def conformance() -> "Conformance":
    """Return published numbers beside ours, over all suites."""
    return _conformance(_look().whole)


@st.cache_resource(show_spinner="Checking claims …", max_entries=2)
def _claims(seen: str) -> "Checked":
    from harness.published.claims import claims_on_records

    submitted, local = folders()
    return claims_on_records((*local, *submitted))


def claims() -> "Checked":
    """Return what the literature claims, checked on the records that are there now."""
    return _claims(_look().whole)


def metric_keys(suite: str) -> list[str]:
    """Return the metrics that can be ranked: those whose replicates some record holds.

    OOD metrics are offered under each entry's own declared score, since entries that declare
    different scores have none in common.
    """
    order = list(METRICS)
    known = [
        key
        for key in _stored(suite, _of(suite))
        if metric_name(key) in METRICS and _score_of(key) in (None, DECLARED)
    ]
    return sorted(known, key=lambda key: (order.index(metric_name(key)), key))


@st.cache_resource(show_spinner=False, max_entries=24)
def _stored(suite: str, seen: str) -> list[str]:
    return stored_keys(_field(suite, seen).rows)


def all_keys(suite: str) -> list[str]:
    """Return every metric that some record has a value of, OOD under the declared score only."""
    return _all_keys(suite, _of(suite))


@st.cache_resource(show_spinner=False, max_entries=24)
def _all_keys(suite: str, seen: str) -> list[str]:
    order = list(METRICS)
    bodies = (found.record.variants[""] for found in _field(suite, seen).records.values())
    # Thousands of records have the same few lists of metrics.
    lists = {(tuple(body.metrics), body.ood_score) for body in bodies}
    found = {key for names, score in lists for key in _own_keys(names, score)}
    return sorted(found, key=lambda key: (order.index(metric_name(key)), key))


def _own_keys(names: Iterable[str], score: str) -> set[str]:
    return {
        str(MetricKey.parse(key).with_score(DECLARED))
        for key in names
        if metric_name(key) in METRICS and _score_of(key) in (None, score)
    }


def _score_of(key: str) -> str | None:
    return MetricKey.parse(key).score


def say(error: HarnessError) -> None:
    """Show a mistake as a sentence, without any folder of the server."""
    submitted, local = folders()
    st.error(plain(without_folders(str(error), (*submitted, *local))), icon=":material/error:")


def say_damaged(sentences: Iterable[str]) -> None:
    """Name the records that could not be read, without any folder of the server."""
    submitted, local = folders()
    for sentence in sentences:
        words = plain(without_folders(sentence, (*submitted, *local)))
        st.error(f"Left out: {words}", icon=":material/error:")


def notes_of(found: Ranking) -> None:
    """Say what this ranking in particular leaves out, such as cells without the metric."""
    for note in found.notes:
        if note not in NOTES:
            st.info(plain(note), icon=":material/info:")


def left_out(suite: str) -> None:
    """Say how many entries were read, and name each one that was left out with its reason."""
    found = field(suite)
    if not found.left_out:
        return
    label = f"{found.loaded} loaded · {len(found.left_out)} left out and why"
    with st.expander(label, icon=":material/report:"):
        lines = (f"* **{plain(item.name)}**: {plain(item.reason)}" for item in found.left_out)
        st.markdown("\n".join(lines))

"""What pages show, computed once for the records that are there now and shared by all visitors."""

import hashlib
import time
from collections.abc import Iterable
from pathlib import Path

import streamlit as st

from harness.errors import HarnessError
from harness.metric_keys import MetricKey, metric_name
from harness.metrics.table import METRICS
from harness.published.claims import Checked, claims_on_records
from harness.published.conformance import Conformance, published_beside_ours
from harness.rankings.comparing import Comparison, compare
from harness.rankings.field import DECLARED, stored_keys
from harness.rankings.ranking import NOTES, rank
from harness.records.records import Recorded
from harness.types import Ranking
from leaderboard.markup.parts import plain
from leaderboard.reading import SuiteField, folders, read_field, suites_in, without_folders

FRESH = 1.0
"""Seconds for which the look of the folders counts: one look a run of a page."""
_LOOKS: dict[tuple[str, str], tuple[float, str]] = {}


def scope() -> str:
    """Return the option that makes the command line read the folders that this board reads."""
    submitted, local = folders()
    if not local:
        return ""
    return " --with-local" if submitted else " --local"


def _stamp(*patterns: str) -> str:
    """Return what files look like from outside, without reading them, as one string."""
    key = (str(folders()), " ".join(patterns))
    seen = _LOOKS.get(key)
    if seen is not None and time.monotonic() - seen[0] < FRESH:
        return seen[1]
    digest = hashlib.sha256(repr(key).encode())
    for pattern in patterns:
        for path in _files(pattern):
            try:
                look = path.stat()
            except OSError:
                continue  # gone between listing and looking
            digest.update(f"{path}\0{look.st_mtime_ns}\0{look.st_size}\n".encode())
    _LOOKS[key] = (time.monotonic(), digest.hexdigest())
    return _LOOKS[key][1]


def _files(pattern: str) -> Iterable[Path]:
    return sorted(path for roots in folders() for root in roots for path in root.glob(pattern))


def _of(suite: str) -> str:
    # A damaged record may have damaged arrays only, so both files count.
    return _stamp(f"*/results/{suite}.json", f"*/results/{suite}.npz", "rerun.toml")


def suites() -> list[str]:
    """Return the suites that have a record, those with the most ranked rows first."""
    submitted, local = folders()
    found = suites_in((*local, *submitted))
    return sorted(found, key=lambda suite: (-ranked_rows(suite), suite))


def ranked_rows(suite: str) -> int:
    """Return how many rows of a suite are ranked by its primary metric."""
    if not field(suite).rows:
        return 0
    return len(_ranking(suite, None, "open", None, _of(suite)).rows)


@st.cache_resource(show_spinner="Reading records …", max_entries=24)
def _field(suite: str, seen: str) -> SuiteField:
    """Read records; `seen` is part of the cache's key (an underscore would not be)."""
    return read_field(suite, *folders())


@st.cache_resource(show_spinner="Ranking …", max_entries=512)
def _ranking(
    suite: str, key: str | None, track: str, cells: tuple[str, ...] | None, seen: str
) -> Ranking:
    rows = _field(suite, seen).rows
    return rank(rows, suite=suite, key=key, track=track, cells=cells, notes=NOTES)


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
        return _ranking(suite, key, track, cells, _of(suite))
    except HarnessError as error:
        say(error)
        left_out(suite)
        st.stop()


def compared(suite: str, candidate: str, reference: str, key: str, margin: float) -> Comparison:
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
) -> Comparison:
    return compare(_field(suite, seen).rows, candidate, reference, key=key, margin=margin)


def records(suite: str) -> dict[str, Recorded]:
    """Return entry → record; this machine's own go before submitted ones."""
    return field(suite).records


@st.cache_resource(show_spinner="Comparing with published numbers …", max_entries=2)
def _conformance(seen: str) -> Conformance:
    submitted, local = folders()
    return published_beside_ours(
        (*local, *submitted), submissions=submitted[0] if submitted else None
    )


def conformance() -> Conformance:
    """Return published numbers beside ours, over all suites."""
    return _conformance(_stamp("*/results/*.json", "*/entry.toml"))


@st.cache_resource(show_spinner="Checking claims …", max_entries=2)
def _claims(seen: str) -> Checked:
    submitted, local = folders()
    return claims_on_records((*local, *submitted))


def claims() -> Checked:
    """Return what the literature claims, checked on the records that are there now."""
    return _claims(_stamp("*/results/*.json", "*/results/*.npz"))


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
    order = list(METRICS)
    found = {key for recorded in records(suite).values() for key in _own_keys(recorded)}
    return sorted(found, key=lambda key: (order.index(metric_name(key)), key))


def _own_keys(recorded: Recorded) -> set[str]:
    body = recorded.record.variants[""]
    return {
        str(MetricKey.parse(key).with_score(DECLARED))
        for key in body.metrics
        if metric_name(key) in METRICS and _score_of(key) in (None, body.ood_score)
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

"""What the visitor chose, kept in the address so that a link shows the same page to others."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import streamlit as st

from harness.errors import HarnessError
from harness.metrics.table import METRICS
from harness.published.claims import Checked, claims_on_records
from harness.published.conformance import Conformance, published_beside_ours
from harness.rankings.display import metric_title
from harness.rankings.field import DECLARED, Field, stored_keys, suite_rows
from harness.rankings.ranking import NOTES, TRACKS, rank
from harness.records.records import Recorded
from harness.types import Ranking
from leaderboard.export import folders, suites_in
from leaderboard.frames.cells import cell_names
from leaderboard.markup.parts import plain

Stamp = tuple[tuple[str, int, int], ...]
"""Path, time and size of every record: what cached pages depend on."""


def scope() -> str:
    """Return the option that makes the command line read the folders that this board reads."""
    submitted, local = folders()
    if not local:
        return ""
    return " --with-local" if submitted else " --local"


def _files(pattern: str) -> list[Path]:
    return sorted(path for roots in folders() for root in roots for path in root.glob(pattern))


def suites() -> list[str]:
    """Return the suites that have a record."""
    submitted, local = folders()
    return suites_in((*local, *submitted))


def stamp(suite: str) -> Stamp:
    """Return what the records of a suite look like from outside, without reading them."""
    return _stamp([*_files(f"*/results/{suite}.json"), *_files("rerun.toml")])


def _stamp(files: Iterable[Path]) -> Stamp:
    return tuple((str(p), p.stat().st_mtime_ns, p.stat().st_size) for p in files)


@st.cache_resource(show_spinner="Reading records …", max_entries=8)
def _field(suite: str, seen: Stamp, where: str) -> Field:
    """Read records; `seen` and `where` are part of the cache's key (an underscore would not be)."""
    roots, local = folders()
    return suite_rows(suite, roots=roots, local_roots=local)


@st.cache_data(show_spinner=False, max_entries=512)
def _ranking(
    suite: str, key: str | None, track: str, cells: tuple[str, ...] | None, seen: Stamp, where: str
) -> Ranking:
    rows = _field(suite, seen, where)
    return rank(rows, suite=suite, key=key, track=track, cells=cells, notes=NOTES)


def ranking(
    suite: str,
    key: str | None = None,
    track: str = "open",
    cells: tuple[str, ...] | None = None,
) -> Ranking:
    """Return a suite's ranking, computed once for the records that are there now."""
    try:
        return _ranking(suite, key, track, cells, stamp(suite), str(folders()))
    except HarnessError as error:
        st.error(plain(str(error)), icon=":material/error:")
        st.stop()


def records(suite: str) -> dict[str, Recorded]:
    """Return entry → record; this machine's own go before submitted ones."""
    try:
        rows = _field(suite, stamp(suite), str(folders()))
    except HarnessError as error:
        st.error(plain(str(error)), icon=":material/error:")
        st.stop()
    return {row.recorded.record.entry: row.recorded for row in rows}


@st.cache_resource(show_spinner="Reading records …", max_entries=2)
def _conformance(seen: Stamp, where: str) -> Conformance:
    """Compare; `seen` and `where` are part of the cache's key."""
    submitted, local = folders()
    return published_beside_ours(
        (*local, *submitted), submissions=submitted[0] if submitted else None
    )


def conformance() -> Conformance:
    """Return published numbers beside ours, over all suites."""
    files = (*_files("*/results/*.json"), *_files("*/entry.toml"))
    return _conformance(_stamp(files), str(folders()))


@st.cache_resource(show_spinner="Reading records …", max_entries=2)
def _claims(seen: Stamp, where: str) -> Checked:
    """Check; `seen` and `where` are part of the cache's key."""
    submitted, local = folders()
    return claims_on_records((*local, *submitted))


def claims() -> Checked:
    """Return what the literature claims, checked on the records that are there now."""
    return _claims(_stamp(_files("*/results/*.json")), str(folders()))


def metric_keys(suite: str) -> list[str]:
    """Return the metrics that can be ranked: those whose replicates some record holds.

    OOD metrics are offered under each entry's own declared score, since entries that declare
    different scores have none in common.
    """
    rows = _field(suite, stamp(suite), str(folders()))
    order = list(METRICS)
    known = [
        key
        for key in stored_keys(rows)
        if key.rsplit("/", 1)[-1] in METRICS
        and (not key.startswith("ood/") or f"/{DECLARED}/" in key)
    ]
    return sorted(known, key=lambda key: (order.index(key.rsplit("/", 1)[-1]), key))


def all_keys(suite: str) -> list[str]:
    """Return every metric that some record has a value of, OOD under the declared score only."""
    order = list(METRICS)
    found = {key for recorded in records(suite).values() for key in _own_keys(recorded)}
    return sorted(found, key=lambda key: (order.index(key.rsplit("/", 1)[-1]), key))


def _own_keys(recorded: Recorded) -> set[str]:
    body = recorded.record.variants[""]
    declared = f"/{body.ood_score}/"
    return {
        key.replace(declared, f"/{DECLARED}/") if key.startswith("ood/") else key
        for key in body.metrics
        if key.rsplit("/", 1)[-1] in METRICS and (not key.startswith("ood/") or declared in key)
    }


def left_out(found: Ranking) -> None:
    """Say what this ranking in particular leaves out, such as cells without the metric."""
    for note in found.notes:
        if note not in NOTES:
            st.info(plain(note), icon=":material/info:")


def choose_cells(suite: str) -> tuple[str, ...] | None:
    """Show which cells a value averages; they stand in the address as ``cells``.

    Returns
    -------
    tuple of str or None
        In the suite's order; None: all of them.
    """
    found = list(records(suite).values())
    names = found[0].record.suite.cells if found else ()
    words, widget = cell_names(names), f"widget-cells-{suite}"
    if widget not in st.session_state:
        asked = st.query_params.get_all("cells")
        st.session_state[widget] = [cell for cell in names if cell in asked]
    picked = st.multiselect(
        "Cells",
        names,
        key=widget,
        format_func=lambda cell: words[cell],
        placeholder="all of the suite",
        help="Ranks by the mean over these cells only: another field of values, ranked anew. "
        "Entries that lack some cells of the suite can be ranked on those that they have.",
    )
    if picked:
        st.query_params["cells"] = picked
    else:
        st.query_params.pop("cells", None)
    return tuple(cell for cell in names if cell in picked) or None


def choose(
    name: str,
    label: str,
    options: Sequence[str],
    *,
    default: str | None = None,
    words: Callable[[str], str] = str,
    optional: bool = False,
) -> str:
    """Show a selector whose choice stands in the address and outlives a change of page.

    Parameters
    ----------
    name : str
        Key in the address, e.g. ``suite``.
    label : str
        Heading of the selector.
    options : sequence of str
        Without any, the page says so and ends there.
    default : str, optional
        What stands there first; default: the first option.
    words : callable
        How an option is shown.
    optional : bool, default=False
        Leave the default out of the address.
    """
    if not options:
        st.info(f"There is no {label.lower()} to choose here.", icon=":material/info:")
        st.stop()
    widget, memory, written = f"widget-{name}", f"chosen-{name}", f"written-{name}"
    asked = st.query_params.get(name)
    first = default if default is not None and default in options else options[0]
    if asked is not None and asked not in options and asked != st.session_state.get(written):
        st.warning(f"There is no {label.lower()} named {asked!r} here; showing {words(first)}.")
    # A link to this page brings another address while the selector still holds the old choice.
    if asked != st.session_state.get(written) and asked in options:
        st.session_state[widget] = asked
    elif st.session_state.get(widget) not in options:
        before = st.session_state.get(memory)
        st.session_state[widget] = before if before in options else first
    picked: str = st.selectbox(label, options, key=widget, format_func=words)
    st.session_state[memory] = picked
    if optional and picked == first:
        st.query_params.pop(name, None)
        st.session_state[written] = None
    else:
        st.query_params[name] = st.session_state[written] = picked
    return picked


def search() -> str:
    """Show a field for words that shown rows must have; they stand in the address."""
    if "widget-find" not in st.session_state:
        st.session_state["widget-find"] = st.query_params.get("find", "")
    words: str = st.text_input(
        "Find",
        key="widget-find",
        placeholder="name, facet or tier",
        help="Hides the other rows. Ranks and classes stay those of the whole field.",
    )
    if words:
        st.query_params["find"] = words
    else:
        st.query_params.pop("find", None)
    return words


def choose_suite() -> str:
    """Show the suite selector, or say what to do when there is no record at all."""
    found = suites()
    if not found:
        where = ", ".join(str(root) for roots in folders() for root in roots)
        st.info(
            f"No records in {where}. Make some with `tailmark run --suite digits-v1`, then open "
            "the board again with `tailmark board --with-local`.",
            icon=":material/info:",
        )
        st.stop()
    return choose("suite", "Suite", found)


def choose_metric(suite: str) -> str:
    """Show the metric selector; the suite's primary metric stands first."""
    primary = next(iter(records(suite).values())).record.suite.primary
    keys = metric_keys(suite) or [primary]
    return choose("metric", "Metric", keys, default=primary, words=metric_title, optional=True)


def choose_track() -> str:
    """Show the track selector."""
    words = {"open": "open", "inductive": "inductive", "no-pretraining": "no pretraining"}
    return choose("track", "Track", list(TRACKS), words=lambda t: words.get(t, t), optional=True)

"""The widgets that pages share, each bound to the address."""

from collections.abc import Callable, Sequence

import streamlit as st

from harness.rankings.display import metric_title
from harness.rankings.field import TRACKS
from leaderboard.frames.cells import cell_names
from leaderboard.markup.parts import page_link, plain
from leaderboard.views import address, board

FIRST = 100
"""Rows that a table shows before it is asked for all."""
ALL = "all"
"""The option that narrows nothing."""
TRACK_WORDS = {"open": "open", "inductive": "inductive", "no-pretraining": "no pretraining"}


def one(
    name: str,
    label: str,
    options: Sequence[str],
    *,
    default: str | None = None,
    words: Callable[[str], str] = str,
    help: str | None = None,
) -> str:
    """Show a selector of one option.

    Parameters
    ----------
    name : str
        Name in the address.
    label : str
        Heading of the selector.
    options : sequence of str
        Without any, the page says so and ends there.
    default : str, optional
        What stands there where the address is silent; default: the first option.
    words : callable
        How an option is shown.
    help : str, optional
        An explanation behind a question mark.
    """
    if not options:
        st.info(f"There is no {label.lower()} to choose here.", icon=":material/info:")
        st.stop()
    first = default if default is not None and default in options else options[0]
    value = address.one_of(name, options, first, label)
    given = address.bound(name, value, first, lambda picked: [picked])
    picked: str = st.selectbox(label, options, format_func=words, help=help, **given)
    return picked


def several(
    name: str,
    label: str,
    options: Sequence[str],
    *,
    words: Callable[[str], str] = str,
    placeholder: str = "all",
    most: int | None = None,
    help: str | None = None,
) -> list[str]:
    """Show a selector of any number of options; parameters as in `one`."""
    value = address.several_of(name, options, label)
    if most is not None:
        value = value[:most]
    given = address.bound(name, value, [], list)
    picked: list[str] = st.multiselect(
        label,
        options,
        format_func=words,
        placeholder=placeholder,
        max_selections=most,
        help=help,
        **given,
    )
    return [option for option in options if option in picked]


def switch(name: str, label: str, *, default: bool, help: str | None = None) -> bool:
    """Show a switch; the address holds it only where it is not at its default."""
    found = address.one_of(name, ("on", "off"), "on" if default else "off", label)
    given = address.bound(name, found == "on", default, lambda on: ["on" if on else "off"])
    on: bool = st.toggle(label, help=help, **given)
    return on


def search() -> str:
    """Show a field for words that shown rows must have."""
    value = (address.asked("find") or [""])[0]
    given = address.bound("find", value, "", lambda words: [words])
    words: str = st.text_input(
        "Find",
        placeholder="Find: name, facet or tier",
        label_visibility="collapsed",
        help="Hides the other rows. Ranks and classes stay those of the whole field.",
        **given,
    )
    return words


def suite() -> str:
    """Show the suites with the number of their ranked rows, or say how to make a first record."""
    found = board.suites()
    if not found:
        st.info(
            "There are no records here yet. Make some with `tailmark run --suite digits-v1`, then "
            "open the board again with `tailmark board --with-local`.",
            icon=":material/info:",
        )
        address.finish()
        st.stop()
    value = address.one_of("suite", found, found[0], "suite")
    given = address.bound("suite", value, None, lambda picked: [picked])
    picked = st.pills(
        "Suite and its ranked rows",
        found,
        required=True,
        label_visibility="collapsed",
        format_func=lambda name: f"{name} · {board.ranked_rows(name)}",
        **given,
    )
    chosen = picked or value
    address.remember("suite", chosen)
    if not board.field(chosen).rows:
        st.error(f"No record of {chosen} can be read.", icon=":material/error:")
        board.left_out(chosen)
        st.stop()
    return chosen


def metric(suite: str) -> str:
    """Show the metric selector; the suite's primary metric stands first."""
    primary = board.field(suite).rows[0].recorded.record.suite.primary
    keys = board.metric_keys(suite)
    others = [key for key in board.all_keys(suite) if key not in keys]
    return one(
        "metric",
        "Metric",
        [*keys, *others] or [primary],
        default=primary,
        words=lambda key: metric_title(key) + ("" if key in keys else " (values alone)"),
    )


def track() -> str:
    """Show the track selector: narrowing the track ranks another field."""
    return one("track", "Track", list(TRACKS), words=lambda t: TRACK_WORDS.get(t, t),
               help="Another track is another field and is ranked by itself.")  # fmt: skip


def cells(suite: str) -> tuple[str, ...] | None:
    """Show which cells a value averages; None: all of them."""
    names = board.field(suite).rows[0].recorded.record.suite.cells
    words = cell_names(names)
    picked = several(
        "cells",
        "Cells",
        names,
        words=lambda cell: words[cell],
        placeholder="all of the suite",
        help="Ranks by the mean over these cells only: another field of values. Entries that lack "
        "some cells of the suite can be ranked on those that they have.",
    )
    return tuple(picked) or None


def row(suite: str, names: Sequence[str], *, name: str = "entry", label: str = "Entry") -> str:
    """Show the selector of one row; one that is not there is said, and nothing stands for it."""
    found = address.asked(name)
    if found and found[0] not in names:
        st.error(
            f"There is no {label.lower()} “{plain(address.shortened(found[0]))}” in "
            f"{suite}. Choose one of its {len(names)} rows.",
            icon=":material/person_off:",
        )
        _elsewhere(suite, name, found[0])
        key = f"in-address-{name}"
        st.session_state[key] = None
        picked = st.selectbox(
            label, names, index=None, key=key, placeholder="choose",
            on_change=lambda: address.write(name, [st.session_state[key]]),
        )  # fmt: skip
        board.left_out(suite)
        if picked is None:
            st.stop()
        return str(picked)
    return one(name, label, names)


def _elsewhere(suite: str, name: str, row: str) -> None:
    """Link to this page in the suites that have the row: an address may name none of them."""
    others = [o for o in board.suites() if o != suite and row in board.field(o).by_name]
    if others:
        links = ", ".join(page_link("", other, suite=other, **{name: row}) for other in others)
        st.html(f"<p class='tm-words'>It has a row in {links}.</p>")


def whole(count: int) -> bool:
    """Return whether a table of so many rows is shown whole: it is short, or was asked for."""
    return count <= FIRST or address.one_of("rows", ("all", "first"), "first", "rows") == "all"


def show_all(count: int) -> None:
    """Offer the rest of a table that is not shown whole."""
    st.button(
        f"Show all {count} rows",
        on_click=address.write,
        args=("rows", ["all"]),
        icon=":material/expand_more:",
    )


def chips(shown: Sequence[tuple[str, str, str]]) -> None:
    """Show what filters are on, each with a button that takes it off.

    Parameters
    ----------
    shown : sequence of (name in the address, words, value)
        The value is taken out of those that the address has under this name; empty: all.
    """
    for name, words, value in shown:
        st.button(
            f"{plain(words)} ✕",
            key=f"chip-{name}-{value}",
            help=f"Take off: {words}",
            on_click=_take_off,
            args=(name, value),
        )


def _take_off(name: str, value: str) -> None:
    kept = [word for word in address.asked(name) if value and word != value]
    address.write(name, kept)


def wanted(choice: str) -> tuple[str, ...]:
    """Return a choice as a filter; ALL filters nothing."""
    return () if choice == ALL else (choice,)


def options_text(*picked: tuple[str, str]) -> str:
    """Return what was picked as options of the command line."""
    return "".join(
        f' --{name} "{value}"' if " " in value else f" --{name} {value}"
        for name, value in picked
        if value != ALL
    )

"""The page's state, kept in the address: one place reads it and one place writes it.

The address is the truth. Every run of a page sets each widget from it before the widget is drawn,
and a visitor's choice changes the address before the page runs. So a link opens the same page in
another browser, Back and Forward go through the choices, and nothing is lost at the next click.
(A widget's own memory must not be trusted: Streamlit shows it once more on the next page and then
forgets it.)
"""

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from leaderboard.markup.parts import plain

SHARED = ("suite", "metric", "track")
"""What goes along to the next page."""
_MEMORY, _KNOWN, _PLACE = "address-memory", "address-known", "address-remarks"


def start() -> None:
    """Begin a run of a page: nothing of its address has been read; remarks stand here."""
    st.session_state[_KNOWN] = set()
    st.session_state[_PLACE] = st.container()


def asked(name: str) -> list[str]:
    """Return what the address says of a name, several values in their order."""
    st.session_state.setdefault(_KNOWN, set()).add(name)
    return list(st.query_params.get_all(name))


def one_of(name: str, options: Sequence[str], default: str, label: str) -> str:
    """Return the address's choice among options; what is none of them is said, not shown as one.

    Parameters
    ----------
    name : str
        Name in the address.
    options : sequence of str
        At least one.
    default : str
        One of them, where the address is silent.
    label : str
        What is chosen, for the sentence.
    """
    found = asked(name)
    if not found:
        before = st.session_state.get(_MEMORY, {}).get(name)
        return before if before in options else default
    if found[0] in options:
        return found[0]
    say_unknown(label, found[0], default)
    return default


def several_of(name: str, options: Sequence[str], label: str) -> list[str]:
    """Return the address's choices among options, in the options' order."""
    found = asked(name)
    for word in found:
        if word not in options:
            say_unknown(label, word, None)
    return [option for option in options if option in found]


def say_unknown(label: str, word: str, shown: str | None) -> None:
    """Say that the address asks for something that is not here."""
    instead = "" if shown is None else f" Showing {plain(shown)}."
    # Not where the widget is: that may be a popover which is closed.
    st.session_state.get(_PLACE, st).warning(
        f"The address asks for {label.lower()} “{plain(shortened(word))}”, which is not here."
        f"{instead}",
        icon=":material/link_off:",
    )


def shortened(word: str) -> str:
    """Return a word that fits into a sentence."""
    return word if len(word) <= 80 else f"{word[:77]}…"


def write(name: str, values: Sequence[str]) -> None:
    """Put values into the address; none take the name out of it."""
    if values:
        st.query_params[name] = list(values) if len(values) > 1 else values[0]
    else:
        st.query_params.pop(name, None)
    if name in SHARED:
        memory = dict(st.session_state.get(_MEMORY, {}))
        memory[name] = values[0] if values else None
        st.session_state[_MEMORY] = memory


def remember(name: str, value: str) -> None:
    """Keep a shared choice for the next page."""
    st.session_state[_MEMORY] = {**st.session_state.get(_MEMORY, {}), name: value}


def shared() -> dict[str, str]:
    """Return the shared choices, for links to the board's other pages."""
    found = {name: st.query_params.get(name) for name in SHARED}
    memory = st.session_state.get(_MEMORY, {})
    whole = {name: found[name] or memory.get(name) for name in SHARED}
    return {name: value for name, value in whole.items() if value}


def bound(
    name: str, value: Any, default: Any, to_address: Callable[[Any], list[str]]
) -> dict[str, Any]:
    """Return the arguments that bind a widget to the address.

    Parameters
    ----------
    name : str
        Name in the address.
    value : any
        What the widget shows in this run, from the address.
    default : any
        The value that the address leaves out.
    to_address : callable
        From the widget's value to the address's values.
    """
    key = f"in-address-{name}"
    st.session_state[key] = value

    def changed() -> None:
        picked = st.session_state[key]
        write(name, [] if picked == default else to_address(picked))

    return {"key": key, "on_change": changed}


def finish() -> None:
    """Say which parts of the address no part of this page understands."""
    known = st.session_state.get(_KNOWN, set()) | set(SHARED)
    strange = [name for name in st.query_params if name not in known]
    if strange:
        names = ", ".join(f"“{plain(shortened(name))}”" for name in strange[:5])
        st.caption(f"Parts of the address that mean nothing on this page: {names}.")

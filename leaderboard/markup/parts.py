"""Small pieces of HTML that several tables and pages share: badges, links, text for Markdown."""

import re
from collections.abc import Iterable
from html import escape
from urllib.parse import urlencode

ANCHOR = "table"
"""Where the link that skips the pickers leads."""
FRAME = """
<style>
[data-testid=stMainBlockContainer] {padding-top:1.2rem; padding-bottom:3rem; max-width:1240px;
  overflow-wrap:break-word}
[data-testid=stMainBlockContainer] > [data-testid=stVerticalBlock] {gap:.65rem}
[data-testid=stCaptionContainer], [data-testid=stCaptionContainer] p,
[data-testid=stCaptionContainer] strong, [data-testid=stCaptionContainer] code {
  color:light-dark(#4a5260, #b4bcc8) !important; opacity:1}
[data-testid=stCaptionContainer] code {background:none !important}
[data-testid=stMultiSelect] span[title] {color:light-dark(#ffffff, #0c0f14) !important}
.tm-data > summary {cursor:pointer; font-size:.82rem; color:light-dark(#4a5260, #b4bcc8)}
.tm-data > summary:focus-visible {outline:2px solid #2f8fc9; outline-offset:2px}
.tm-data[open] {max-height:24rem; overflow:auto}
.tm-words a {color:inherit}
.tm-skip {position:absolute; left:-999rem}
.tm-skip:focus {left:1rem; top:.2rem; z-index:99; padding:.4rem .7rem; border-radius:.4rem;
  background:light-dark(#20242b, #eef1f5); color:light-dark(#ffffff, #14171c) !important}
h1 {font-size:1.5rem !important; padding:.1rem 0 .7rem !important}
h2 {font-size:1.3rem !important}
h3 {font-size:1.1rem !important}
@media (max-width: 640px) {
  [data-testid=stMainBlockContainer] {padding-left:.9rem; padding-right:.9rem}
  [data-testid=stButtonGroup] [role=radiogroup] {flex-wrap:nowrap; overflow-x:auto}
  [data-testid=stButtonGroup] [role=radiogroup] button {flex:none}
}
</style>
"""
"""How every page is laid out: less empty space above, lines that are not too long."""


def badges(labels: Iterable[str]) -> str:
    """Return labels as small rounded boxes; needs the table's STYLE and class ``tm`` around."""
    return "".join(f"<span class='badge'>{escape(label)}</span>" for label in labels)


def plain(words: str) -> str:
    """Return text whose Markdown signs mean themselves, for Streamlit's own elements."""
    return re.sub(r"([\\`*_\[\]()<>#!$:~|])", r"\\\1", words)


def entry_link(suite: str, name: str, **more: str) -> str:
    """Return the address of an entry's page, relative to the board, safe inside an attribute.

    Examples
    --------
    >>> entry_link("digits-v1", "cnn-ce+la")
    'entry?suite=digits-v1&amp;entry=cnn-ce%2Bla'
    """
    return escape("entry?" + urlencode({"suite": suite, "entry": name, **more}))


def linked(suite: str, name: str, **more: str) -> str:
    """Return a row's name as a link to its page."""
    return page_link("entry", name, suite=suite, entry=name, **more)


def page_link(path: str, words: str, **state: str) -> str:
    """Return a link to a page of the board with some state, as safe HTML.

    Examples
    --------
    >>> page_link("trade-offs", "Trade-offs", suite="digits-v1")
    "<a href='trade-offs?suite=digits-v1' target='_self'>Trade-offs</a>"
    """
    return f"<a href='{escape(f'{path}?{urlencode(state)}')}' target='_self'>{escape(words)}</a>"

"""What an entry's card says in words: title, summary, paper. Nothing of it is believed or run."""

import re
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from pathlib import Path

from harness.rankings.field import Candidate

CARD = "entry.toml"
"""Name of the card in an entry's folder."""
ARXIV = re.compile(r"arXiv:\s?(\d{4}\.\d{4,5})")
"""An identifier that can be linked."""
ADDRESS = re.compile(r"https://[^\s<>\"'`]+")
"""An address that can be linked; no other scheme is."""
MOST = 300
"""Characters of a text that a page shows."""


@dataclass(frozen=True)
class CardWords:
    """What people read of a card; empty where it says nothing."""

    title: str = ""
    """As people write the entry."""
    summary: str = ""
    """What it is."""
    paper: str = ""
    """Citation or URL."""
    address: str = ""
    """Where the method's authors publish their code; empty unless it is https."""
    code: str = ""
    """Where its training or model is written: ``module:function``, or the architecture's name."""


def card_words(row: Candidate) -> CardWords:
    """Return the words of the card beside a row's record; of a variant, those of its entry."""
    if row.recorded.path is None:
        return CardWords()
    card = row.recorded.path.parents[1] / CARD
    try:
        return _read(card, card.stat().st_mtime_ns)
    except OSError:
        return CardWords()


@lru_cache(maxsize=4096)
def _read(card: Path, changed: int) -> CardWords:
    try:
        if not card.is_file():  # a pipe would be waited for
            return CardWords()
        found = tomllib.loads(card.read_text("utf-8-sig"))
    except (ValueError, RecursionError):
        return CardWords()
    texts = [found.get(name, "") for name in ("title", "summary", "paper", "code")]
    if not (isinstance(texts[-1], str) and ADDRESS.fullmatch(texts[-1])):
        texts[-1] = ""
    method, model = found.get("method"), found.get("model")
    texts.append(method.get("trainer", "") if isinstance(method, dict) else "")
    if isinstance(model, dict):
        texts[-1] = model.get("arch", "")
    return CardWords(*(text[:MOST] if isinstance(text, str) else "" for text in texts))


def paper_html(paper: str) -> str:
    """Return a citation as safe HTML; its arXiv identifier, DOI or address is a link.

    Examples
    --------
    >>> paper_html("<i> 2022, arXiv:2107.09249")
    "&lt;i&gt; 2022, <a href='https://arxiv.org/abs/2107.09249'>arXiv:2107.09249</a>"
    >>> paper_html("https://example.org/a?b=1&c")
    "<a href='https://example.org/a?b=1&amp;c'>https://example.org/a?b=1&amp;c</a>"
    """
    found = ARXIV.search(paper) or ADDRESS.search(paper)
    if found is None:
        return escape(paper)
    address = found[0] if found.re is ADDRESS else f"https://arxiv.org/abs/{found[1]}"
    named = found[0] if found.re is ADDRESS else f"arXiv:{found[1]}"
    link = f"<a href='{escape(address)}'>{escape(named)}</a>"
    return f"{escape(paper[: found.start()])}{link}{escape(paper[found.end() :])}"


def code_html(words: CardWords, text: str = "") -> str:
    """Return a link to the code of a method's authors as safe HTML; empty where none is named.

    Parameters
    ----------
    words : CardWords
        Of a card; without https nothing is linked.
    text : str, optional
        What the link says; default: the address.

    Examples
    --------
    >>> code_html(CardWords(address="https://example.org/x?a&b"), "code")
    "<a href='https://example.org/x?a&amp;b'>code</a>"
    >>> code_html(CardWords(address="javascript:alert(1)"))
    ''
    """
    if not ADDRESS.fullmatch(words.address):
        return ""
    return f"<a href='{escape(words.address)}'>{escape(text or words.address)}</a>"


def title_html(words: CardWords) -> str:
    """Return what a card calls its entry, with links to its paper and code, as safe HTML."""
    link = re.search(r"<a .*</a>", paper_html(words.paper))
    parts = escape(words.title), link[0] if link else "", code_html(words, "code")
    return " · ".join(filter(None, parts))

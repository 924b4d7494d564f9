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
        found = tomllib.loads(card.read_text("utf-8-sig"))
    except (ValueError, RecursionError):
        return CardWords()
    texts = (found.get(name, "") for name in ("title", "summary", "paper"))
    return CardWords(*(text[:MOST] if isinstance(text, str) else "" for text in texts))


def paper_html(paper: str) -> str:
    """Return a citation as safe HTML whose arXiv identifier is a link.

    Examples
    --------
    >>> paper_html("<i> 2022, arXiv:2107.09249")
    "&lt;i&gt; 2022, <a href='https://arxiv.org/abs/2107.09249'>arXiv:2107.09249</a>"
    """
    return ARXIV.sub(r"<a href='https://arxiv.org/abs/\1'>arXiv:\1</a>", escape(paper))

"""Text files of any system: UTF-8, with or without a byte order mark; words that look alike."""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from harness.errors import DataError


def utf8_text(path: Path) -> str:
    """Return a file's text; lines end alike whatever system wrote them.

    Parameters
    ----------
    path : Path
        A text file in UTF-8, possibly with the mark that Windows programs put first.

    Raises
    ------
    DataError
        If it is missing, cannot be read, or is in another encoding.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        wide = path.read_bytes()[:2] in (b"\xff\xfe", b"\xfe\xff")
        coding = "UTF-16" if wide else "LATIN1"
        raise DataError(
            f"Expected text in UTF-8 in {path}; byte {error.start:,} is none. Save the file as "
            f"UTF-8, for example with: iconv -f {coding} -t UTF-8 {path.name}"
        ) from error
    except OSError as error:
        raise DataError(
            f"Expected a text file at {path}; it cannot be read ({error.strerror}). Put it there, "
            "or name another."
        ) from error


def alike(words: Sequence[str]) -> list[str]:
    r"""Return the words that look like another of them: case, blanks and unseen signs apart.

    Parameters
    ----------
    words : sequence of str
        Different ones.

    Examples
    --------
    >>> alike(["New York", "new  york", "Paris"])
    ['New York', 'new  york']
    """
    looks = {word: _look(word) for word in words}
    times = Counter(looks.values())
    return sorted(word for word in words if times[looks[word]] > 1)


def _look(word: str) -> str:
    seen = "".join(sign for sign in word if unicodedata.category(sign) != "Cf")
    return " ".join(seen.casefold().split())

"""What the command line prints with: results to stdout, progress and remarks to stderr.

Printing never ends in a traceback: what an encoding lacks is written plainly, a reader that went
away ends the command as it ends other tools, and a disk that is full is one sentence.
"""

import codecs
import io
import os
import signal
import sys
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

if TYPE_CHECKING:
    from rich.console import Console

WIDTH = 100
"""Columns that every table fits into on a terminal."""
PIPED = 100_000
"""Columns where nobody looks: what other programs read is never wrapped."""
CLOSED_PIPE = 141
"""Exit code of a command whose reader went away, as a shell gives it: 128 + SIGPIPE."""
PLAIN = {
    "·": "-", "–": "-", "—": "-", "−": "-", "─": "-", "…": "...", "±": "+-", "×": "x", "§": "S.",
    "▲": "^", "▼": "v", "→": "->", "≥": ">=", "≤": "<=", "’": "'", "“": '"', "”": '"',
    "\u00a0": " ", "\u202f": " ", "τ": "tau", "α": "alpha", "β": "beta", "ö": "oe", "ä": "ae",
    "ü": "ue",
}  # fmt: skip
"""How characters are written that an encoding lacks; others become a question mark."""


def stdout() -> "Console":
    """Return the console for results: at most 100 columns on a terminal, unlimited elsewhere."""
    return _console(stderr=False)


def stderr() -> "Console":
    """Return the console for progress and remarks."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> "Console":
    from rich.console import Console

    plain = Console(stderr=stderr)
    limit = plain.width if stderr else min(plain.width, WIDTH)
    width = limit if plain.is_terminal else PIPED
    return Console(stderr=stderr, width=width, highlight=False, markup=stderr, emoji=False)


def printable(text: str) -> str:
    r"""Return a text in which nothing acts on a terminal: control characters are spelt out.

    Examples
    --------
    >>> printable("a\x1b[31mb")
    'a\\x1b[31mb'
    """
    return "".join(
        c if c in "\n\t" or unicodedata.category(c)[0] != "C" else _spelt(c) for c in text
    )


def _spelt(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def say(text: str = "") -> None:
    """Print one line of result."""
    sys.stdout.write(printable(text) + "\n")


def remark(text: str) -> None:
    """Print one remark to stderr."""
    sys.stderr.write(printable(text) + "\n")


@contextmanager
def correctable() -> Iterator[None]:
    """Turn an error that a user can correct into its sentence on stderr and exit code 2."""
    from harness.errors import HarnessError

    with _guarded():
        try:
            try:
                yield
            finally:
                sys.stdout.flush()
        except (HarnessError, OSError) as error:
            said = _folder_gone() or _said(error)
            if not said:
                raise
            with suppress(HarnessError):
                sys.stdout.flush()
            remark(f"tailmark: {said}")
            sys.exit(2)


@contextmanager
def interrupted_once() -> Iterator[None]:
    """Take the first Ctrl-C only: what cleans up after it is not interrupted by a second one.

    A third ends the process at once. Where Ctrl-C is ignored or handled already it stays so.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler:
        yield
        return
    pressed = 0

    def handle(number: int, frame: object) -> None:
        nonlocal pressed
        pressed += 1
        if pressed == 1:
            raise KeyboardInterrupt
        if pressed > 2:
            os._exit(130)

    signal.signal(signal.SIGINT, handle)
    yield
    if not pressed:
        signal.signal(signal.SIGINT, before)


def _said(error: Exception) -> str:
    """Return the sentence of an error, or nothing of one that no user can correct."""
    if not isinstance(error, OSError):
        return str(error)
    from harness.refusals import is_refusal, words_of_user

    if not is_refusal(error, words_of_user()):
        return ""
    place = "" if error.filename is None else f" at {str(error.filename)[:200]}"
    return (
        f"Expected files and folders that can be read and written{place}; got: {error.strerror}. "
        "Make room, correct the rights, or name another place."
    )


def _folder_gone() -> str:
    """Return the sentence for a working folder that was deleted, or an empty string."""
    try:
        Path.cwd()
    except OSError:
        return "The working folder has been deleted. Change to another folder and run it again."
    return ""


@contextmanager
def _guarded() -> Iterator[None]:
    """Let both streams survive an encoding without our characters, and failures of writing."""
    codecs.register_error("tailmark", _written_plainly)
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (cast(TextIO, _Guarded(stream)) for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def _written_plainly(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    wrong = error.object[error.start : error.end]
    return "".join(PLAIN.get(c, "?") for c in wrong), error.end


class _Guarded:
    """A text stream whose failures end the command: quietly, or with a sentence."""

    def __init__(self, stream: Any) -> None:  # whatever stands in for a stream, or None
        self._stream: Any = stream or io.StringIO()  # closed from outside: nobody reads
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="tailmark")

    def write(self, text: str) -> int:
        """Write a text."""
        return self._tried(lambda: self._stream.write(text)) or 0

    def flush(self) -> None:
        """Hand on what was written."""
        self._tried(self._stream.flush)

    def _tried(self, act: Callable[[], Any]) -> Any:
        try:
            return act()
        except BrokenPipeError:
            self._silence()
            raise SystemExit(CLOSED_PIPE) from None
        except OSError as error:
            from harness.errors import StoreError

            self._silence()
            raise StoreError(
                f"The output could not be written: {error.strerror}. Send it elsewhere, or make "
                "room."
            ) from error

    def _silence(self) -> None:
        """Send what is still buffered nowhere, so that ending does not fail again."""
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

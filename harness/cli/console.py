"""What the command line prints with: results to stdout, progress and remarks to stderr."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

WIDTH = 100
"""Columns that every table fits into; what is piped to a file has exactly this many."""


def stdout() -> "Console":
    """Return the console for results: as wide as the terminal, at most 100 columns."""
    from rich.console import Console

    plain = Console()
    return Console(width=min(plain.width, WIDTH) if plain.is_terminal else WIDTH, highlight=False)


def stderr() -> "Console":
    """Return the console for progress and remarks."""
    from rich.console import Console

    plain = Console(stderr=True)
    width = plain.width if plain.is_terminal else WIDTH
    return Console(stderr=True, width=width, highlight=False)


def say(text: str = "") -> None:
    """Print one line of result, as it is."""
    sys.stdout.write(text + "\n")


def remark(text: str) -> None:
    """Print one remark to stderr, as it is."""
    sys.stderr.write(text + "\n")


@contextmanager
def mendable() -> Iterator[None]:
    """Turn an error that a user can mend into its sentence on stderr and exit code 2."""
    from harness.errors import HarnessError

    try:
        yield
    except HarnessError as error:
        sys.stdout.flush()
        remark(f"tailmark: {error}")
        sys.exit(2)

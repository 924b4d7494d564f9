"""How much a sandboxed process may use, where it may write, and how a user says otherwise.

Imports nothing that starts threads: it is read before a process confines itself.
"""

import os
from dataclasses import dataclass, field

from harness.errors import SpecError

MIB = 1 << 20
GIB = 1 << 30
FILES = "/tailmark/files"
"""Where a program's files lie inside."""
SCRATCH = "/tailmark/scratch"
"""The only folder that can be written inside; also the home folder and the working folder."""
SETTINGS = {
    "memory": "TAILMARK_SANDBOX_MEMORY_GB",
    "scratch": "TAILMARK_SANDBOX_SCRATCH_GB",
    "hours": "TAILMARK_SANDBOX_HOURS",
}
"""Environment variables that change a default."""


def _setting(name: str, default: float) -> float:
    text = os.environ.get(SETTINGS[name])
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < 1e6:
        raise SpecError(f"{SETTINGS[name]} must be a number above 0; got {text[:40]!r}.")
    return value


def _memory() -> int:
    """Return three quarters of the machine's memory, unless the user says otherwise."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return int(_setting("memory", 0.75 * whole / GIB) * GIB)


@dataclass(frozen=True)
class Limits:
    """Limits of one sandboxed process. Whoever passes one is stopped, and the job fails."""

    memory_bytes: int = field(default_factory=_memory)
    """Address space (on a GPU: resident memory)."""
    scratch_bytes: int = field(default_factory=lambda: int(_setting("scratch", 4.0) * GIB))
    """All files that it writes, together and each; they are gone when it ends."""
    output_bytes: int = 4 * GIB
    """Largest answer: one batch's outputs, or a model's weights."""
    threads: int = 256
    """Threads at once. Other processes are not allowed at all."""
    start_seconds: float = 300.0
    """Until the code is imported and its model loaded."""
    call_seconds: float = 1800.0
    """One batch."""
    fit_seconds: float = field(default_factory=lambda: _setting("hours", 48.0) * 3600)
    """One training, or one adaptation."""

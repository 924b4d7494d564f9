"""What a sandbox is made with on this machine: bubblewrap, else namespaces of our own, else none.

Whatever is chosen has shown once in this process that it works: a file of the user's cannot be
seen, nothing can be written, there is no network and no other process.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path

from harness.errors import SandboxError, SpecError
from harness.models.sandbox import bubblewrap, namespaces
from harness.models.sandbox.confine import supported
from harness.models.sandbox.limits import MIB, SCRATCH, Limits
from harness.models.sandbox.view import View, is_foreign, view_of

SETTING = "TAILMARK_SANDBOX"
"""Environment variable that chooses: a name of `BACKENDS`, ``auto`` or ``none``."""
Command = Callable[[View, Limits, Mapping[str, str], Sequence[str]], list[str]]
BACKENDS: dict[str, Command] = {
    "bubblewrap": bubblewrap.command,
    "namespaces": namespaces.command,
}
"""Name → what makes the command; the first that works is taken."""
_PROBE = """
import os, sys
sys.path += PATHS
from harness.models.sandbox.confine import confine
confine(writable=SCRATCH, memory_bytes=1 << 33, file_bytes=1 << 20)
found = []
if os.path.exists(OUTSIDE): found.append("a file of the user's can be seen")
if "TAILMARK_PROBE" in os.environ: found.append("the environment can be read")
others = [p for p in os.listdir("/proc") if p.isdigit() and int(p) > 16]
if others: found.append("other processes can be seen")
for name in ("/probe", "/usr/probe", "/dev/probe", sys.prefix + "/probe"):
    try:
        open(name, "w").close()
        found.append(name + " can be written")
    except OSError:
        pass
open(SCRATCH + "/probe", "w").close()
try:
    os.fork()
    found.append("processes can be started")
except OSError:
    pass
import socket
try:
    socket.socket()
    found.append("sockets can be opened")
except OSError:
    pass
print("PROBED", "; ".join(found))
"""


def chosen() -> str | None:
    """Return the name of the backend of this machine, or None where there is none or it is off.

    Raises
    ------
    SpecError
        If the environment names something else.
    """
    asked = os.environ.get(SETTING, "auto")
    if asked == "none":
        return None
    if asked != "auto" and asked not in BACKENDS:
        names = ", ".join(["auto", *BACKENDS, "none"])
        raise SpecError(f"{SETTING} must be one of {names}; got {asked[:40]!r}.")
    names_tried = list(BACKENDS) if asked == "auto" else [asked]
    return next((name for name in names_tried if problem_of(name) is None), None)


def is_sandboxed(trainer: str) -> bool:
    """Return whether a trainer is code from outside for which this machine has a sandbox."""
    return is_foreign(trainer) and chosen() is not None


def require() -> str:
    """Return the name of the backend.

    Raises
    ------
    SandboxError
        If there is none, with the reason of each.
    """
    name = chosen()
    if name is not None:
        return name
    if os.environ.get(SETTING) == "none":
        raise SandboxError(f"{SETTING} is 'none', and this code runs in a sandbox only. Unset it.")
    reasons = "; ".join(f"{name}: {problem_of(name)}" for name in BACKENDS)
    raise SandboxError(
        f"Expected a sandbox for code from outside; there is none here ({reasons}). Install "
        "bubblewrap, or allow user namespaces (docs/sandbox.md)."
    )


def command(
    name: str, view: View, limits: Limits, environment: Mapping[str, str], python: Sequence[str]
) -> list[str]:
    """Return the command that runs `python` inside a backend's sandbox."""
    return BACKENDS[name](view, limits, environment, python)


@cache
def problem_of(name: str) -> str | None:
    """Return why a backend cannot be used here, or None when its probe found no way out."""
    found = supported()
    if found is not None:
        return found
    if name == "bubblewrap" and bubblewrap.program() is None:
        return "bwrap is not installed"
    with tempfile.NamedTemporaryFile() as outside:
        view = view_of()
        if not view.hides(Path(outside.name)):
            return f"{outside.name} lies in a folder that has to be seen"
        code = _PROBE.replace("PATHS", repr(list(view.sys_path)))
        code = code.replace("OUTSIDE", repr(outside.name)).replace("SCRATCH", repr(SCRATCH))
        python = [sys.executable, "-I", "-S", "-B", "-c", code]
        words = command(name, view, Limits(scratch_bytes=MIB), {"PATH": "/usr/bin"}, python)
        try:
            done = subprocess.run(
                words, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
                env={**os.environ, "TAILMARK_PROBE": "1"}, check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            return type(error).__name__
    said = done.stdout.strip().splitlines()
    if not said or not said[-1].startswith("PROBED"):
        lines = done.stderr.strip().splitlines()
        return lines[-1][:200] if lines else f"exit code {done.returncode}"
    return said[-1].removeprefix("PROBED").strip() or None

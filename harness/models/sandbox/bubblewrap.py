"""The command line of bubblewrap for a view: namespaces of its own, no capability, read-only."""

import shutil
from collections.abc import Mapping, Sequence
from functools import cache

from harness.models.sandbox.limits import FILES, SCRATCH, Limits
from harness.models.sandbox.view import View


@cache
def program() -> str | None:
    """Return where bubblewrap is installed, or None."""
    return shutil.which("bwrap")


def command(
    view: View, limits: Limits, environment: Mapping[str, str], python: Sequence[str]
) -> list[str]:
    """Return the command that runs `python` inside.

    Without ``--cap-drop ALL`` a sandbox that root starts can be left: what is mounted read-only
    is mounted again for writing.

    Parameters
    ----------
    view : View
        What it sees.
    limits : Limits
        The size of what can be written.
    environment : mapping of str to str
        All that there is inside.
    python : sequence of str
        The command inside.
    """
    words = [
        str(program()), "--unshare-user", "--unshare-all", "--die-with-parent", "--new-session",
        "--cap-drop", "ALL", "--hostname", "sandbox", "--clearenv",
    ]  # fmt: skip
    for name, value in environment.items():
        words += ["--setenv", name, value]
    for link, target in view.links.items():
        words += ["--symlink", target, link]
    for path in view.read:
        words += ["--ro-bind", str(path), str(path)]
    for path in view.empty:
        words += ["--size", "4096", "--tmpfs", str(path), "--remount-ro", str(path)]
    for name, path in view.files.items():
        words += ["--ro-bind", str(path), f"{FILES}/{name}"]
    words += ["--proc", "/proc", "--dev", "/dev"]
    for path in view.devices:
        words += ["--dev-bind", str(path), str(path)]
    words += ["--size", "4096", "--tmpfs", "/dev/shm", "--remount-ro", "/dev/shm"]
    words += ["--remount-ro", "/dev"]
    words += ["--size", str(limits.scratch_bytes), "--tmpfs", SCRATCH]
    words += ["--remount-ro", "/", "--chdir", SCRATCH, "--"]
    return [*words, *python]

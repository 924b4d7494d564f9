"""The same view without bubblewrap: user namespaces and mounts made here (Linux 5.12 and later).

`command` starts this file as a program of its own. It makes the namespaces, mounts an empty root
with what the view names, read-only, leaves the old root and every capability behind, and becomes
the program inside. It imports nothing that starts threads: a process with threads cannot.
"""

import ctypes
import json
import os
import signal
import struct
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.models.sandbox.confine import libc
from harness.models.sandbox.limits import FILES, SCRATCH, Limits

if TYPE_CHECKING:
    from harness.models.sandbox.view import View

_NEW = 0x10000000 | 0x00020000 | 0x20000000 | 0x40000000 | 0x08000000 | 0x04000000 | 0x02000000
"""CLONE_NEWUSER, NEWNS, NEWPID, NEWNET, NEWIPC, NEWUTS, NEWCGROUP."""
_BIND, _REC, _PRIVATE, _NOSUID, _NODEV, _NOEXEC = 4096, 16384, 1 << 18, 2, 4, 8
_DETACH = 2
_PIVOT_ROOT, _MOUNT_SETATTR = (155, 41), 442
_AT_RECURSIVE, _ATTR_RDONLY, _ATTR_NOSUID = 0x8000, 1, 2
_PR_SET_PDEATHSIG, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 1, 24, 38
_CAPSET = (126, 91)
_CAPABILITY_VERSION = 0x20080522
_ROOT = "/sys"
"""Where the new root is mounted, in this process's own mounts: there is one, and nothing to see
lies below it."""
DEVICES = ("null", "zero", "full", "random", "urandom")


def command(
    view: "View", limits: Limits, environment: Mapping[str, str], python: Sequence[str]
) -> list[str]:
    """Return the command that runs `python` inside; the same arguments as bubblewrap's."""
    plan = {
        "read": [str(path) for path in view.read],
        "empty": [str(path) for path in view.empty],
        "files": {name: str(path) for name, path in view.files.items()},
        "links": dict(view.links),
        "devices": [str(path) for path in view.devices],
        "scratch": limits.scratch_bytes,
        "environment": dict(environment),
        "python": list(python),
    }
    root = str(Path(__file__).resolve().parents[3])
    start = (
        f"import sys; sys.path += {list(view.sys_path)!r}; sys.path.insert(0, {root!r})\n"
        "from harness.models.sandbox.namespaces import main\n"
        f"main({json.dumps(plan)!r})"
    )
    return [sys.executable, "-I", "-S", "-B", "-c", start]


def main(text: str) -> None:
    """Make the sandbox and become the program in it; the exit code is the program's.

    Parameters
    ----------
    text : str
        The plan of `command`, as JSON.
    """
    plan = json.loads(text)
    _die_with_parent()
    user, group = os.getuid(), os.getgid()
    _call(libc.unshare(_NEW), "user namespaces")
    Path("/proc/self/setgroups").write_text("deny", "ascii")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1", "ascii")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1", "ascii")
    _end_as_child()  # the first process of the new process namespace, which takes no signal
    _die_with_parent()
    _end_as_child()
    try:
        _die_with_parent()
        _mounts(plan)
        os.setsid()
        _drop_capabilities()
        os.chdir(SCRATCH)
        os.execve(plan["python"][0], plan["python"], plan["environment"])
    except BaseException as error:
        os.write(2, f"namespaces: {error}\n".encode())
        os._exit(70)


def _mounts(plan: Mapping[str, Any]) -> None:
    _mount("none", "/", None, _REC | _PRIVATE)
    _mount("tmpfs", _ROOT, "tmpfs", _NOSUID | _NODEV, "size=1m,mode=755")
    for source in plan["read"]:
        _bind(source, _ROOT + source)
    for name, source in plan["files"].items():
        _bind(source, f"{_ROOT}{FILES}/{name}")
    for target in plan["empty"]:
        _mount("tmpfs", _ROOT + target, "tmpfs", _NOSUID | _NODEV, "size=4k")
    for link, target in plan["links"].items():
        Path(_ROOT + link).symlink_to(target)
    for name in ("/dev", "/proc", SCRATCH):
        Path(_ROOT + name).mkdir(parents=True)
    for device in (*(f"/dev/{name}" for name in DEVICES), *plan["devices"]):
        _bind(device, _ROOT + device)
    Path(f"{_ROOT}/dev/fd").symlink_to("/proc/self/fd")
    _mount("proc", f"{_ROOT}/proc", "proc", _NOSUID | _NODEV | _NOEXEC)
    _read_only(_ROOT)
    size = f"size={plan['scratch']},mode=700"
    _mount("tmpfs", f"{_ROOT}{SCRATCH}", "tmpfs", _NOSUID | _NODEV, size)
    os.chdir(_ROOT)
    number = _PIVOT_ROOT[0] if os.uname().machine == "x86_64" else _PIVOT_ROOT[1]
    _call(libc.syscall(number, b".", b"."), "another root")
    _call(libc.umount2(b".", _DETACH), "leaving the old root")
    os.chdir("/")


def _bind(source: str, target: str) -> None:
    """Show a file or folder at another place, with what is mounted below it."""
    place = Path(target)
    if Path(source).is_dir():
        place.mkdir(parents=True, exist_ok=True)
    else:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    _mount(source, target, None, _BIND | _REC)


def _mount(source: str, target: str, kind: str | None, flags: int, options: str = "") -> None:
    done = libc.mount(
        source.encode(), target.encode(), None if kind is None else kind.encode(),
        ctypes.c_ulong(flags), options.encode() or None,
    )  # fmt: skip
    _call(done, f"a mount at {target}")


def _read_only(path: str) -> None:
    """Make a mount and all below it read-only, in one call (mount_setattr)."""
    wanted = struct.pack("<QQQQ", _ATTR_RDONLY | _ATTR_NOSUID, 0, 0, 0)
    done = libc.syscall(
        _MOUNT_SETATTR, -100, path.encode(), _AT_RECURSIVE, wanted, ctypes.c_size_t(len(wanted))
    )
    _call(done, "mounts that cannot be written")


def _drop_capabilities() -> None:
    """Give every capability of the new namespace up, for good."""
    for number in range(64):
        if libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0) < 0:
            break  # past the last one that this kernel knows
    head = struct.pack("<Ii", _CAPABILITY_VERSION, 0)
    number = _CAPSET[0] if os.uname().machine == "x86_64" else _CAPSET[1]
    _call(libc.syscall(number, head, bytes(24)), "dropping capabilities")
    _call(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no new privileges")


def _end_as_child() -> None:
    """Go on as a child of this process, which ends as the child ends."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        os._exit(code if code >= 0 else 128 - code)


def _die_with_parent() -> None:
    _call(libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0), "ending with its parent")


def _call(result: int, what: str) -> None:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"the kernel refuses {what}: {os.strerror(code)}")

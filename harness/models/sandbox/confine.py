"""What a process gives up by itself before it reads a line of foreign code: Linux, no package.

Landlock (writing below one folder only), seccomp (system calls that no model needs) and resource
limits hold in whatever view bubblewrap or `namespaces` has made, and cannot be taken back. The
kernel is called through `ctypes`: the bindings on PyPI need a shared library of their own
(pyseccomp) or serve one call, and what is needed here is a table and some ten calls.
"""

import ctypes
import os
import platform
import resource
import struct
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

SYSCALLS = {
    # processes, programs, other processes
    "fork": (57, None), "vfork": (58, None), "execve": (59, 221), "execveat": (322, 281),
    "ptrace": (101, 117), "kcmp": (312, 272), "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271), "process_madvise": (440, 440), "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424), "process_mrelease": (448, 448),
    "migrate_pages": (256, 238), "move_pages": (279, 239),
    # the network
    "socket": (41, 198), "connect": (42, 203), "bind": (49, 200), "listen": (50, 201),
    "accept": (43, 202), "accept4": (288, 242),
    # memory that no limit counts
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "shmget": (29, 194),
    "msgget": (68, 186), "semget": (64, 190), "mq_open": (240, 180),
    # namespaces and mounts
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39),
    "pivot_root": (155, 41), "chroot": (161, 51), "mount_setattr": (442, 442),
    "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430),
    "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433),
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "mknod": (133, None),
    "mknodat": (259, 33), "quotactl": (179, 60), "quotactl_fd": (443, 443),
    # parts of the kernel with a large surface
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218),
    "fanotify_init": (300, 262), "lookup_dcookie": (212, 18), "personality": (135, 92),
    # the machine
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
    "kexec_load": (246, 104), "kexec_file_load": (320, 294), "reboot": (169, 142),
    "swapon": (167, 224), "swapoff": (168, 225), "acct": (163, 89), "syslog": (103, 116),
    "settimeofday": (164, 170), "clock_settime": (227, 112), "clock_adjtime": (305, 266),
    "adjtimex": (159, 171), "sethostname": (170, 161), "setdomainname": (171, 162),
    "iopl": (172, None), "ioperm": (173, None), "vhangup": (153, 58),
}  # fmt: skip
"""Refused with EPERM: name → number on x86-64, on 64-bit ARM."""
_CLONE, _CLONE3, _CLONE_THREAD = (56, 220), 435, 0x10000
_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
"""Machine → its column of `SYSCALLS`, and what the kernel calls it."""
_LD, _JEQ, _JGE, _JSET, _RET = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_EPERM, _ENOSYS = 1, 38
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _PR_SET_PDEATHSIG = 38, 22, 1
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
if sys.platform.startswith("linux"):
    libc.prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]


def supported() -> str | None:
    """Return why this machine's kernel cannot confine a process, or None."""
    if not sys.platform.startswith("linux"):
        return f"needs Linux; this is {sys.platform}"
    if platform.machine() not in _MACHINES:
        return f"knows the system calls of {', '.join(_MACHINES)}; got {platform.machine()}"
    return None


def confine(*, writable: str, memory_bytes: int | None, file_bytes: int) -> None:
    """Limit this process for good, before it has a second thread.

    Parameters
    ----------
    writable : str
        The folder that can be written.
    memory_bytes : int or None
        Address space; None where a driver maps more than there is (GPU).
    file_bytes : int
        Largest file.

    Raises
    ------
    OSError
        If the kernel refuses: then nothing foreign may run.
    """
    problem = supported()
    if problem is not None:
        raise OSError(f"The sandbox {problem}.")
    if len(list(Path("/proc/self/task").iterdir())) != 1:
        raise OSError("Threads that run already would stay unconfined.")
    _limit("RLIMIT_CORE", 0)
    _limit("RLIMIT_FSIZE", file_bytes)
    _limit("RLIMIT_NOFILE", 1024)
    _limit("RLIMIT_MEMLOCK", 0)
    if memory_bytes is not None:
        _limit("RLIMIT_AS", memory_bytes)
    _checked(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no new privileges")
    _landlock(writable)
    _seccomp(platform.machine())


def _limit(name: str, value: int) -> None:
    number = getattr(resource, name)
    hard = resource.getrlimit(number)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(number, (value, value))


def _checked(result: int, what: str) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"The kernel refuses {what}: {os.strerror(code)}")
    return int(result)


def landlock_version() -> int:
    """Return the version of Landlock that the kernel offers; 0: none."""
    return max(0, int(libc.syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), 1)))


def _landlock(writable: str) -> None:
    """Allow reading everywhere in the view, writing below one folder; nothing on old kernels.

    It is the second wall: the view is mounted read-only already.
    """
    version = landlock_version()
    if version == 0:
        return
    handled = (1 << 13) - 1  # execute, write, read, list, remove and make of every kind
    handled |= (1 << 13 if version >= 2 else 0) | (1 << 14 if version >= 3 else 0)
    network = 3 if version >= 4 else 0
    scoped = 3 if version >= 6 else 0
    sizes = {1: 8, 2: 8, 3: 8, 4: 16, 5: 16}
    attributes = struct.pack("<QQQ", handled, network, scoped)[: sizes.get(version, 24)]
    rules = _checked(
        libc.syscall(_LANDLOCK_CREATE, attributes, ctypes.c_size_t(len(attributes)), 0), "Landlock"
    )
    reading, writing = 0b1101, 0b0110 | (handled & 1 << 14)
    _allow(rules, "/", reading)
    _allow(rules, writable, handled)
    for name in ("null", "zero", "full", "random", "urandom"):
        _allow(rules, f"/dev/{name}", writing)
    for device in Path("/dev").glob("nvidia*"):
        if not device.is_dir():
            _allow(rules, str(device), writing)
    _checked(libc.syscall(_LANDLOCK_RESTRICT, rules, 0), "Landlock")
    os.close(rules)


def _allow(rules: int, path: str, access: int) -> None:
    if not Path(path).exists():
        return
    found = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = struct.pack("<Qi", access, found)
        _checked(libc.syscall(_LANDLOCK_ADD, rules, 1, rule, 0), f"a rule for {path}")
    finally:
        os.close(found)


def _seccomp(machine: str) -> None:
    program = b"".join(_instructions(machine))
    text = ctypes.create_string_buffer(program, len(program))
    head = struct.pack("@HP", len(program) // 8, ctypes.addressof(text))
    kept = ctypes.create_string_buffer(head, len(head))
    _checked(libc.prctl(_PR_SET_SECCOMP, 2, ctypes.addressof(kept), 0, 0), "seccomp")


def _instructions(machine: str) -> Iterator[bytes]:
    """Yield the filter: foreign machine codes end the process, listed calls fail, others pass."""
    column, name = _MACHINES[machine]
    yield _step(_LD, 4)
    yield _step(_JEQ, name, 1, 0)
    yield _step(_RET, _KILL)
    yield _step(_LD, 0)
    if column == 0:  # the same calls under other numbers (x32)
        yield _step(_JGE, 0x40000000, 0, 1)
        yield _step(_RET, _KILL)
    yield from _refused((row[column] for row in SYSCALLS.values()), _EPERM)
    yield from _refused([_CLONE3], _ENOSYS)  # libc falls back to clone, whose flags can be read
    yield _step(_JEQ, _CLONE[column], 0, 3)
    yield _step(_LD, 16)
    yield _step(_JSET, _CLONE_THREAD, 1, 0)
    yield _step(_RET, _ERRNO | _EPERM)
    yield _step(_RET, _ALLOW)


def _refused(numbers: Iterable[int | None], error: int) -> Iterator[bytes]:
    for number in numbers:
        if number is not None:
            yield _step(_JEQ, number, 0, 1)
            yield _step(_RET, _ERRNO | error)


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("<HBBI", code, if_true, if_false, value)

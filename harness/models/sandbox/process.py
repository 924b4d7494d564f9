"""A sandboxed process from outside: started, asked, watched, ended; nothing it says is believed."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from harness import errors
from harness.errors import HarnessError, PredictionsError, SandboxError
from harness.models.sandbox import wire
from harness.models.sandbox.backends import command, require
from harness.models.sandbox.limits import GIB, SCRATCH, Limits
from harness.models.sandbox.view import View

Event = Callable[[Mapping[str, Any], Mapping[str, np.ndarray]], None]
"""Called with what comes before an answer."""
MAX_EVENTS = 20_000
"""Of one answer: a training's epochs, twice."""
KEPT_OUTPUT = 20_000
"""Characters of what foreign code prints that are kept for a message."""
PASSED_ON = (
    "OMP_", "GOMP_", "MKL_", "OPENBLAS_", "KMP_", "CUBLAS_", "CUDA_", "ATEN_", "ONEDNN_", "DNNL_",
    "PYTHONHASHSEED", "PYTHONDONTWRITEBYTECODE", "TZ", "NVIDIA_",
)  # fmt: skip
"""Beginnings of the names of environment variables that change how numbers are computed."""


def environment() -> dict[str, str]:
    """Return the whole environment inside: where to write, and how to compute; no secrets."""
    kept = {k: v for k, v in os.environ.items() if k.startswith(PASSED_ON)}
    plain = {
        "HOME": SCRATCH, "TMPDIR": SCRATCH, "USER": "nobody", "LOGNAME": "nobody",
        "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8",
        "MLFLOW_DISABLE_TELEMETRY": "true", "HF_HUB_OFFLINE": "1",
    }  # fmt: skip
    return kept | plain


class Process:
    """One sandboxed process, which answers until it is closed.

    Parameters
    ----------
    view : View
        What it sees.
    limits : Limits
        What it may use.
    what : str
        What sentences call the code in it.
    device : {"cpu", "cuda"}
        On a GPU the address space is not limited.
    spool : Path, optional
        Folder of the file that arrays are handed in through; default: memory.

    Raises
    ------
    SandboxError
        If there is no sandbox on this machine.
    """

    def __init__(
        self,
        view: View,
        limits: Limits,
        *,
        what: str,
        device: str = "cpu",
        spool: Path | None = None,
    ) -> None:
        self.limits, self.what, self._device = limits, what, device
        self._file = _shared(spool)
        self._end = 0
        shown = os.open(f"/proc/self/fd/{self._file.fileno()}", os.O_RDONLY)
        requests, self._requests = os.pipe()
        self._replies, replies = os.pipe()
        inside = (requests, replies, shown)
        settings = {
            "requests": requests,
            "replies": replies,
            "shared": shown,
            "memory": limits.memory_bytes if device == "cpu" else None,
            "files": limits.scratch_bytes,
            "output": limits.output_bytes,
        }
        start = (
            f"import sys; sys.path += {list(view.sys_path)!r}\n"
            "from harness.models.sandbox.inside import main\n"
            f"main({settings!r})"
        )
        python = [sys.executable, "-I", "-S", "-B", "-c", start]
        self._said: deque[str] = deque(maxlen=KEPT_OUTPUT)
        try:
            self._process = subprocess.Popen(
                command(require(), view, limits, environment(), python),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=inside,
                close_fds=True,
            )
        finally:
            for fd in inside:
                os.close(fd)
        assert self._process.stdout is not None
        drain = threading.Thread(
            target=_drain, args=(self._process.stdout, self._said), daemon=True
        )
        drain.start()
        self._pid: int | None = None

    def ask(
        self,
        do: str,
        head: Mapping[str, Any] | None = None,
        arrays: Mapping[str, Any] | None = None,
        *,
        seconds: float,
        events: Event | None = None,
    ) -> tuple[Any, dict[str, np.ndarray]]:
        """Return the answer to one request.

        Parameters
        ----------
        do : str
            What is asked for, a method ``do_…`` of `harness.models.sandbox.inside.Served`.
        head : mapping, optional
            Plain JSON values.
        arrays : mapping of str to array, or to `Inputs`, optional
            Handed in through the shared file.
        seconds : float
            After which the process is ended.
        events : callable, optional
            Takes what is said before the answer.

        Returns
        -------
        reply : JSON value
        arrays : dict of str to array

        Raises
        ------
        MemoryError
            If memory ran out inside and the process lives on.
        SandboxError
            If it ended, was too slow, used too much or did not answer as agreed; it is closed.
        HarnessError
            If the code inside refused or failed: with its sentence.
        """
        if self._process.poll() is not None and self._requests < 0:
            raise SandboxError(f"The sandbox of {self.what} has ended. Run the command again.")
        deadline = time.monotonic() + seconds
        given = self._hand_in(arrays or {})
        request = json.dumps({**(head or {}), "do": do, "given": given, "arrays": []}).encode()
        count = 0
        try:
            with contextlib.suppress(BrokenPipeError):  # what it died of is found below
                self._write(wire.HEAD.pack(len(request)) + request, deadline)
            while True:
                reply, found = wire.receive(
                    self._replies, limit=self.limits.output_bytes, deadline=deadline,
                    watch=self._watch,
                )  # fmt: skip
                if "event" not in reply:
                    break
                count += 1
                if events is None or count > MAX_EVENTS:
                    raise wire.Malformed(f"more than {MAX_EVENTS:,} reports, or an unasked one")
                events(reply, found)
        except wire.Closed:
            self._stop(self._ending())
        except wire.Late:
            self._stop(
                f"took more than {seconds:,.0f} s for '{do}' and was ended. Make it faster, or "
                "raise its limit (docs/sandbox.md)"
            )
        except wire.Malformed as error:
            self._stop(f"did not answer as agreed: {printable(str(error))}")
        except BaseException:
            self.close()
            raise
        return self._opened(reply, found, do)

    def _opened(self, reply: Mapping[str, Any], found: Any, do: str) -> tuple[Any, Any]:
        if "done" in reply:
            return reply["done"], found
        said = " ".join(printable(str(reply.get("says", ""))).split())[:1000]  # one line, not ours
        kind = str(reply.get("failed", ""))
        if kind == "MemoryError":
            raise MemoryError(f"out of memory in the sandbox of {self.what}")
        error = getattr(errors, kind, None) if kind.endswith("Error") else None
        if isinstance(error, type) and issubclass(error, HarnessError):
            raise error(said)
        raise CodeFailed(f"{self.what} stopped: {said}.", said)

    def _stop(self, sentence: str) -> None:
        """Close, and raise what happened with the last line that the code printed."""
        self.close()
        lines = [line.strip() for line in self.printed.splitlines() if line.strip()]
        last = f" The last line it printed: {lines[-1][:200]!r}." if lines else ""
        raise SandboxError(f"{self.what} {sentence}.{last}")

    def _ending(self) -> str:
        try:
            code = self._process.wait(5)
        except subprocess.TimeoutExpired:
            return "closed its answers without one. Let it return what is asked for"
        if code == 0:
            return "ended without a result (exit code 0), which counts as a failure"
        signal = code - 128 if code > 128 else -code if code < 0 else 0
        killed = f" (signal {signal}, perhaps because memory ran out)" if signal else ""
        return f"ended without a result: exit code {code}{killed}"

    @property
    def printed(self) -> str:
        """Return the end of what the code printed, without control characters; never our words."""
        return printable("".join(self._said))

    def peak_memory(self) -> int | None:
        """Return the largest resident size so far in bytes, or None once the process ended."""
        size = _status(_innermost(self._process.pid)).get("VmHWM", "").split()
        return int(size[0]) << 10 if size else None

    def processor_seconds(self) -> float:
        """Return the processor time that the process has used so far; 0 once it ended."""
        try:
            text = Path(f"/proc/{_innermost(self._process.pid)}/stat").read_text("utf-8")
        except OSError:
            return 0.0
        user, system = text.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        """End the process and all that is in its sandbox; may be called again."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for fd in (self._requests, self._replies):
            if fd >= 0:
                os.close(fd)
        self._requests = self._replies = -1
        self._file.close()

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        with contextlib.suppress(Exception):
            self.close()

    def _hand_in(self, arrays: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Write arrays to the shared file, one after the other; return where each lies."""
        rows, offset, number = [], 0, self._file.fileno()
        for name, array in arrays.items():
            offset = -(-offset // 64) * 64
            parts = [np.asarray(array)] if not hasattr(array, "take_rows") else array.take_rows()
            first, length, begin = None, 0, offset
            for part in parts:
                first = part if first is None else first
                length += len(part) if part.ndim else 0
                data = np.ascontiguousarray(part).reshape(-1).view(np.uint8).data
                while data:
                    data = data[(done := os.pwrite(number, data[: 1 << 24], offset)) :]
                    offset += done
            assert first is not None, "at least one part"
            shape = [length, *first.shape[1:]] if first.ndim else []
            rows.append({"name": name, "dtype": first.dtype.str, "shape": shape, "offset": begin})
        if offset > self._end:
            self._end = offset
        return rows

    def _write(self, data: bytes, deadline: float) -> None:
        os.set_blocking(self._requests, False)
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._requests, view) :]
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise wire.Late from None
                self._watch()
                time.sleep(0.01)

    def _watch(self) -> None:
        """End a process with too many threads, or on a GPU with too much memory."""
        if self._pid is None:
            self._pid = _innermost(self._process.pid)
        status = _status(self._pid)
        if not status:
            self._pid = None
            return
        threads = int(status.get("Threads", "1"))
        resident = int(status.get("VmRSS", "0 kB").split()[0]) << 10
        if threads > self.limits.threads:
            self._stop(f"started {threads:,} threads; allowed are {self.limits.threads:,}")
        if resident > self.limits.memory_bytes:
            self._stop(
                f"uses {resident / GIB:.1f} GiB of memory; allowed are "
                f"{self.limits.memory_bytes / GIB:.1f}"
            )


class CodeFailed(PredictionsError):
    """Foreign code raised something: the sentence, and what it said alone."""

    def __init__(self, sentence: str, said: str) -> None:
        super().__init__(sentence)
        self.said = said


def printable(text: str) -> str:
    """Return a text without control characters, terminal escapes or invisible marks.

    Examples
    --------
    >>> printable("one" + chr(27) + "[2Jtwo")
    'one?[2Jtwo'
    """
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in text)


def _drain(stream: IO[bytes], said: deque[str]) -> None:
    """Keep the end of what foreign code prints; take the rest away so that it never waits."""
    with contextlib.suppress(OSError, ValueError):
        while part := os.read(stream.fileno(), 1 << 16):
            said.extend(part[-KEPT_OUTPUT:].decode("utf-8", "replace"))
    stream.close()


def _shared(spool: Path | None) -> IO[bytes]:
    if spool is not None:
        return tempfile.TemporaryFile(dir=spool)
    return os.fdopen(os.memfd_create("tailmark", os.MFD_CLOEXEC), "w+b")


def _status(pid: int) -> dict[str, str]:
    """Return what the kernel says of a process, empty once it ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
    except OSError:
        return {}
    return {name: value for name, _, value in (line.partition(":") for line in lines)}


def _innermost(pid: int) -> int:
    """Return the last process of a line of only children: the one inside."""
    while True:
        try:
            found = Path(f"/proc/{pid}/task/{pid}/children").read_text("utf-8").split()
        except OSError:
            return pid
        if not found:
            return pid
        pid = int(found[0])

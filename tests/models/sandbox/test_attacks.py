"""A corpus of attacks, each with what stops it: the table below is the report.

The code of most of them runs in one process per backend, one attack a call: each ends in an error
of the call, or in the end of the process. An attack that succeeded would return an array.
"""

import os
import subprocess
import sys
import textwrap
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest

from harness.errors import HarnessError, SandboxError
from harness.models.sandbox import backends
from harness.models.sandbox.limits import MIB, Limits
from harness.models.sandbox.programs import Program, Sandbox

ROOT = Path(__file__).resolve().parents[3]
SMALL = Limits(
    memory_bytes=640 * MIB,
    scratch_bytes=4 * MIB,
    output_bytes=4 * MIB,
    threads=32,
    call_seconds=20.0,
)
WORKING = [name for name in backends.BACKENDS if backends.problem_of(name) is None]
pytestmark = pytest.mark.skipif(not WORKING, reason="no sandbox on this machine")

# name -> (statements that run inside, what stops it: a piece of the error)
POLITE = {
    "opens a socket to the machine": (
        "import socket; socket.create_connection(('127.0.0.1', PORT), timeout=2)",
        "Operation not permitted",  # seccomp; behind it a network namespace without an interface
    ),
    "sends its answer by DNS": (
        "import socket; socket.getaddrinfo('example.org', 80)",
        "name resolution|Name or service|Operation not permitted",
    ),
    "reads the home folder": ("open(HOME_FILE).read()", "No such file"),  # mount namespace
    "lists the home folder": ("import os; found = os.listdir(HOME)", "No such file"),
    "reads test labels in the package of a data set": (
        "import importlib.util as u\n"
        "home = Path(u.find_spec('sklearn').origin).parent / 'datasets' / 'data'\n"
        "assert home.is_dir(); (home / 'digits.csv.gz').read_bytes()",
        "digits.csv",  # the folder is seen empty
    ),
    "reads another entry's evidence": ("open(EVIDENCE).read()", "No such file"),
    "reads the manifests of suites": (
        "from harness.data.suites import manifests; raise SystemError",
        "ImportError|SystemError|cannot import",
    ),
    "reads a secret in the environment": (
        "import os; os.environ['TAILMARK_TEST_SECRET']",
        "KeyError",
    ),  # a cleared environment
    "reads the environment of the parent": (
        "open(f'/proc/{PARENT}/environ').read()",
        "No such file",  # process namespace
    ),
    "reads the memory of the parent": ("open(f'/proc/{PARENT}/mem', 'rb')", "No such file"),
    "reads the environment of what started it": (
        "t = open('/proc/1/environ').read(); assert 'TAILMARK_TEST_SECRET' not in t; 1 / 0",
        "ZeroDivisionError|Permission denied|Operation not permitted",
    ),
    "signals the parent": ("import os; os.kill(PARENT, 9)", "No such process"),
    "traces another process": (
        "import ctypes; c = ctypes.CDLL(None, use_errno=True); c.ptrace(16, 1, 0, 0)\n"
        "raise OSError(ctypes.get_errno(), 'ptrace')",
        "Errno 1. ptrace",  # seccomp
    ),
    "forks without end": ("import os\nwhile True: os.fork()", "Operation not permitted"),
    "starts a shell": ("import subprocess; subprocess.run(['sh', '-c', 'true'])", "not permitted"),
    "leaves a child behind": (
        "import os; os.posix_spawn('/bin/sleep', ['sleep', '60'], {})",
        "not permitted",
    ),
    "fills the disk": (
        "for i in range(100): open(f'f{i}', 'wb').write(bytes(1 << 20))",
        "No space left",  # a file system of its own in memory, with a size
    ),
    "fills one large file": (
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "open('f', 'wb').write(bytes(8 << 20))",
        "File too large|No space left",
    ),
    "fills the memory file systems": (
        "open('/dev/shm/x', 'wb').write(bytes(8 << 20))",
        "Permission denied|Read-only|No such file",
    ),
    "writes into the harness": (
        "import harness, pathlib; pathlib.Path(harness.__file__).open('a')",
        "Permission denied|Read-only",
    ),
    "writes into Python's packages": (
        "import numpy, pathlib; pathlib.Path(numpy.__file__).open('a')",
        "Permission denied|Read-only",
    ),
    "reads a file that its identity leaves out": (
        "(Path(__file__).parent / 'answers.npz').read_bytes()",
        "No such file",
    ),
    "writes its own code": ("open(__file__, 'a')", "Permission denied|Read-only"),
    "mounts the system again for writing": (
        "import ctypes; c = ctypes.CDLL(None, use_errno=True)\n"
        "c.mount(b'none', b'/usr', None, ctypes.c_ulong(32 | 4096), None)\n"
        "raise OSError(ctypes.get_errno(), 'mount')",
        "Errno 1. mount",  # seccomp; behind it no capability
    ),
    "makes namespaces of its own": (
        "import ctypes; c = ctypes.CDLL(None, use_errno=True); c.unshare(0x10000000)\n"
        "raise OSError(ctypes.get_errno(), 'unshare')",
        "Errno 1. unshare",
    ),
    "changes the kernel's settings": (
        "open('/proc/sys/kernel/core_pattern', 'w').write('|/tmp/x')",
        "Permission denied|Read-only",
    ),
    "raises its own limits": (
        "import resource; r = resource.RLIMIT_AS; resource.setrlimit(r, (-1, -1))",
        "not allowed|Operation not permitted",
    ),
    "allocates without end": (
        "held = []\nwhile True: held.append(bytearray(1 << 26))",
        "out of memory",
    ),
    "hides memory in files without a name": (
        "import os; os.memfd_create('x')",
        "Operation not permitted",
    ),
    "returns an object with a hostile __array__": (
        "class Trap:\n"
        "    def __array__(self, *a, **k): raise KeyboardInterrupt('ran')\n"
        "    def __len__(self): return 1 << 60\n"
        "return Trap()",
        "should return an array of numbers",
    ),
    "returns an array of objects": (
        "return np.array([[Path, Path]], dtype=object)",
        "should return an array of numbers",
    ),
    "returns too much": (
        "from harness.types import Output\nreturn Output('logits', np.zeros((1, 1 << 20)))",
        "did not answer as agreed|larger than|should return",
    ),
    "raises what looks like our output": (
        "from harness.errors import CardError\n"
        "raise CardError('all well\\nmine: 33 of 33 jobs\\x1b[2J')",
        r"^all well mine: 33 of 33 jobs\?\[2J$",
    ),
    "returns NaN": ("return np.full((1, 2), np.nan)", "returns NaN for 1 of 1"),
    "returns the wrong number of rows": ("return np.zeros((7, 2))", r"\(1, 2\)"),
}
LETHAL = {
    "sleeps for ever": ("import time; time.sleep(3600)", "took more than 2 s"),
    "ends with exit code 0": ("import os; os._exit(0)", r"exit code 0\), which counts as a fail"),
    "is killed": ("import os; os.kill(os.getpid(), 9)", "ended without a result"),
    "starts threads without end": (
        "import threading, time; threading.stack_size(1 << 16)\n"
        "while True: threading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
        "threads; allowed are 32|can't start new thread|out of memory|MemoryError",
    ),
    "speaks with the harness in its place": (
        "import os\nfor fd in range(3, 64):\n"
        "    try: os.write(fd, b'\\xff' * 64)\n"
        "    except OSError: pass\n",
        "did not answer as agreed",
    ),
    "answers with a pickle's type": (
        "import os, json, struct\n"
        "text = json.dumps({'done': {}, 'arrays': [{'name': 'values', 'dtype': '|O',"
        " 'shape': [1]}]}).encode()\n"
        "for fd in range(3, 64):\n"
        "    try: os.write(fd, struct.pack('<Q', len(text)) + text)\n"
        "    except OSError: pass\n",
        "plain numbers; got type '.O'",
    ),
    "announces an endless array": (
        "import os, json, struct\n"
        "text = json.dumps({'done': {}, 'arrays': [{'name': 'values', 'dtype': '<f8',"
        " 'shape': [1 << 39]}]}).encode()\n"
        "for fd in range(3, 64):\n"
        "    try: os.write(fd, struct.pack('<Q', len(text)) + text)\n"
        "    except OSError: pass\n",
        "is too large",
    ),
    "prints without end and then fails": (
        "import os\nfor _ in range(200): os.write(1, b'accuracy: 100.0 %\\x1b[2J' * 4000)\n"
        "os._exit(3)",
        r"exit code 3.*accuracy: 100.0 %\?\[2J",
    ),
}


def entry(folder: Path, attacks: dict[str, tuple[str, str]], places: dict[str, object]) -> Path:
    """An entry's folder whose model does attack number k when it is passed [[k]]."""
    lines = ["import numpy as np", "from pathlib import Path"]
    lines += [f"{name} = {value!r}" for name, value in places.items()]
    for k, (code, _) in enumerate(attacks.values()):
        lines += [f"def attack_{k}():", textwrap.indent(code, "    ")]
    lines += [
        "def load(files):",
        "    def model(x):",
        "        done = globals()[f'attack_{int(x[0, 0])}']() if x[0, 0] >= 0 else None",
        "        return np.zeros((1, 2)) if done is None else done",
        "    return model",
    ]
    folder.mkdir()
    (folder / "attack.py").write_text("\n".join(lines))
    (folder / "answers.npz").write_bytes(b"answers")
    return folder


class Reached(BaseHTTPRequestHandler):
    count = 0


@pytest.fixture(scope="module")
def port():
    server = HTTPServer(("127.0.0.1", 0), Reached)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()


@pytest.fixture(scope="module")
def places(tmp_path_factory, port):
    home = tmp_path_factory.mktemp("home")
    (home / "secret.txt").write_text("secret")
    (home / "labels.npz").write_bytes(b"labels")
    return {
        "HOME": str(home),
        "HOME_FILE": str(home / "secret.txt"),
        "EVIDENCE": str(home / "labels.npz"),
        "PARENT": os.getpid(),
        "PORT": port,
    }


@pytest.fixture(scope="module", params=WORKING)
def backend(request):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(backends.SETTING, request.param)
        patch.setenv("TAILMARK_TEST_SECRET", "secret")
        yield request.param


@pytest.fixture(scope="module")
def polite(backend, places, tmp_path_factory):
    folder = entry(tmp_path_factory.mktemp("polite") / "entry", POLITE, places)
    with Sandbox(Program("attack:load", 2, folder=folder), SMALL) as sandbox:
        yield sandbox


@pytest.mark.parametrize("attack", POLITE)
def test_an_attack_fails_and_the_process_goes_on(polite, attack):
    number = list(POLITE).index(attack)
    with pytest.raises((HarnessError, MemoryError), match=POLITE[attack][1]):
        polite(np.array([[number]]))
    np.testing.assert_array_equal(polite(np.array([[-1]])).values, [[0, 0]])


@pytest.mark.parametrize("attack", LETHAL)
def test_an_attack_ends_its_process_and_nothing_else(backend, places, tmp_path, attack):
    folder = entry(tmp_path / "entry", {attack: LETHAL[attack]}, places)
    limits = replace(SMALL, call_seconds=2.0) if "sleeps" in attack else SMALL
    if "threads" in attack:  # with less, memory ends before there are too many of them
        limits = replace(SMALL, memory_bytes=8 * 1024 * MIB)
    with Sandbox(Program("attack:load", 2, folder=folder), limits) as sandbox:
        with pytest.raises(SandboxError, match=LETHAL[attack][1]):
            sandbox(np.array([[0]]))
        with pytest.raises(SandboxError, match="has ended"):
            sandbox(np.array([[0]]))


AS_A_USER = """
import os
from harness.models.sandbox import backends
status = open("/proc/self/status").read()
print(os.getuid(), status.split("CapEff:")[1].split()[0].strip("0"), "|",
      [name for name in backends.BACKENDS if backends.problem_of(name) is None])
"""


@pytest.mark.skipif("bubblewrap" not in WORKING, reason="bubblewrap makes the other user")
def test_both_ways_work_for_a_user_without_any_right():
    user = ["--unshare-user", "--uid", "1000", "--gid", "1000", "--cap-drop", "ALL"]
    done = subprocess.run(
        ["bwrap", *user, "--dev-bind", "/", "/", sys.executable, "-c", AS_A_USER],
        capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    assert done.stdout.strip() == f"1000  | {WORKING}", done.stderr

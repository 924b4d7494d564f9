"""Starting the board for tests, and a browser in front of it."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
STARTED_WITHIN = 120.0
"""Seconds; a busy machine needs some of them."""
PATIENCE = 120_000
"""Milliseconds that a page may take on a busy machine."""


def chromium_path() -> str | None:
    """Return where Debian's chromium is; None where it is not."""
    return CHROMIUM


def a_free_port() -> int:
    """Return a port on the loopback address that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def started(root: Path, port: int, home: Path | None = None) -> subprocess.Popen:
    """Start the function behind `tailmark board` in a process of its own."""
    call = f"serve(Path({str(root)!r}), [], {port})"
    code = f"from pathlib import Path; from harness.cli.board import serve; {call}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    if home is not None:
        environment["TAILMARK_HOME"] = str(home)
    command = [sys.executable, "-c", code]
    return subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)


def wait_for(address: str) -> None:
    """Return when a server answers."""
    limit = time.monotonic() + STARTED_WITHIN
    while True:
        try:
            assert urlopen(address, timeout=5).status == 200
            return
        except URLError:
            assert time.monotonic() < limit, "the board did not start"
            time.sleep(0.3)


@contextmanager
def served(root: Path, home: Path | None = None) -> Iterator[str]:
    """Serve the board over a folder of entries; ended by its own process."""
    port = a_free_port()
    process = started(root, port, home)
    try:
        wait_for(f"http://127.0.0.1:{port}/_stcore/health")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def chromium():
    """Debian's chromium, driven by Playwright; skips without one of them."""
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


def settled(page) -> None:
    """Return when the page's script has run and nothing is drawn any more."""
    page.wait_for_timeout(400)
    state = "document.querySelector('[data-testid=stApp]')?.dataset.testScriptState"
    page.wait_for_function(f"() => {state} === 'notRunning'", timeout=PATIENCE)
    page.wait_for_timeout(400)

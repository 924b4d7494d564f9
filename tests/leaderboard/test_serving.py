"""The board as visitors meet it: a process on the loopback address, a browser in front of it."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

pytest.importorskip("streamlit")

from harness.cli.board import serve
from harness.errors import HarnessError
from tests.leaderboard.made import write_field

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


def a_free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def _served(root: Path, port: int) -> subprocess.Popen:
    call = f"serve(Path({str(root)!r}), None, {port})"
    code = f"from pathlib import Path; from harness.cli.board import serve; {call}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code]
    return subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def board(tmp_path_factory) -> Iterator[str]:
    """The board's address, served by the function behind `tailmark board`."""
    port = a_free_port()
    process = _served(write_field(tmp_path_factory.mktemp("submissions")), port)
    try:
        _wait_for(f"http://127.0.0.1:{port}/_stcore/health")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(address: str) -> None:
    limit = time.monotonic() + STARTED_WITHIN
    while True:
        try:
            assert urlopen(address, timeout=5).status == 200
            return
        except URLError:
            assert time.monotonic() < limit, "the board did not start"
            time.sleep(0.3)


@pytest.fixture(scope="module")
def browser():
    """Debian's chromium, driven by Playwright."""
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        yield driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)


def test_a_port_in_use_is_told_before_anything_starts():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(HarnessError, match="--port"):
            serve(ROOT, None, taken.getsockname()[1])


def test_ending_the_command_ends_the_server():
    port = a_free_port()
    process = _served(ROOT / "submissions", port)
    _wait_for(f"http://127.0.0.1:{port}/_stcore/health")
    process.terminate()
    process.wait(30)
    with pytest.raises(URLError):
        urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=5)


@pytest.mark.browser
def test_a_shared_link_may_be_the_first_visit(board, browser):
    # It stands first among the browser tests: nobody has opened the ranking before.
    page = browser.new_page()
    page.goto(f"{board}/entry?suite=digits-v1&entry=cnn-ce%2Bla", timeout=PATIENCE)
    page.get_by_role("heading", name="cnn-ce+la").wait_for(timeout=PATIENCE)
    assert page.get_by_role("link", name="Ranking").count() == 1
    assert page.get_by_role("link", name="chosen").count() == 0
    page.close()


@pytest.mark.browser
def test_from_the_ranking_to_an_entry_without_asking_anyone_else(board, browser):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    outside: list[str] = []
    page.on("request", lambda r: outside.append(r.url) if not _ours(r.url, board) else None)
    page.goto(f"{board}/ranking", timeout=PATIENCE)
    page.get_by_role("link", name="cnn-bs").click(timeout=PATIENCE)
    page.get_by_role("heading", name="cnn-bs").wait_for(timeout=PATIENCE)
    assert "entry=cnn-bs" in page.url
    assert outside == []
    page.close()


@pytest.mark.browser
def test_nothing_is_wider_than_a_phone(board, browser):
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(f"{board}/ranking", timeout=PATIENCE)
    page.get_by_role("link", name="majority").wait_for(timeout=PATIENCE)
    width = page.evaluate("document.querySelector('.tm').scrollWidth")
    assert width <= 390
    page.close()


def _ours(url: str, board: str) -> bool:
    return url.startswith((board, board.replace("http", "ws"), "data:", "blob:"))

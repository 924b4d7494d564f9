"""The board as visitors meet it: a process on the loopback address, a browser in front of it."""

import socket
from collections.abc import Iterator
from urllib.error import URLError
from urllib.request import urlopen

import pytest

pytest.importorskip("streamlit")

from harness.cli.board import serve
from harness.errors import HarnessError
from tests.leaderboard.made import write_field
from tests.leaderboard.serving import (
    PATIENCE,
    ROOT,
    a_free_port,
    chromium,
    served,
    started,
    wait_for,
)


@pytest.fixture(scope="module")
def board(tmp_path_factory) -> Iterator[str]:
    """The board's address, served by the function behind `tailmark board`."""
    with served(write_field(tmp_path_factory.mktemp("submissions"))) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    """Debian's chromium, driven by Playwright."""
    with chromium() as opened:
        yield opened


def test_a_port_in_use_is_told_before_anything_starts():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(HarnessError, match="--port"):
            serve(ROOT, [], taken.getsockname()[1])


def test_ending_the_command_ends_the_server():
    port = a_free_port()
    process = started(ROOT / "submissions", port)
    wait_for(f"http://127.0.0.1:{port}/_stcore/health")
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
    page.get_by_role("link", name="Ranking").wait_for(timeout=PATIENCE)  # one, or this fails
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

"""Bad records and bad addresses in a browser: nothing of them runs, and no page grows too wide."""

from urllib.parse import urlencode

import pytest

pytest.importorskip("streamlit")

from tests.leaderboard.serving import PATIENCE, chromium, served, settled
from tests.leaderboard.test_bad_input import SCRIPT, hostile  # noqa: F401 (a fixture)

pytestmark = pytest.mark.browser
MAIN = "document.querySelector('[data-testid=stMain]')"


@pytest.fixture(scope="module")
def board(hostile, tmp_path_factory):  # noqa: F811 (the fixture)
    with served(hostile, tmp_path_factory.mktemp("home")) as address:
        yield address


@pytest.fixture(scope="module")
def page():
    with chromium() as browser:
        page = browser.new_page()
        page.set_default_timeout(PATIENCE)
        yield page


@pytest.mark.parametrize(
    ("path", "state"),
    [
        ("entry", {"entry": "scripted"}),
        ("compare", {"reference": "scripted"}),
        ("ranking", {"find": SCRIPT, "suite": SCRIPT, "rows": "-1", "x": "\0"}),
    ],
)
def test_nothing_of_bad_records_and_addresses_runs_or_widens_a_page(board, page, path, state):
    ran: list[str] = []

    def dialog(box) -> None:
        ran.append(box.message)
        box.dismiss()

    page.on("dialog", dialog)
    page.goto(f"{board}/{path}?{urlencode(state)}")
    settled(page)
    assert page.locator("[data-testid=stException]").count() == 0
    assert page.locator("img[src=x]").count() == 0
    assert "left out and why" in page.locator("[data-testid=stMain]").inner_text()
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 844})
        page.wait_for_timeout(300)
        assert page.evaluate(f"{MAIN}.scrollWidth <= {MAIN}.clientWidth")
    page.remove_listener("dialog", dialog)
    assert ran == []

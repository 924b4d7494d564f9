"""A visitor's way through the board on the committed records: pages, Back, links, downloads."""

import os
from pathlib import Path

import pytest

pytest.importorskip("streamlit")

from typer.testing import CliRunner

from harness.cli.app import app
from leaderboard.pages import FIRST, HOME, MORE, path_of
from tests.leaderboard.made import write_field
from tests.leaderboard.serving import PATIENCE, ROOT, chromium, served, settled

pytestmark = pytest.mark.browser
ADDRESSES = {name: path_of(name) for name in (HOME, *FIRST, *MORE)}
"""Every page → its address; one that is added to the board is tested here by itself."""
ADDRESSES["robustness"] += "?suite=digits-shift-v1"
HEADINGS = {
    "home": "How well do classifiers",
    "robustness": "Robustness",
    "stability": "Would the order come out the same?",
    "conformance": "Published numbers beside ours",
}
"""How headings begin that are not the page's name; ranking and entry say what they found."""
AXE = os.environ.get("TAILMARK_AXE")
"""Path of axe-core's ``axe.min.js`` (``npm install axe-core`` in any folder)."""


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    """The committed records, served with a store of its own."""
    with served(ROOT / "submissions", tmp_path_factory.mktemp("home")) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    with chromium() as opened:
        yield opened


@pytest.fixture
def page(browser):
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    yield page
    context.close()


def heading(page) -> str:
    return page.locator("h1").first.inner_text()


def shown(page) -> list[str]:
    """The ranking's rows, in their order."""
    return page.locator("table.tm tbody tr:not(.group) a").all_inner_texts()


def went_wrong(page) -> list[str]:
    """Collect errors of the page, without Streamlit's own probing for its server."""
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on(
        "console",
        lambda m: (
            found.append(m.text)
            if m.type == "error" and "_stcore" not in m.location["url"]
            else None
        ),
    )
    return found


MAIN = "document.querySelector('[data-testid=stMain]')"


def title_of(name: str) -> str:
    """How the heading of a page begins."""
    if name in ("ranking", "entry"):
        return ""
    return HEADINGS.get(name) or {**FIRST, **MORE}[name][0]


@pytest.mark.parametrize("name", ADDRESSES)
def test_every_page_opens_without_an_error_fits_a_phone_and_has_no_serious_barrier(
    board, page, name
):
    """One visit a page, since a visit is what takes time."""
    found = went_wrong(page)
    page.goto(f"{board}/{ADDRESSES[name]}")
    settled(page)
    assert heading(page).startswith(title_of(name))
    assert page.locator("[data-testid=stException]").count() == 0
    charts = page.locator("[data-testid=stVegaLiteChart]").count()
    assert charts == 0 or page.locator(".tm-data summary, table.tm").count() > 0
    if AXE is not None:
        assert barriers(page) == []
        page.emulate_media(color_scheme="dark")
        page.reload()
        settled(page)
        assert barriers(page) == []
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(300)
    assert page.evaluate(f"{MAIN}.scrollWidth <= {MAIN}.clientWidth")
    assert found == []


def barriers(page) -> list:
    """What axe-core finds serious or critical."""
    page.evaluate(Path(str(AXE)).read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        (v["id"], [n["html"][:120] for n in v["nodes"]])
        for v in found["violations"]
        if v["impact"] in ("serious", "critical")
    ]


def test_links_between_pages_carry_suite_and_metric(board, page):
    page.goto(f"{board}/ranking?suite=fashion-v1&metric=test%2Fnll&find=cnn")
    settled(page)
    before = heading(page), shown(page)
    page.get_by_role("link", name="Compare").click()
    settled(page)
    assert "suite=fashion-v1" in page.url
    assert "metric=test%2Fnll" in page.url
    page.go_back()
    settled(page)
    assert (heading(page), shown(page)) == before
    assert "find=cnn" in page.url


def test_choices_are_steps_that_back_and_forward_go_through(board, page):
    page.goto(f"{board}/ranking?suite=fashion-v1")
    settled(page)
    states = [(heading(page), shown(page))]
    page.get_by_role("radio", name="tabular-v1").or_(
        page.get_by_role("button", name="tabular-v1")
    ).first.click()
    settled(page)
    states.append((heading(page), shown(page)))
    page.get_by_placeholder("Find").fill("forest")
    page.keyboard.press("Enter")
    settled(page)
    states.append((heading(page), shown(page)))
    assert len({str(state) for state in states}) == 3
    for step, state in ((page.go_back, 1), (page.go_back, 0), (page.go_forward, 1)):
        step()
        settled(page)
        assert (heading(page), shown(page)) == states[state]


def test_a_link_shows_a_fresh_browser_the_same_and_survives_its_next_click(board, browser, page):
    page.goto(
        f"{board}/ranking?suite=fashion-v1&metric=test%2Fnll&cells=fashion_mnist-exp100-clean"
    )
    settled(page)
    page.get_by_placeholder("Find").fill("cnn")
    page.keyboard.press("Enter")
    settled(page)
    fresh = browser.new_context()
    other = fresh.new_page()
    other.goto(page.url)
    settled(other)
    assert (heading(other), shown(other)) == (heading(page), shown(page))
    other.get_by_placeholder("Find").fill("")
    other.keyboard.press("Enter")
    settled(other)
    assert "suite=fashion-v1" in other.url
    assert "metric=test%2Fnll" in other.url
    assert heading(other) == heading(page)
    fresh.close()


def test_a_filter_is_taken_off_by_its_chip(board, page):
    page.goto(f"{board}/ranking?suite=digits-v1&metric=test%2Fnll")
    settled(page)
    page.get_by_role("button", name="Negative log-likelihood").click()
    settled(page)
    assert "metric" not in page.url


def test_downloads_are_what_the_command_line_writes(board, page):
    page.goto(f"{board}/ranking?suite=fashion-v1")
    settled(page)
    for button, form in (("As CSV", "csv"), ("As JSON", "json"), ("As Markdown", "markdown")):
        with page.expect_download() as waiting:
            page.get_by_role("button", name=button).click()
        rank = ["rank", "--suite", "fashion-v1", "--format", form]
        done = CliRunner().invoke(app, [*rank, "--submissions", str(ROOT / "submissions")])
        assert Path(waiting.value.path()).read_text() == done.stdout


def test_a_chart_has_its_numbers_behind_a_stop_of_the_keyboard(board, page):
    page.goto(f"{board}/calibration?suite=fashion-v1")
    settled(page)
    behind = page.locator(".tm-data summary").first
    behind.focus()
    page.keyboard.press("Enter")
    assert page.locator(".tm-data[open] table.tm tbody tr").count() > 0


def test_a_trade_offs_row_leads_to_its_entry_and_back(board, page):
    page.goto(f"{board}/trade-offs?suite=fashion-v1&x=cost%2Ftrain_seconds")
    settled(page)
    link = page.locator("table.tm tbody a").first
    name = link.inner_text()
    link.click()
    settled(page)
    assert heading(page) == name
    page.go_back()
    settled(page)
    assert heading(page) == "Trade-offs"
    assert "x=cost%2Ftrain_seconds" in page.url


def test_the_table_can_be_seen_without_scrolling_and_reached_by_its_link(board, page):
    page.goto(f"{board}/ranking")
    settled(page)
    first = page.locator("table.tm tbody tr:not(.group)").first.bounding_box()
    assert first["y"] + first["height"] < 768
    for _ in range(3):
        page.keyboard.press("Tab")
        if "Skip to the table" in page.evaluate("document.activeElement.textContent"):
            break
    else:
        pytest.fail("the link to the table is not among the first three stops")


def test_the_exported_site_is_sorted_and_filtered_without_a_server(browser, tmp_path):
    root = write_field(tmp_path / "submissions")
    done = CliRunner().invoke(
        app, ["board", "--export", str(tmp_path / "site"), "--submissions", str(root)]
    )
    assert done.exit_code == 0
    page = browser.new_page()
    found = went_wrong(page)
    page.goto((tmp_path / "site" / "digits-v1" / "index.html").as_uri())
    rows = page.locator(".sortable tbody tr:not(.group)")
    names = rows.locator("a").all_inner_texts()
    page.get_by_role("button", name="Sort by Value").click()
    assert rows.locator("a").all_inner_texts() == names[::-1]
    page.get_by_label("Find").fill("logreg")
    assert [row.locator("a").inner_text() for row in rows.all() if row.is_visible()] == ["logreg"]
    page.get_by_role("link", name="logreg").click()
    assert heading(page) == "logreg"
    assert found == []
    page.close()


@pytest.mark.skipif(AXE is None, reason="TAILMARK_AXE does not name axe-core")
def test_no_page_of_the_exported_site_has_a_serious_barrier(browser, tmp_path):
    root = write_field(tmp_path / "submissions")
    (root / "cnn-bs" / "results" / "digits-v1.npz").write_bytes(b"no")
    done = CliRunner().invoke(
        app, ["board", "--export", str(tmp_path / "site"), "--submissions", str(root)]
    )
    assert done.exit_code == 0
    pages = sorted((tmp_path / "site").rglob("*.html"))
    assert len(pages) > len(FIRST)
    for scheme in ("light", "dark"):
        context = browser.new_context(color_scheme=scheme, bypass_csp=True)
        page = context.new_page()
        for path in pages:
            page.goto(path.as_uri())
            assert (path.name, barriers(page)) == (path.name, [])
        context.close()

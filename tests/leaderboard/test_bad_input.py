"""Bad records and bad addresses on every page: said in words, left out by name, and it goes on."""

import re
import shutil
from pathlib import Path

import pytest

pytest.importorskip("streamlit")

from streamlit.testing.v1 import AppTest

from harness.records.records import read_record, sealed, write_record
from harness.records.trust import add_to_rerun_list
from harness.types import RunRecord
from leaderboard import reading
from leaderboard.export import write_all
from leaderboard.pages import FIRST, HOME, MORE
from tests.leaderboard.made import CELLS, FIELD, made, write_field

VIEWS = Path(__file__).resolve().parents[2] / "leaderboard" / "views"
PAGES = (HOME, *FIRST, *MORE)
SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)> **b** [c](http://d)"
LONG = "n" * 180
OF_ALL_SUITES = ("claims", "conformance", "about")
"""Pages that are not about one suite."""


def body_of(name: str, skill: float) -> tuple[dict, dict]:
    one = made(name, skill)
    return one.record.model_dump(mode="json"), dict(one.arrays)


def write(root: Path, body: dict, arrays: dict, suite: str = "digits-v1") -> Path:
    body["suite"]["id"] = suite
    record = sealed(RunRecord.model_validate(body | {"record_sha256": None}), arrays)
    return write_record(record, root / body["entry"] / "results")


def half(root: Path, cells: int = 2) -> None:
    """An entry that was run in the first cells only."""
    body, arrays = body_of("half", 0.6)
    body["jobs"] = [job for job in body["jobs"] if job["cell"] < cells]
    for key, grid in body["variants"][""]["metrics"].items():
        kept = [*grid[:cells], *([[None] * 3] * (len(CELLS) - cells))]
        body["variants"][""]["metrics"][key] = kept
    write(root, body, arrays)


def scripted(root: Path) -> None:
    """An entry whose every free text is HTML and Markdown."""
    body, arrays = body_of("scripted", 0.65)
    body["jobs"][-1] |= {"status": "failed", "error": SCRIPT}
    for grid in body["variants"][""]["metrics"].values():
        grid[-1][-1] = None
    body["undefined"][0]["reason"] = SCRIPT
    body["facets"] |= {"backbone": SCRIPT, "pretraining": SCRIPT}
    body["provenance"] = {"git": SCRIPT}
    write(root, body, arrays)
    (root / "scripted" / "entry.toml").write_text(
        f'format = 1\nname = "scripted"\nkind = "method"\ntitle = "{LONG}{SCRIPT}"\n'
        f'summary = "{SCRIPT}"\npaper = "{SCRIPT}"\ncode = "javascript:alert(1)"\n'
    )


DAMAGED = {
    "no-json": lambda path: path.write_text("{"),
    "edited": lambda path: path.write_text(path.read_text().replace("0.", "0.1", 1)),
    "no-npz": lambda path: path.with_suffix(".npz").unlink(),
    "bad-npz": lambda path: path.with_suffix(".npz").write_bytes(b"PK\x03\x04 no"),
    "other-npz": lambda path: shutil.copy(
        path.parents[2] / "logreg" / "results" / path.with_suffix(".npz").name,
        path.with_suffix(".npz"),
    ),
}
"""Entry → how its record is damaged."""


@pytest.fixture(scope="module")
def hostile(tmp_path_factory) -> Path:
    """The made-up field beside everything that can be wrong with a record."""
    root = write_field(tmp_path_factory.mktemp("submissions"))
    for name, damage in DAMAGED.items():
        damage(write(root, *body_of(name, 0.8)))
    half(root)
    scripted(root)
    later, arrays = body_of("later", 0.8)
    write(root, later, arrays, suite="digits-v9")
    shutil.copytree(root / "logreg", root / LONG)
    for name in ("half", "scripted"):
        add_to_rerun_list(root, read_record(root / name / "results" / "digits-v1.json").record)
    return root


def opened(page: str, root: Path, monkeypatch, **query: str) -> AppTest:
    monkeypatch.setenv("TAILMARK_SUBMISSIONS", str(root))
    monkeypatch.delenv("TAILMARK_LOCAL", raising=False)
    for name in ("FRESH", "SHARE"):  # look at every run, however long a look takes
        monkeypatch.setattr(reading, name, 0)
    app = AppTest.from_file(str(VIEWS / f"{page}.py"), default_timeout=120)
    for key, value in query.items():
        app.query_params[key] = value
    app.run()
    assert not app.exception
    return app


def words(app: AppTest) -> str:
    kinds = (app.title, app.markdown, app.caption, app.warning, app.info, app.error)
    return "\n".join(str(element.value) for kind in kinds for element in kind)


def html(app: AppTest) -> str:
    return "\n".join(str(element.proto.body) for element in app.get("html"))


def raw(text: str) -> list[str]:
    """What of `SCRIPT` a browser would take for more than text; a backslash makes it text."""
    return re.findall(r"(?<!\\)<script>alert|(?<!\\)<img src=x|javascript:", text)


@pytest.mark.parametrize("page", PAGES)
def test_every_page_goes_on_with_nonsense_in_its_address_and_every_kind_of_bad_record(
    hostile, monkeypatch, page
):
    app = opened(
        page, hostile, monkeypatch, suite="<b>no</b>", entry="[x](http://y)", metric="![](z)",
        cell=SCRIPT, track="%00", strange="1",
    )  # fmt: skip
    said = words(app)
    assert str(hostile) not in said + html(app)
    assert raw(said + html(app)) == []
    if page not in OF_ALL_SUITES:
        assert "asks for suite “\\<b\\>no" in said
        assert all(f"**{name}**" in said for name in (*DAMAGED, LONG))


@pytest.mark.parametrize("page", ["entry", "calibration", "ood", "compare"])
def test_a_page_of_an_entry_shows_its_texts_as_text(hostile, monkeypatch, page):
    app = opened(page, hostile, monkeypatch, entry="scripted", **{"with": "scripted"})
    assert raw(words(app) + html(app)) == []


@pytest.mark.parametrize("name", ["half", "broken", "scripted"])
def test_an_entry_without_some_cells_says_what_is_missing(hostile, monkeypatch, name):
    app = opened("entry", hostile, monkeypatch, entry=name)
    assert "No overall value" in words(app)
    assert app.title[0].value == name
    opened("entry", hostile, monkeypatch, entry=name, cell=CELLS[-1])


def test_a_suite_that_this_release_does_not_know_is_shown_as_its_records_say(hostile, monkeypatch):
    for page in (HOME, "ranking", "data", "entry"):
        app = opened(page, hostile, monkeypatch, suite="digits-v9")
        assert "asks for" not in words(app)
    assert "tier is claimed" in html(opened("ranking", hostile, monkeypatch, suite="digits-v9"))


def test_the_exported_site_of_bad_records_holds_no_markup_of_theirs(hostile, monkeypatch, tmp_path):
    monkeypatch.setenv("TAILMARK_SUBMISSIONS", str(hostile))
    monkeypatch.delenv("TAILMARK_LOCAL", raising=False)
    for path in write_all(tmp_path):
        text = path.read_text()
        assert str(hostile) not in text
        if path.suffix == ".html":
            assert raw(text) == []
    lost = (tmp_path / "left_out.csv").read_text()
    assert all(name in lost for name in (*DAMAGED, LONG))


@pytest.mark.parametrize("page", PAGES)
def test_every_page_goes_on_without_records_with_one_entry_and_with_claimed_ones(
    monkeypatch, tmp_path, page
):
    opened(page, tmp_path, monkeypatch)
    write_field(tmp_path)
    for name in (*FIELD, "broken"):
        if name != "logreg":
            shutil.rmtree(tmp_path / name)
    app = opened(page, tmp_path, monkeypatch)
    if page == "ranking":
        assert "One entry is ranked, logreg" in app.title[0].value
    (tmp_path / "rerun.toml").unlink()
    app = opened(page, tmp_path, monkeypatch)
    if page == "ranking":
        assert app.title[0].value.startswith("No entry has a value in every cell")
        assert "tier is claimed" in html(app)


def test_trade_offs_of_partial_records_open_where_there_are_rows(monkeypatch, tmp_path):
    half(tmp_path, cells=4)
    app = opened("trade", tmp_path, monkeypatch, y="test/balanced_accuracy")
    assert app.selectbox(key="in-address-where").value == CELLS[3]
    assert "No entry has both" not in words(app)

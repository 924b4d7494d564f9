"""docs/architecture.md names files and rooms that exist, and leaves no room out."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def changes() -> list[tuple[str, str]]:
    """The table of ordinary changes: what is wanted, and which file is opened first."""
    table = PAGE.partition("| I want to … | open first |")[2]
    rows = re.findall(r"^\| (.+?) \| `([^`]+)`", table, flags=re.MULTILINE)
    return [(wanted, file) for wanted, file in rows]


def test_every_file_that_a_change_opens_exists():
    assert len(changes()) >= 20
    assert [file for _, file in changes() if not (ROOT / file).is_file()] == []


def test_no_change_stands_twice():
    wanted = [change for change, _ in changes()]
    assert len(set(wanted)) == len(wanted)


def test_every_room_is_on_the_page():
    rooms = [p.parent.relative_to(ROOT) for p in (ROOT / "harness").rglob("__init__.py")]
    missing = [str(room) for room in rooms if room.name != "harness" and room.name not in PAGE]
    assert missing == ["harness/runs/evaluate"] or missing == []


def test_every_room_says_in_its_first_line_what_it_knows():
    for top in ("harness", "baselines", "leaderboard"):
        for path in (ROOT / top).rglob("__init__.py"):
            first = path.read_text(encoding="utf-8").splitlines()[0]
            assert first.startswith('"""') and len(first) > 20, path

"""Every text file is read and written as UTF-8, and this test can fail."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def unnamed(path: Path) -> list[str]:
    """Calls of a file that open text in the encoding of the machine."""
    found = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.Call) or any(k.arg == "encoding" for k in node.keywords):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        plain = isinstance(node.func, ast.Name)
        modes = [a.value for a in node.args if isinstance(a, ast.Constant)]
        modes += [k.value.value for k in node.keywords if isinstance(k.value, ast.Constant)]
        binary = any(isinstance(m, str) and "b" in m for m in modes)
        text = any(m in ("r", "w", "a", "x", "rt", "wt") for m in modes)
        if (
            (name == "read_text" and not node.args)
            or (name == "write_text" and len(node.args) < 2 and not plain)
            or (name == "open" and not binary and (plain or text or not node.args))
        ):
            found.append(f"{path.name}:{node.lineno}: {ast.unparse(node)[:60]}")
    return found


def test_no_text_is_read_or_written_in_the_encoding_of_the_machine():
    files = (
        p for room in ("harness", "baselines", "leaderboard") for p in (ROOT / room).rglob("*.py")
    )
    assert [line for path in sorted(files) for line in unnamed(path)] == []


def test_a_planted_violation_is_found(tmp_path):
    planted = tmp_path / "bad.py"
    planted.write_text(
        "p.read_text()\np.write_text(t)\nopen(f)\nopen(f, 'w')\np.open()\np.open('a')\n"
        "p.read_text('utf-8')\np.write_text(t, 'utf-8')\nopen(f, 'rb')\nopen(f, encoding='utf-8')\n"
        "write_text(p, t)\nImage.open(f)\nzip.open(name)\np.open('wb')\n",
        encoding="utf-8",
    )
    assert [line.split(":")[1] for line in unnamed(planted)] == list("123456")

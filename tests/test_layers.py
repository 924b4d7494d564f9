"""Imports point one way, packages stay light, and this test can fail."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BOTTOM = {"harness.errors", "harness.lookup", "harness.keys", "harness.streams", "harness.types"}
ALLOWED = {
    "harness.errors": set(),
    "harness.lookup": {"harness.errors"},
    "harness.keys": {"harness.errors"},
    "harness.streams": {"harness.errors"},
    "harness.types": BOTTOM,
    "harness.metrics": BOTTOM,
    "harness.stats": BOTTOM,
    "harness.scores": BOTTOM | {"harness.metrics", "harness.stats"},
    "harness.data": BOTTOM | {"harness.metrics", "harness.stats", "harness.scores"},
    "harness.models": BOTTOM
    | {"harness.metrics", "harness.stats", "harness.scores", "harness.data"},
    "harness.runs": BOTTOM
    | {"harness.metrics", "harness.stats", "harness.scores", "harness.data", "harness.models"},
    "harness.cli": BOTTOM
    | {f"harness.{room}" for room in ["metrics", "stats", "scores", "data", "models", "runs"]}
    | {"harness"},
    "baselines": BOTTOM | {"harness.data", "harness.models"},
    "leaderboard": {"harness.types", "harness.lookup", "harness.errors", "harness.metrics.table"}
    | {"harness.runs.records", "harness.runs.field", "harness.runs.ranking", "harness.runs.display"}
    | {"harness.runs.conformance", "harness.runs.conformance_text", "harness.runs.protocols"}
    | {"harness.runs.claims", "harness.runs.claims_text"},
}
"""Room → what it may import besides itself."""
FOREIGN = {
    "torch": {"harness.models", "baselines"},
    "timm": {"harness.models", "baselines"},
    "torchvision": {"harness.models", "harness.data", "baselines"},
    "mlflow": {"harness.runs.tracking", "harness.models.loading"},
    "streamlit": {"leaderboard.app", "leaderboard.views"},
}
"""Heavy package → the only places that may import it."""


def imports_of(path: Path) -> set[str]:
    """Every module that a file imports, wherever in the file; type-checking blocks excluded."""
    tree = ast.parse(path.read_text())
    hidden = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    found: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in hidden:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def under(module: str, roots: set[str]) -> bool:
    return any(module == root or module.startswith(root + ".") for root in roots)


def violations(root: Path) -> list[str]:
    found = []
    for path in sorted(
        p for top in ("harness", "baselines", "leaderboard") for p in (root / top).rglob("*.py")
    ):
        parts = path.relative_to(root).with_suffix("").parts
        module = ".".join(p for p in parts if p != "__init__")
        room = next((r for r in sorted(ALLOWED, key=len, reverse=True) if under(module, {r})), None)
        if room is None:
            continue
        for name in imports_of(path):
            ours = name.split(".")[0] in ("harness", "baselines", "leaderboard")
            allowed = ALLOWED[room] | {room}
            parent_of_allowed = any(a.startswith(name + ".") for a in allowed)
            plain = name == "harness" or under(
                name, {"harness.__version__", "harness.run", "harness.rank"}
            )
            if ours and not under(name, allowed) and not parent_of_allowed and not plain:
                found.append(f"{module} imports {name}")
            for heavy, places in FOREIGN.items():
                if under(name, {heavy}) and not under(module, places):
                    found.append(f"{module} imports {name}")
    return found


def test_imports_point_one_way():
    assert violations(ROOT) == []


def test_a_planted_violation_is_found(tmp_path):
    planted = tmp_path / "harness" / "metrics" / "bad.py"
    planted.parent.mkdir(parents=True)
    planted.write_text("import torch\nfrom harness.runs.records import read_record\n")
    assert set(violations(tmp_path)) >= {
        "harness.metrics.bad imports torch",
        "harness.metrics.bad imports harness.runs.records",
    }


HEAVY = ("torch", "mlflow", "streamlit", "pandas", "timm")
LIGHT_WAYS = {
    "import harness": "import harness",
    "help": "import sys; sys.argv = ['tailmark', '--help']; import harness.cli.app",
    "rank": "from harness.runs import ranking, comparing",
    "rescore": "from harness.runs import evaluate, rescore",
}


@pytest.mark.parametrize("way", LIGHT_WAYS)
def test_light_ways_load_nothing_heavy(way):
    code = f"{LIGHT_WAYS[way]}\nimport sys\nprint([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip().splitlines()[-1] == "[]", done.stderr


def test_importing_harness_loads_no_room():
    code = "import harness, sys; print([m for m in sys.modules if m.startswith('harness.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"

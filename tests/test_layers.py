"""Imports point one way, packages stay light, and this test can fail."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BOTTOM = {
    "harness.errors",
    "harness.lookup",
    "harness.metric_keys",
    "harness.keys",
    "harness.paths",
    "harness.atomic",
    "harness.refusals",
    "harness.connection",
    "harness.streams",
    "harness.types",
}
ORDER = ("metrics", "stats", "scores", "data", "models", "records", "rankings")
"""Each room may import those before it; metrics and stats do not know each other."""


def rooms(*names: str) -> set[str]:
    return BOTTOM | {f"harness.{name}" for name in names}


def before(name: str) -> set[str]:
    return rooms(*ORDER[: ORDER.index(name)])


ALLOWED = {
    "harness.errors": set(),
    "harness.lookup": {"harness.errors"},
    "harness.metric_keys": {"harness.errors"},
    "harness.keys": {"harness.errors"},
    "harness.paths": {"harness.errors"},
    "harness.atomic": {"harness.errors"},
    "harness.refusals": {"harness.errors"},
    "harness.connection": {"harness.errors", "harness.atomic", "harness.paths"},
    "harness.streams": {"harness.errors"},
    "harness.types": BOTTOM,
    "harness.metrics": BOTTOM,
    "harness.metrics.engine": BOTTOM | {"harness.metrics.metric"},
    "harness.stats": BOTTOM,
    "harness.scores": before("scores"),
    "harness.data.formats": BOTTOM,
    "harness.data.pools": rooms("data.formats"),
    "harness.data.sets": rooms("data.formats", "data.pools"),
    "harness.data.splits": rooms("data.formats", "data.pools", "data.sets"),
    "harness.data.worlds": rooms(
        "data.formats", "data.pools", "data.sets", "data.splits", "metrics"
    ),
    "harness.data.suites": before("data") | {"harness.data"},
    "harness.models.safe": rooms("data"),
    "harness.models.methods": BOTTOM,
    "harness.models": before("models"),
    "harness.records": before("records"),
    "harness.rankings": before("rankings"),
    "harness.published": rooms(*ORDER),
    "harness.pictures": rooms(*ORDER),
    "harness.tracking": rooms(*ORDER, "pictures"),
    "harness.runs": rooms(*ORDER, "pictures", "tracking"),
    "harness.cli": rooms(*ORDER, "published", "pictures", "tracking", "runs") | {"harness"},
    "baselines": rooms("data", "models"),
    "leaderboard": {"harness.types", "harness.lookup", "harness.errors", "harness.metric_keys"}
    | {"harness.metrics.table"}
    | {"harness.records", "harness.rankings", "harness.published", "harness.paths"},
}
"""Room → what it may import besides itself."""
FOREIGN = {
    "torch": {"harness.models", "baselines"},
    "timm": {"harness.models", "baselines"},
    "torchvision": {"harness.models", "harness.data", "baselines"},
    "mlflow": {
        "harness.tracking",
        "harness.connection",
        "harness.models.loaders.registry",
        "harness.models.loaders.inside",
    },
    "streamlit": {"leaderboard.app", "leaderboard.server", "leaderboard.views"},
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
    planted.write_text("import torch\nfrom harness.records.records import read_record\n")
    assert set(violations(tmp_path)) >= {
        "harness.metrics.bad imports torch",
        "harness.metrics.bad imports harness.records.records",
    }


HEAVY = ("torch", "mlflow", "streamlit", "pandas", "timm")
LIGHT_WAYS = {
    "import harness": "import harness",
    "help": "import sys; sys.argv = ['tailmark', '--help']; import harness.cli.app",
    "rank": "from harness.rankings import ranking, comparing",
    "rescore": "from harness.runs import rescore; from harness.runs.evaluate import evaluate",
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

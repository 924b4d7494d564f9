"""The workflows of .github call commands and options that exist, and hold what they promise."""

import re
import shlex
from pathlib import Path

import pytest
import typer
import yaml

from harness.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted([*ROOT.glob(".github/workflows/*.yml"), *ROOT.glob(".github/actions/*/action.yml")])
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))


def scripts(path: Path) -> list[str]:
    """Every line of shell of a workflow or an action."""
    body = yaml.safe_load(path.read_text(encoding="utf-8"))
    steps = body.get("runs", {}).get("steps") or [
        step for job in body["jobs"].values() for step in job["steps"]
    ]
    text = "\n".join(step.get("run", "") for step in steps)
    return re.sub(r"\\\n\s*", " ", text).splitlines()


def problem(line: str) -> str | None:
    """What is wrong with a line: a command, option or target that does not exist."""
    words = shlex.split(line, comments=True)
    if "make" in words:
        wanted = words[words.index("make") + 1]
        return None if wanted in TARGETS else f"make {wanted}"
    if "tailmark" not in words:
        return None
    words = words[words.index("tailmark") + 1 :]
    command = typer.main.get_command(app)
    while hasattr(command, "commands"):
        if not words or words[0] not in command.commands:
            return f"tailmark {words[:1]}"
        command = command.commands[words.pop(0)]
    words = words[: words.index(">")] if ">" in words else words
    known = {name for parameter in command.params for name in parameter.opts}
    given = {word.partition("=")[0] for word in words if word.startswith("-")}
    return next((f"{command.name} {option}" for option in sorted(given - known)), None)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_command_of_a_workflow_exists(path):
    lines = scripts(path)
    assert any("tailmark" in line or "make" in line for line in lines)
    assert [found for line in lines if (found := problem(line))] == []


@pytest.mark.parametrize(
    "line",
    [
        "make nothing",
        "tailmark revue --base main",
        "tailmark review --bass main",
        "tailmark data wors",
    ],
)
def test_a_command_that_does_not_exist_is_found(line):
    assert problem(line) is not None


def test_a_pull_request_gets_the_review_of_the_page_and_no_rights():
    body = yaml.safe_load((ROOT / ".github/workflows/submissions.yml").read_text())
    assert body[True] == {"pull_request": {"paths": ["submissions/**"]}}  # YAML reads on as true
    assert body["permissions"] == {"contents": "read"}
    lines = scripts(ROOT / ".github/workflows/submissions.yml")
    assert any("tailmark review --base" in line and "--format markdown" in line for line in lines)
    page = (ROOT / "docs/review.md").read_text(encoding="utf-8")
    for path in FILES:
        if path.parent.name == "workflows":
            assert path.relative_to(ROOT).as_posix() in page


def test_what_comes_from_outside_is_never_pasted_into_a_script():
    for path in FILES:
        assert not [line for line in scripts(path) if "${{" in line], path

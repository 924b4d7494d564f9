"""CONTRIBUTING.md is walked: its edits are made in a copy of the house and its commands are run."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
STEP = re.compile(
    r"^(?:At the end of `(?P<end>[^`]+)`|New file `(?P<new>[^`]+)`|"
    r"In `(?P<into>[^`]+)`, below `(?P<anchor>[^`]+)`|(?P<run>Run)):\n\n```\w+\n(?P<code>.*?)^```$",
    flags=re.MULTILINE | re.DOTALL,
)
EXPECTED = {
    "Add a metric": "median_recall",
    "Add an OOD score": "margin",
    "Add a method": "nearest-median",
    "Add a corruption": "inverted",
    "Add a data set": "photographed-v1",
    "Add a published number": "A paper 2026, table 1",
    "Add a command": "version-of",
}
"""Section → what its last command must name."""


@dataclass
class House:
    """A copy that may be edited."""

    root: Path

    def walk(self, section: str) -> str:
        """Make the section's edits and run its commands; what the last one printed."""
        text = PAGE.partition(f"## {section}\n")[2].partition("\n## ")[0]
        steps = list(STEP.finditer(text))
        assert any(step["run"] for step in steps), "a section ends in a command"
        said = ""
        for step in steps:
            if step["run"]:
                said = [self.run(line) for line in step["code"].splitlines()][-1]
            else:
                self.edit(step)
        return said

    def edit(self, step: re.Match) -> None:
        path = self.root / (step["end"] or step["new"] or step["into"])
        if step["new"]:
            assert not path.exists(), path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(step["code"], encoding="utf-8")
            return
        old = path.read_text(encoding="utf-8")
        if step["end"]:
            path.write_text(f"{old}\n\n{step['code']}", encoding="utf-8")
            return
        anchor = step["anchor"] + "\n"
        assert old.count(anchor) == 1, f"{path} has {old.count(anchor)} lines {anchor!r}"
        path.write_text(old.replace(anchor, anchor + step["code"]), encoding="utf-8")

    def run(self, line: str) -> str:
        program, *arguments = shlex.split(line.removeprefix("$ "))
        python = [sys.executable, "-m", "harness.cli.app"]
        command = python if program == "tailmark" else [sys.executable]
        hidden = {"PYTHONPATH": str(self.root), "TAILMARK_HOME": str(self.root / ".tailmark")}
        done = subprocess.run(
            [*command, *arguments], cwd=self.root, env=os.environ | hidden, capture_output=True,
            text=True,
        )  # fmt: skip
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr


@pytest.fixture
def house(tmp_path):
    for top in ("harness", "baselines", "docs"):
        shutil.copytree(ROOT / top, tmp_path / top, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "submissions").mkdir()
    return House(tmp_path)


@pytest.mark.parametrize("section", EXPECTED)
def test_the_steps_of_a_section_lead_to_the_new_thing(house, section):
    assert EXPECTED[section] in house.walk(section)


def test_a_step_whose_place_is_gone_fails(house):
    table = house.root / "harness/metrics/table.py"
    table.write_text(table.read_text().replace("classification.BALANCED_ACCURACY,", ""))
    with pytest.raises(AssertionError, match="has 0 lines"):
        house.walk("Add a metric")

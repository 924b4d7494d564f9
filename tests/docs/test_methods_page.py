"""The page on methods says of each entry what its committed record says."""

import re
from pathlib import Path

import pytest

import harness

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| `([\w-]+)` \|.*\| (\d+\.\d) \[[^|]*\| (\d+\.\d) \[[^|]*\|[^|]*\|[^|]*\|$")


@pytest.fixture(scope="module")
def written():
    lines = (ROOT / "docs/methods.md").read_text("utf-8").splitlines()
    return {found[1]: float(found[3]) for line in lines if (found := ROW.match(line))}


def test_the_values_after_are_those_of_the_committed_records(written):
    ranking = harness.rank("digits-v1", submissions=ROOT / "submissions")
    measured = {row.name: round(100 * row.value, 1) for row in (*ranking.rows, *ranking.beside)}
    assert len(written) == 20
    assert written == {name: measured[name] for name in written}

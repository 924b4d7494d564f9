"""docs/performance.md names every benchmark and no other, each in a command."""

import re

from tests.conftest import ROOT


def test_every_benchmark_has_its_line_and_every_line_a_benchmark():
    page = (ROOT / "docs/performance.md").read_text("utf-8")
    named = set(re.findall(r"`python benchmarks/(\w+\.py)", page))
    assert named == {path.name for path in (ROOT / "benchmarks").glob("*.py")}

"""docs/metrics.md is the table, and says everything the table says."""

from pathlib import Path

from harness.metrics.document import page
from harness.metrics.ood_replicates import OOD_REPLICATES
from harness.metrics.replicates import TERMS
from harness.metrics.table import METRICS

ROOT = Path(__file__).resolve().parents[2]


def test_the_committed_page_is_the_generated_one():
    committed = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert committed == page(), "run: python -m harness.metrics.document"


def test_every_metric_has_a_section_with_its_definition():
    text = page()
    for key, metric in METRICS.items():
        assert f"### {key}\n" in text
        assert metric.definition in text
        assert metric.differs in text


def test_the_page_names_every_metric_with_replicates():
    uncertainty = page().split("## Uncertainty")[1]
    for key in (*TERMS, *OOD_REPLICATES):
        assert f"`{key}`" in uncertainty

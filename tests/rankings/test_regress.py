"""A gate's answers: what is a regression, what is none, what cannot be told."""

from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from harness.errors import UnknownNameError
from harness.rankings.regress import (
    EXIT_CODES,
    advice,
    html_text,
    junit_text,
    regress,
    regression_rows,
)
from tests.rankings.test_ranking import rows
from tests.runs.synthetic import CELLS, recorded


def gate(first, second, **options):
    pair = rows(first, second)
    return regress((pair[0].name, pair[0]), (pair[1].name, pair[1]), **options)


def test_a_planted_loss_is_a_regression():
    found = gate(recorded("worse", 0.5), recorded("best", 0.9))
    assert (found.state, EXIT_CODES[found.state]) == ("regression", 1)
    assert {finding.state for finding in found.findings} == {"regression"}


def test_a_gain_is_no_regression():
    found = gate(recorded("best", 0.9), recorded("worse", 0.5))
    assert (found.state, EXIT_CODES[found.state]) == ("no regression", 0)


def test_an_interval_that_reaches_beyond_the_margin_cannot_tell():
    found = gate(recorded("one", 0.8, spread=0.2), recorded("two", 0.8, spread=0.2))
    assert (found.state, EXIT_CODES[found.state]) == ("cannot tell", 3)
    assert "seeds would settle it" in advice(found) or "test images" in advice(found)


def test_a_loss_inside_the_margin_is_no_regression():
    one, two = recorded("one", 0.799, spread=1e-4), recorded("two", 0.8, spread=1e-4)
    assert gate(one, two, margin=0.01).state == "no regression"
    assert gate(one, two, margin=0.0005).state == "regression"


def test_fewer_than_three_seeds_are_never_judged():
    found = gate(recorded("worse", 0.1, seeds=2), recorded("best", 0.9, seeds=2))
    assert found.state == "cannot tell"
    assert advice(found) == "Spread over seeds unknown: needs 3 seeds that both have."


def test_one_cell_can_fail_a_gate_whose_mean_passes():
    good, reference = recorded("one", 0.8, spread=1e-3), recorded("two", 0.8, spread=1e-3)
    variants = dict(good.record.variants)
    metrics = dict(variants[""].metrics)
    key = good.record.suite.primary
    metrics[key] = [[v + 0.1 for v in metrics[key][0]], [v - 0.05 for v in metrics[key][1]]]
    variants[""] = variants[""].model_copy(update={"metrics": metrics})
    mixed = replace(good, record=good.record.model_copy(update={"variants": variants}))
    found = gate(mixed, reference)
    assert found.findings[0].state == "no regression"
    assert [f.cell for f in found.findings if f.state == "regression"] == [CELLS[1]]
    assert found.state == "regression"
    assert gate(mixed, reference, cells=[CELLS[0]]).state == "no regression"


def test_a_cell_that_does_not_exist_is_refused():
    with pytest.raises(UnknownNameError, match="typo"):
        gate(recorded("one", 0.8), recorded("two", 0.8), cells=["typo"])


def test_equal_entries_are_seldom_called_a_regression():
    # 120 pairs that differ by their seeds only; fixed seeds by name. 5 % over cells and mean.
    said = [
        gate(recorded(f"a{i}", 0.8, shared=i), recorded(f"b{i}", 0.8, shared=i), margin=0.0).state
        for i in range(120)
    ]
    assert said.count("regression") / len(said) <= 0.05 + 0.03


def test_twice_the_detectable_difference_is_found():
    found = []
    for i in range(60):
        one, two = recorded(f"c{i}", 0.8, shared=i), recorded(f"d{i}", 0.8, shared=i)
        least = gate(one, two, margin=0.0).findings[0].verdict.detectable
        lost = recorded(f"c{i}", 0.8 - 2 * least, shared=i)
        found.append(gate(lost, two, margin=0.0).state == "regression")
    assert np.mean(found) >= 0.95


def test_junit_counts_what_failed_and_what_cannot_be_told():
    xml = ElementTree.fromstring(junit_text(gate(recorded("worse", 0.5), recorded("best", 0.9))))
    assert (xml.get("tests"), xml.get("failures"), xml.get("errors")) == ("3", "3", "0")
    open_ = gate(recorded("one", 0.8, spread=0.2), recorded("two", 0.8, spread=0.2))
    assert ElementTree.fromstring(junit_text(open_)).get("errors") == "1"


def test_a_name_is_text_in_every_format():
    pair = rows(recorded("worse", 0.5), recorded("best", 0.9))
    found = regress(("<script>&\"'", pair[0]), ("best", pair[1]))
    assert ElementTree.fromstring(junit_text(found)) is not None
    assert "<script>" not in html_text(found)
    assert regression_rows(found).lines[0][0] == "<script>&\"'"

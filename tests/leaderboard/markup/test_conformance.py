"""Published numbers beside ours: every verdict in words, the picture to scale, nothing acts."""

import re
from dataclasses import replace

import pytest

from harness.published.conformance import VERDICTS, ConformanceRow, Ours
from harness.published.protocols import Part
from leaderboard.colours import VERDICT_HUES
from leaderboard.markup.conformance import conformance_table, verdict_counts

PARTS = (Part("backbone", "resnet32", "resnet32"), Part("epochs", "10", "200"))
OURS = Ours("r32-ce", "cifar10-v1", 0.70, 0.69, 0.71, "seeds and test set", 3)
ROW = ConformanceRow(
    "cifar10", "cifar10-exp100-clean", "test/balanced_accuracy", "cross-entropy", 0.70, 0.02,
    "A paper", "read", OURS, "inside", PARTS,
)  # fmt: skip


def test_every_verdict_has_a_colour_and_is_counted():
    assert set(VERDICTS) <= set(VERDICT_HUES)
    text = verdict_counts(dict.fromkeys(VERDICTS, 7))
    boxes = re.sub(r"<span class='hint-text'[^>]*>[^<]*</span></span>", "", text)
    assert all(f">{verdict}</span> 7<" in boxes for verdict in VERDICTS)


def test_ours_is_drawn_around_the_published_value():
    text = conformance_table([ROW])
    assert "class='band' style='left:40.00%;width:20.00%'" in text
    assert "class='bar' style='left:45.00%;width:10.00%'" in text
    assert "class='dot' style='left:50.00%'" in text


@pytest.mark.parametrize(("value", "arrow"), [(0.4, "←"), (0.9, "→")])
def test_a_value_beyond_the_picture_gets_an_arrow(value, arrow):
    ours = replace(OURS, value=value, low=value - 0.01, high=value + 0.01)
    text = conformance_table([replace(ROW, ours=ours, verdict="below")])
    assert arrow in text
    assert "class='bar'" not in text


def test_how_ours_differs_stands_open_and_every_field_below():
    text = conformance_table([replace(ROW, verdict="protocol differs", note="why not")])
    assert "<span class='badge'>epochs 10 against 200</span>" in text
    assert "<td>epochs</td><td>200</td><td>≠</td><td>10</td>" in text
    assert "<td>backbone</td><td>resnet32</td><td>=</td><td>resnet32</td>" in text
    assert "why not" in text


def test_what_was_not_run_shows_the_published_protocol_alone():
    parts = tuple(replace(part, ours=None) for part in PARTS)
    text = conformance_table([replace(ROW, ours=None, verdict="not run", protocol=parts)])
    assert "<td>epochs</td><td>200</td><td></td><td>not run</td>" in text
    assert "class='badge'>epochs" not in text


def test_sources_and_entries_cannot_bring_markup():
    ours = replace(OURS, entry="<img src=x>")
    text = conformance_table([replace(ROW, source="<script>", ours=ours)])
    assert "<script" not in text
    assert "<img" not in text

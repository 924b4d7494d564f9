"""A record beside what its evidence gives again: what counts as a difference and what does not."""

import numpy as np
import pytest

from harness.records.differences import TOLERANCE, computed_otherwise, differences
from harness.records.records import sealed
from harness.types.results import EvidenceStamp
from tests.runs.synthetic import KEY, recorded


def edited(change, arrays=None):
    """The record ``best`` after a change of its body, sealed again."""
    made = recorded("best", 0.9)
    body = made.record.model_copy(deep=True)
    change(body)
    return sealed(body, {**made.arrays, **(arrays or {})})


def changed_value(by):
    def change(body):
        body.variants[""].metrics[KEY][1][2] += by

    return change


def test_the_same_record_is_identical():
    found = differences(recorded("best", 0.9), recorded("best", 0.9))
    assert found.identical and found.same and found.new == ()


def test_a_metric_that_is_newer_than_the_record_is_named_and_is_no_difference():
    def newer(body):
        body.variants[""].metrics["test/ece"] = body.variants[""].metrics[KEY]

    found = differences(recorded("best", 0.9), edited(newer))
    assert found.same and not found.identical
    assert found.sentence == "reproduces; 1 metric is newer than the record (test/ece)"


def test_a_metric_that_the_evidence_does_not_give_is_a_difference():
    def invented(body):
        body.variants[""].metrics["test/ece"] = body.variants[""].metrics[KEY]

    found = differences(edited(invented), recorded("best", 0.9))
    assert found.worst == ("test/ece", "there", "not there")


@pytest.mark.parametrize(("by", "same"), [(TOLERANCE / 3, True), (TOLERANCE * 3, False)])
def test_values_may_differ_by_what_processors_explain(by, same):
    assert differences(edited(changed_value(by)), recorded("best", 0.9)).same is same


def test_a_value_where_the_evidence_gives_none_is_a_difference():
    def undefined(body):
        body.variants[""].metrics[KEY][0][0] = None

    worst = differences(recorded("best", 0.9), edited(undefined)).worst
    assert worst is not None and worst[0] == KEY and worst[2] == "undefined"


@pytest.mark.parametrize(
    ("name", "word"),
    [("deterministic", "deterministic"), ("card_sha256", "the card"), ("facets", "facets")],
)
def test_what_the_card_says_is_compared(name, word):
    values = {"deterministic": True, "card_sha256": "cd" * 32, "facets": {"transductive": True}}
    after = sealed(
        recorded("best", 0.9).record.model_copy(update={name: values[name]}),
        recorded("best", 0.9).arrays,
    )
    assert differences(recorded("best", 0.9), after).others == (word,)


def test_narrower_error_bars_than_the_evidence_gives_are_a_difference():
    made = recorded("best", 0.9)
    forged = edited(lambda body: None, {f"sd/base/{KEY}": made.arrays[f"sd/base/{KEY}"] / 2})
    assert differences(forged, made).others == (f"sd/base/{KEY}",)


def test_other_evidence_is_a_difference_and_its_address_is_none():
    one, two = recorded("best", 0.9), recorded("best", 0.9)
    job = two.record.jobs[0].model_copy(update={"evidence": {"test": "0" * 64}})
    other = sealed(two.record.model_copy(update={"jobs": [job, *two.record.jobs[1:]]}), two.arrays)
    assert differences(one, other).others == ("jobs or their evidence",)
    stamps = [EvidenceStamp(sha256="ab" * 32, bytes=1, url=url) for url in ("https://a/b", None)]
    here, there = (
        sealed(one.record.model_copy(update={"evidence": stamp}), one.arrays) for stamp in stamps
    )
    assert differences(here, there).identical


def test_replicates_may_differ_by_a_step_of_their_precision():
    made = recorded("best", 0.9)
    name = f"replicates/base/{KEY}"
    for step, same in ((1, True), (40, False)):
        moved = made.arrays[name].copy()
        for _ in range(step):
            moved = np.nextafter(moved, np.float16(9))
        assert differences(made, edited(lambda body: None, {name: moved})).same is same


def made_with(batch_size=256, instructions="AVX512", limits=None, numpy="2.0"):
    """The record ``best`` as another machine or setting would note it."""
    host = {"processor": "P", "instructions": instructions}
    if limits:
        host["instruction_limits"] = limits
    return recorded(
        "best", 0.9, cost=[{"batch_size": batch_size, "wall_seconds": 1.0}] * 6,
        provenance={"host": host, "versions": {"numpy": numpy}},
    ).record  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, []),
        ({"batch_size": 3}, ["batch size 256 and 3"]),
        ({"instructions": "DEFAULT"}, ["instructions AVX512 and DEFAULT"]),
        (
            {"limits": {"ONEDNN_MAX_CPU_ISA": "SSE41"}},
            ["limits of instructions none and ONEDNN_MAX_CPU_ISA=SSE41"],
        ),
        ({"numpy": "1.26"}, ["numpy 2.0 and 1.26"]),
    ],
)
def test_what_is_no_part_of_a_record_and_moves_its_digits_is_named(changes, words):
    one, other = made_with(), made_with(**changes)
    assert one.record_sha256 == other.record_sha256
    assert computed_otherwise(one, other) == words


def test_what_one_record_does_not_note_is_no_difference():
    assert computed_otherwise(made_with(), recorded("best", 0.9).record) == []

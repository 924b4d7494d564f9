"""Fields that no simulation draws: one entry, copies, nothing that varies, missing seeds."""

import numpy as np
import pytest

from harness.errors import SpecError, Undefined
from harness.stats.moderation import moderate
from harness.stats.pairs import differing
from harness.stats.standing import Summary, stand_summaries
from harness.stats.verdicts import verdict


def field(values, streams=None, *, deterministic=False):
    """Summaries of entries a, b, … over one cell, values[k][s]."""
    values = np.asarray(values, dtype=float)
    if streams is None:
        streams = np.zeros((*values.shape, 50))
    return [
        Summary(chr(97 + k), value[None], stream, deterministic)
        for k, (value, stream) in enumerate(zip(values, streams, strict=True))
    ]


def stood(entries):
    rows = stand_summaries(entries, higher_is_better=True)
    return [(row.name, row.tie_class, row.rank_low, row.rank_high) for row in rows]


COPIES = np.tile([0.5, 0.6, 0.55], (4, 1))
STREAMS = np.random.default_rng(0).normal(size=(3, 50)) / 100
FIELDS = {
    "no entry": ([], []),
    "one entry": (field([[0.5, 0.6, 0.7]]), [("a", 1, 1, 1)]),
    "copies": (
        field(COPIES, np.tile(STREAMS, (4, 1, 1))),
        [(name, 1, 1, 4) for name in "abcd"],
    ),
    "zero variance everywhere, equal": (
        field(np.full((3, 3), 0.5)),
        [(name, 1, 1, 3) for name in "abc"],
    ),
    "zero variance everywhere, unequal": (
        field([[0.5] * 3, [0.7] * 3, [0.5] * 3]),
        [("b", 1, 1, 1), ("a", 2, 2, 3), ("c", 2, 2, 3)],
    ),
    "one seed, nothing declared": (field([[0.5], [0.9]]), [("b", None, None, None)] * 0
                                   + [("b", None, None, None), ("a", None, None, None)]),
    "one seed, deterministic": (
        field([[0.5], [0.9]], deterministic=True),
        [("b", 1, 1, 1), ("a", 2, 2, 2)],
    ),
    "declared deterministic, and not": (
        field([[0.5, 0.6], [0.9, 0.9]], deterministic=True),
        [("b", 1, 1, 2), ("a", None, None, None)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FIELDS)
def test_a_field_that_is_no_sample_still_stands(name):
    entries, expected = FIELDS[name]
    assert stood(entries) == expected


def test_copies_of_a_varying_entry_are_never_told_apart_and_leave_the_others_alone(rng):
    values = rng.normal(size=(6, 1, 3))
    values[1:3] = values[0]
    streams = np.repeat(rng.normal(size=(6, 1, 100)), 3, axis=1)
    streams[1:3] = streams[0]
    differ = differing(values, streams)
    assert not differ[:3, :3].any()
    assert np.isfinite(moderate(values).variances).all()


def test_a_field_in_which_all_but_one_stand_still(rng):
    values = np.full((8, 1, 3), 0.5)
    values[0] = [[0.1, 0.5, 0.9]]
    found = moderate(values)
    assert found.df.tolist() == [2.0] + [np.inf] * 7
    assert found.variances[0] == pytest.approx(0.16)
    assert not found.hidden.any()
    assert not differing(values, np.zeros((8, 3, 50))).any()


MIXED = {
    "entries of unequal seeds": (
        [Summary("a", np.zeros((1, 3)), np.zeros((3, 9))),
         Summary("b", np.zeros((1, 2)), np.zeros((2, 9)))],
        SpecError,
        "all entries need the same cells, seeds and replicates.*Rank complete entries only",
    ),
    "entries of unequal replicates": (
        [Summary("a", np.zeros((1, 3)), np.zeros((3, 9))),
         Summary("b", np.zeros((1, 3)), np.zeros((3, 8)))],
        SpecError,
        "all entries need the same cells, seeds and replicates",
    ),
    "one name twice": (
        [Summary("a", np.zeros((1, 3)), np.zeros((3, 9)))] * 2,
        SpecError,
        "'a' comes twice",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MIXED)
def test_mixed_fields_are_refused_with_what_to_do(name):
    entries, error, words = MIXED[name]
    with pytest.raises(error, match=words):
        stand_summaries(entries, higher_is_better=True)


def test_verdicts_on_copies_and_on_nothing_shared(rng):
    values = rng.normal(size=(1, 3))
    streams = rng.normal(size=(1, 3, 100))
    same = verdict(values, values, streams, streams, margin=0.01, higher_is_better=True)
    assert same.verdict == "same"
    gone = np.full((1, 3), np.nan)
    with pytest.raises(Undefined):
        verdict(values, gone, streams, streams, margin=0.01, higher_is_better=True)

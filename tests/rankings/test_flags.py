"""Review flags: what asks for a second look, and from which threshold on."""

import numpy as np
import pytest

from harness.rankings.field import candidates
from harness.rankings.ranking import rank
from tests.runs.synthetic import CELLS, KEY, recorded

NEAR, FAR = (f"ood/{place}/energy/ood_auroc" for place in ("near", "far"))


def scored(name, level, **extra):
    """A record with more metrics, the same in every job."""
    plain = recorded(name, level, spread=1e-4)
    metrics = dict(plain.record.variants[""].metrics)
    grids = {key: [[value] * 3 for _ in CELLS] for key, value in extra.items()}
    variants = {"": {"ood_score": "energy", "selection": "last", "metrics": metrics | grids}}
    return recorded(name, level, spread=1e-4, variants=variants)


def flags(*records):
    own = frozenset(each.record.entry for each in records)
    table = rank(candidates(records, local=own), suite="digits-v1", key=KEY)
    return {row.name: " | ".join(row.flags) for row in table.rows}


def with_far(*values):
    """A field whose far minus near OOD AUROC is given."""
    fields = [
        scored(f"e{k}", 0.9 - 0.01 * k, **{NEAR: 0.6, FAR: 0.6 + gap})
        for k, gap in enumerate(values)
    ]
    return flags(*fields)


# Of 0.10 0.11 0.12 0.13 and x the median is 0.12 and the median deviation 0.01 for every larger x:
# one robust standard deviation is 0.014826, so that 3.5 of them end at 0.17189.
@pytest.mark.parametrize(("gap", "outlying"), [(0.171, False), (0.173, True)])
def test_a_gap_of_far_and_near_is_outlying_beyond_three_and_a_half_deviations(gap, outlying):
    found = with_far(0.10, 0.11, 0.12, 0.13, gap)
    assert ("outlying on this board" in found["e4"]) == outlying
    assert not any("outlying on this board" in found[f"e{k}"] for k in range(4))


def test_a_gap_can_be_outlying_downwards():
    found = with_far(0.20, 0.21, 0.22, 0.23, 0.10)
    assert "far minus near OOD AUROC is +0.100, outlying on this board" in found["e4"]


def test_four_rows_are_no_field_to_be_outlying_in():
    assert not any("outlying" in words for words in with_far(0.10, 0.11, 0.12, 0.35).values())


def test_a_leader_is_outlying_by_the_steps_below_it():
    def led_by(step):
        levels = np.cumsum([0.0, 0.010, 0.012, 0.008, 0.011])[::-1] + 0.5
        return flags(*(recorded(f"e{k}", level, spread=1e-9) for k, level in
                       enumerate([levels[0] + step, *levels])))  # fmt: skip

    assert "leads the second by 0.0500, outlying" in led_by(0.05)["e0"]
    assert "leads" not in led_by(0.011)["e0"]


@pytest.mark.parametrize(("value", "flagged"), [(0.49, True), (0.5, False)])
@pytest.mark.parametrize("key", ["test/auroc", NEAR, FAR])
def test_what_is_worse_than_chance_is_asked_about(key, value, flagged):
    found = flags(scored("mine", 0.9, **{key: value}), recorded("other", 0.8))
    assert ("worse than chance: is the sign flipped?" in found["mine"]) == flagged
    assert "worse than chance" not in found["other"]


@pytest.mark.parametrize(("deterministic", "flagged"), [(False, True), (True, False)])
def test_seeds_that_agree_to_the_last_bit_are_flagged_where_the_card_does_not_say_so(
    deterministic, flagged
):
    variants = {"": {"ood_score": "energy", "selection": "last",
                     "metrics": {KEY: [[0.9] * 3, [0.8] * 3]}}}  # fmt: skip
    one = recorded("one", 0.9, variants=variants, deterministic=deterministic)
    found = flags(one, recorded("two", 0.7))
    assert ("does not say deterministic" in found["one"]) == flagged
    assert "deterministic" not in found["two"]

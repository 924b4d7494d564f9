"""Split ids and splits: one id each way, the published counts, flips at their rate."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.data.sets.datasets import DATASETS
from harness.data.splits.make import make_split, manifest, parse_split_id
from harness.data.splits.noise import NOISES
from harness.data.splits.unlearning import ATTACKS
from harness.errors import HarnessError, SpecError, UnknownNameError
from harness.types import SplitSpec

TEN = replace(DATASETS["mnist"], name="c")
"""Ten classes without a map of similar ones."""
BALANCED = np.repeat(np.arange(10), 5000)
"""Labels like CIFAR-10's: 5,000 of each of ten classes."""

IDS = (
    "digits-balanced-clean",
    "digits-exp50-symmetric0.4",
    "cifar10-exp100~shuffled-asymmetric0.2",
    "cifar10-step10~mu0.2-pairflip0.45",
    "cifar100-pareto100~alpha6-frequency0.3~val0.1",
    "cifar10-exp100~frac0.1~shuffled-symmetric_inclusive0.4~val0.05",
    "breast_cancer-counts100_7-clean",
    "cifar10-natural~frac0.01-clean",
    "digits-exp10~frac0.5~planted0.95~shuffled-symmetric0.4~val0.1",
    "digits-balanced-patch_poison0.1~known0.3",
    "cifar10-exp100-interclass_confusion0.25~known1~val0.1",
    "cifar100-exp100-asymmetric_fine50.3",
    "cifar100-balanced-asymmetric_fine50~val0.1",
)


@pytest.mark.parametrize("text", IDS)
def test_an_id_and_its_spec_are_inverse(text):
    assert parse_split_id(text).id == text


@pytest.mark.parametrize("kind", [kind for kind, known in NOISES.items() if known.rated])
def test_every_kind_with_a_rate_is_read_back(kind):
    known = 0.3 if kind in ATTACKS else 0.0
    spec = SplitSpec("d", noise=kind, noise_rate=0.25, known_fraction=known)
    assert parse_split_id(spec.id) == spec


@settings(max_examples=50, deadline=None)
@given(
    factor=st.floats(1, 1000).map(lambda x: round(x, 2)),
    rate=st.floats(0, 0.99).map(lambda x: round(x, 3)),
    order=st.sampled_from(["native", "shuffled"]),
    val=st.sampled_from([0.0, 0.1, 0.25]),
)
def test_every_spec_in_range_survives_its_id(factor, rate, order, val):
    spec = SplitSpec("digits", "exp", factor, "symmetric", rate, order, val)
    assert parse_split_id(spec.id) == spec


REFUSED = {
    "digits-exp0.01-clean": "imbalance_factor is n_max / n_min and so at least 1; got 0.01. "
    "Did you mean 100?",
    "digits-balanced-symmetric1.2": "at least 0 and below 1; got 1.2. Write",
    "digits-balanced-symmetric40": r"Did you mean 0.4\?",
    "digits-exp50-symmetrc0.4": "Did you mean 'symmetric'",
    "digits-exq50-clean": "Did you mean 'exp'",
    "digits-exp-clean": "needs an imbalance factor",
    "digits-balanced50-clean": "takes no imbalance factor",
    "digits-exp50-symmetric": "needs a rate",
    "digits-exp50-clean0.2": "takes no rate",
    "digits-exp50~shufled-clean": "Did you mean 'shuffled'",
    "digits-exp50~frac-clean": "needs a number",
    "digits-balanced~shuffled-clean": "gives no class a rank",
    "digits-exp50": "A split id has the form <dataset>-<imbalance>",
    "digits-exp50.0-clean": "Write 'digits-exp50-clean'",
    "digits-pareto50-clean": "needs the shape of its tail",
    "digits-exp50~mu0.2-clean": "'~mu' is the share of rare classes of the profile 'step'",
    "digits-exp50~frac1.5-clean": "above 0 and at most 1; got 1.5",
    "digits-balanced-clean~val1": "at least 0 and below 1; got 1",
    "digits-balanced-clean~val-0.1": "at least 0 and below 1; got -0.1",
}


@pytest.mark.parametrize("text", REFUSED)
def test_a_wrong_id_gets_one_sentence(text):
    with pytest.raises(HarnessError, match=REFUSED[text]) as caught:
        parse_split_id(text)
    assert isinstance(caught.value, SpecError | UnknownNameError)


@pytest.mark.parametrize(
    ("factor", "total"), [(10, 20431), (50, 13996), (100, 12406), (200, 11203)]
)
def test_cifar10_lt_totals_are_the_published_ones(factor, total):
    split = make_split(SplitSpec("cifar10", "exp", float(factor)), BALANCED, 10, 0, TEN)
    assert len(split.indices) == total
    assert np.array_equal(split.clean, BALANCED[split.indices])


@pytest.mark.parametrize(("factor", "total"), [(10, 19573), (50, 12608), (100, 10847), (200, 9502)])
def test_cifar100_lt_totals_are_the_published_ones(factor, total):
    labels = np.repeat(np.arange(100), 500)
    split = make_split(SplitSpec("cifar100", "exp", float(factor)), labels, 100, 0, TEN)
    assert len(split.indices) == total
    if factor == 200:
        assert manifest(split)["realised_imbalance_factor"] == 250


@pytest.mark.parametrize("rate", [0.1, 0.2, 0.4, 0.8])
def test_symmetric_noise_flips_at_its_rate_and_never_to_the_clean_label(rate):
    split = make_split(SplitSpec("c", noise="symmetric", noise_rate=rate), BALANCED, 10, 0, TEN)
    sigma = np.sqrt(rate * (1 - rate) / len(BALANCED))
    assert abs(split.flipped.mean() - rate) < 4 * sigma
    wrong = np.bincount(split.observed[split.flipped & (split.clean == 3)], minlength=10)
    expected = rate * 5000 / 9
    assert wrong[3] == 0
    assert np.all(np.abs(np.delete(wrong, 3) - expected) < 5 * np.sqrt(expected))


def test_a_smaller_share_of_a_split_is_nested_in_a_larger_one_with_the_same_flips():
    spec = SplitSpec("c", "exp", 10.0, "symmetric", 0.4)
    shares = (1.0, 0.5, 0.25, 0.1, 0.05, 0.01)
    splits = [make_split(replace(spec, train_fraction=s), BALANCED, 10, 1, TEN) for s in shares]
    for larger, smaller in zip(splits, splits[1:], strict=False):
        at = np.searchsorted(larger.indices, smaller.indices)
        assert np.array_equal(larger.indices[at], smaller.indices)
        assert np.array_equal(larger.observed[at], smaller.observed)
    assert splits[-1].clean_counts.tolist() == [
        max(1, int(n * 0.01 + 0.5)) for n in splits[0].clean_counts
    ]


def test_validation_rows_are_apart_stratified_and_leave_no_class_empty():
    labels = np.repeat(np.arange(4), [100, 40, 10, 2])
    spec = SplitSpec("c", "natural", noise="symmetric", noise_rate=0.3, val_fraction=0.1)
    split = make_split(spec, labels, 4, 0, TEN)
    assert not set(split.indices) & set(split.val_indices)
    assert np.bincount(split.val_clean, minlength=4).tolist() == [10, 4, 1, 0]
    assert np.array_equal(split.val_clean, labels[split.val_indices])
    whole = make_split(replace(spec, val_fraction=0.0), labels, 4, 0, TEN)
    assert len(whole.indices) == len(split.indices) + len(split.val_indices)


@pytest.mark.parametrize("share", [0.5, 0.75, 0.99])
def test_no_share_for_validation_takes_the_last_row_of_a_class(share):
    labels = np.repeat(np.arange(4), [100, 3, 2, 1])
    split = make_split(SplitSpec("c", "natural", val_fraction=share), labels, 4, 0, TEN)
    expected = [min(int(n * share + 0.5), n - 1) for n in (100, 3, 2, 1)]
    assert np.bincount(split.val_clean, minlength=4).tolist() == expected
    assert split.clean_counts.min() >= 1


def test_shuffled_order_keeps_the_counts_and_changes_who_is_the_head():
    native = make_split(SplitSpec("c", "exp", 100.0), BALANCED, 10, 0, TEN)
    shuffled = make_split(SplitSpec("c", "exp", 100.0, order="shuffled"), BALANCED, 10, 0, TEN)
    assert sorted(native.clean_counts) == sorted(shuffled.clean_counts)
    assert not np.array_equal(native.clean_counts, shuffled.clean_counts)


def test_seeds_and_cells_draw_different_rows_and_the_same_seed_the_same():
    spec = SplitSpec("c", "exp", 10.0)
    one, again = (make_split(spec, BALANCED, 10, 3, TEN) for _ in range(2))
    other = make_split(spec, BALANCED, 10, 4, TEN)
    assert one.sha256 == again.sha256 != other.sha256


def test_a_class_that_cannot_supply_its_count_is_named():
    with pytest.raises(SpecError, match="needs 7,000 images of class 1, which has 5,000"):
        counts = (5000, 7000, *[10] * 8)
        make_split(SplitSpec("c", "counts", counts=counts), BALANCED, 10, 0, TEN)
    with pytest.raises(SpecError, match="leaves no image of class"):
        make_split(SplitSpec("c", "exp", 9000.0), BALANCED, 10, 0, TEN)

"""What people read: percent, intervals, ranks and labels."""

import math

import pytest

from harness.metrics.table import METRICS
from harness.rankings.display import (
    cell_label,
    cell_parts,
    count_text,
    difference_text,
    estimate_text,
    facet_labels,
    interval_text,
    interval_title,
    is_fraction,
    metric_title,
    rank_text,
    tie_letter,
    value_text,
)
from harness.types import Facets, RankedRow
from harness.types.models import KNOWN

ACCURACY = "test/balanced_accuracy"


def a_row(low: int, high: int) -> RankedRow:
    kind = "seeds and test set"
    return RankedRow("a", "A", 0.5, 0.4, 0.6, kind, low, high, 1, (0.5,), "rerun", {})


@pytest.mark.parametrize("name", sorted(METRICS))
def test_every_metric_has_a_title_and_a_text(name):
    assert metric_title(f"test/{name}") == METRICS[name].title
    assert value_text(0.5, f"test/{name}") in {"50.0 %", "0.500"}


def test_shares_are_read_in_percent_with_one_decimal():
    assert value_text(0.97349, ACCURACY) == "97.3 %"
    assert value_text(1.0, ACCURACY, unit=False) == "100.0"


def test_likelihoods_are_not_percent():
    assert not is_fraction("test/nll")
    assert value_text(0.123456, "test/nll") == "0.123"
    error = "truth/drawn/rare_probability_error"
    assert (value_text(0.0000186, error), value_text(0.0, error)) == ("1.9e-05", "0.000")
    assert interval_text(0.00001, 0.012, error) == "[1.0e-05, 0.012]"
    assert difference_text(-0.0000186, error) == "−1.9e-05"


@pytest.mark.parametrize("nothing", [None, math.nan, math.inf])
def test_what_has_no_value_is_a_dash_never_a_zero(nothing):
    assert value_text(nothing, ACCURACY) == "–"
    assert difference_text(nothing, ACCURACY) == "–"


def test_an_estimate_says_what_its_interval_covers():
    words = estimate_text(0.5, 0.4, 0.6, "seeds and test set", ACCURACY)
    assert words == "50.0 % [40.0, 60.0] (95 % interval over seeds and test set)"
    assert interval_title("test-set only") == "95 % interval over the test set only"


def test_interval_ends_have_the_metrics_unit():
    assert interval_text(0.123456, 0.2, "test/nll") == "[0.123, 0.200]"


def test_differences_of_shares_are_percentage_points():
    assert difference_text(0.0213, ACCURACY) == "+2.1 pp"
    assert difference_text(-0.5, "test/nll") == "−0.500"


def test_a_difference_that_rounds_to_nothing_has_no_sign():
    assert difference_text(-0.0001, ACCURACY) == "0.0 pp"


def test_rank_intervals_are_written_with_both_ends():
    assert rank_text(a_row(2, 5)) == "2–5"
    assert rank_text(a_row(3, 3)) == "3"


@pytest.mark.parametrize(("place", "letter"), [(1, "A"), (26, "Z"), (27, "AA"), (52, "AZ")])
def test_tie_classes_are_letters(place, letter):
    assert tie_letter(place) == letter


@pytest.mark.parametrize(
    ("cell", "label"),
    [
        ("digits-exp50-symmetric0.4", "exp 50 · symmetric 0.4"),
        ("digits-balanced-clean", "balanced · clean"),
        ("fashion_mnist-exp100-symmetric_inclusive0.4", "exp 100 · symmetric inclusive 0.4"),
        ("cifar10-step10~shuffled-clean~val0.1", "step 10 shuffled · clean, 0.1 held out"),
    ],
)
def test_cells_are_written_without_their_data_set(cell, label):
    assert cell_label(cell) == label
    assert " · ".join(cell_parts(cell)) == label


def test_places_of_metrics_are_said_in_words():
    assert metric_title("ood/near/energy/ood_auroc").endswith("(near OOD, energy)")
    assert metric_title("ood/far/declared/ood_auroc").endswith("(far OOD, declared score)")
    assert metric_title("forward-25/accuracy").endswith("(forward 25)")
    assert metric_title("train/memorised").endswith("(training split)")


def test_weights_are_counted_in_three_digits():
    assert [count_text(n) for n in (999, 1000, 25_557_032, None)] == ["999", "1 k", "25.6 M", "–"]


def test_a_plain_card_has_no_facet_labels():
    assert facet_labels(Facets(**KNOWN["method"]).model_dump()) == ()


def test_what_nobody_declared_is_a_label_and_no_known_facet_is():
    told = Facets(extra_data="none", selection="last", transductive=False).model_dump()
    assert facet_labels(told) == ("not declared: pretraining, saw clean labels, saw OOD data",)


def test_whatever_makes_a_comparison_unfair_is_a_label():
    told = Facets(
        pretraining="imagenet-1k",
        extra_data="labelled",
        saw_clean_labels=True,
        saw_ood_data=True,
        transductive=True,
        selection="clean_val",
    )
    assert facet_labels(told.model_dump()) == (
        "pretrained: imagenet-1k",
        "extra data: labelled",
        "saw clean labels",
        "saw OOD data",
        "transductive",
        "selected on clean val",
    )


@pytest.mark.parametrize(
    ("key", "title"),
    [
        ("covariate/fog-3/accuracy", "Accuracy (fog, severity 3)"),
        ("covariate/mean/nll", "Negative log-likelihood (mean over shifted test pools)"),
        ("covariate/severity-5/ece", "Expected calibration error (mean over shifts of severity 5)"),
        ("covariate/patched/attack_success", "Attack success (patched)"),
        ("fsood/near/energy/ood_auroc", "OOD AUROC (near OOD, energy, full spectrum)"),
        ("subsampled/forward-25/accuracy", "Accuracy (forward 25, subsampled)"),
        ("truth/label_errors/agreement", "Agreement with another truth (label errors)"),
        ("groups/worst_group_accuracy", "Worst-group accuracy"),
        ("forward-25/accuracy", "Accuracy (forward 25)"),
        ("ood/mnist/linear_probe/ood_auroc", "OOD AUROC (mnist, linear probe)"),
    ],
)
def test_keys_of_shifted_worlds_are_read_in_words(key, title):
    assert metric_title(key) == title

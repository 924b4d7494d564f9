"""Metric keys and row names: one grammar, and fsood is read as ood is."""

import pytest

from harness.errors import SpecError
from harness.metric_keys import MetricKey, RowName, differing_parts, own_key


@pytest.mark.parametrize(
    "text",
    [
        "test/ece",
        "ece",
        "covariate/fog-3/accuracy",
        "ood/near/msp/ood_auroc",
        "fsood/photo_patches/knn/ood_fpr95",
        "truth/label_errors/agreement",
    ],
)
def test_a_key_is_spelt_as_it_was_read(text):
    assert str(MetricKey.parse(text)) == text


@pytest.mark.parametrize("root", ["ood", "fsood"])
def test_both_kinds_of_ood_keys_have_a_set_a_score_and_a_declared_form(root):
    key = MetricKey.parse(f"{root}/near/msp/ood_auroc")
    assert (key.ood_set, key.score, key.metric) == ("near", "msp", "ood_auroc")
    declared = key.with_score("declared")
    assert declared.is_declared
    assert own_key(str(declared), "energy") == f"{root}/near/energy/ood_auroc"


def test_other_keys_have_no_score_and_stay_as_they_are():
    key = MetricKey.parse("test/ece")
    assert key.score is None and key.ood_set is None and key.truth is None
    assert key.with_score("declared") == key


@pytest.mark.parametrize("text", ["", "test/", "/ece", "test//ece", "test/ECE", "test/a b", "[/x]"])
def test_what_is_no_key_is_refused_with_what_a_key_is(text):
    with pytest.raises(SpecError, match="such as test/ece"):
        MetricKey.parse(text)


def test_keys_of_one_form_differ_in_parts_and_others_whole():
    pair = ("ood/near/msp/ood_auroc", "ood/far/knn/ood_auroc")
    assert differing_parts(*pair) == ("near/msp", "far/knn")
    assert differing_parts("test/ece", "ood/near/msp/ood_auroc")[0] == "test/ece"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("cnn-ce", ("cnn-ce", "", "")),
        ("cnn-ce+la+ts", ("cnn-ce", "la+ts", "")),
        ("cnn-ce@local", ("cnn-ce", "", "local")),
        ("cnn-ce+la@committed", ("cnn-ce", "la", "committed")),
    ],
)
def test_a_row_name_is_read_and_spelt(text, parts):
    name = RowName.parse(text)
    assert (name.entry, name.variant, name.source) == parts
    assert str(name) == text


@pytest.mark.parametrize("text", ["", "[/nope]", "a b", "A", "a+", "a@here", "../a", "a\x1b[31m"])
def test_what_is_no_row_name_is_refused(text):
    with pytest.raises(SpecError, match=r"entry or entry\+variant"):
        RowName.parse(text)

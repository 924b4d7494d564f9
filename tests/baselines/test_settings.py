"""Settings that cannot be meant are refused with one sentence, for every method alike."""

import pytest

from baselines.settings import Settings, changed, checked
from harness.errors import SpecError
from harness.models.methods.methods import METHODS, load_trainer


def configure(method, overrides):
    return load_trainer(METHODS[method].trainer).configure(overrides)


@pytest.mark.parametrize(
    ("method", "overrides", "sentence"),
    [
        ("class-balanced", {"beta": 1.0}, "'beta' must be a number in [0, 1); got 1.0"),
        ("focal", {"focusing": -2}, "'focusing' must be a number at least 0; got -2"),
        ("focal", {"focussing": 2.0}, "no setting 'focussing'. Did you mean 'focusing'"),
        ("focal", {"focusing": float("nan")}, "'focusing' must be a number at least 0; got nan"),
        ("label-smoothing", {"smoothing": 1.5}, "'smoothing' must be a number in [0, 1]; got 1.5"),
        ("loss-reweighting", {"temperature": 0.0}, "must be a number above 0; got 0.0"),
        ("ldam-drw", {"drw_start": 1.2}, "'drw_start' must be a number in [0, 1]; got 1.2"),
        ("gce", {"q": 0.0}, "'q' must be a number in (0, 1]; got 0.0"),
        ("gce-truncated", {"threshold": 1.5}, "'threshold' must be a number in (0, 1]; got 1.5"),
        ("sce", {"log_zero": 0.0}, "'log_zero' must be a number below 0; got 0.0"),
        ("elr", {"memory": 1.0}, "'memory' must be a number in [0, 1); got 1.0"),
        ("early-stopping", {"select": "last"}, "'select' must be one of 'noisy_val'; got 'last'"),
        ("co-teaching", {"forget_epochs": 0.0}, "'forget_epochs' must be a number above 0"),
        ("mixup", {"alpha": 0.0}, "'alpha' must be a number above 0; got 0.0"),
        ("remix", {"kappa": 0.5}, "'kappa' must be a number at least 1; got 0.5"),
        ("oversampling", {"degree": 1.5}, "'degree' must be a number in [0, 1]; got 1.5"),
        ("two-phase", {"second_phase": 1.0}, "'second_phase' must be a number in (0, 1)"),
        ("selective-dampening", {"selection": 0.0}, "'selection' must be a number above 0"),
        ("ride", {"experts": 0}, "'experts' must be a whole number at least 1; got 0"),
        ("mdcs", {"strong": "crop"}, "'strong' must be a list of texts; got 'crop'"),
        ("lda", {"shrinkage": 1.5}, "'shrinkage' must be a number in [0, 1]; got 1.5"),
        ("neighbours", {"k": 0}, "'k' must be a whole number at least 1; got 0"),
        ("majority", {"seed": 1}, "has no setting 'seed'. Known: none"),
        ("bootstrapping", {"hard": 1}, "'hard' must be true or false; got 1"),
        ("co-teaching", {"forget_rate": 1.0}, "'forget_rate' must be a number in [0, 1); got 1.0"),
        ("sce", {"decay": "biases"}, "'decay' must be one of 'all', 'weights'; got 'biases'"),
        ("dividemix", {"warmup_share": -0.1}, "'warmup_share' must be a number in [0, 1]"),
        ("forward-correction", {"transition": [[1.0, 0.0]]}, "'transition' must be square; row 0"),
        (
            "forward-correction",
            {"transition": [[0.9, 0.2], [0.1, 0.9]]},
            "Each row of 'transition' must be a distribution; row 0 is [0.9, 0.2]",
        ),
        (
            "forward-correction",
            {"transition": [[1.1, -0.1], [0.1, 0.9]]},
            "Each row of 'transition' must be a distribution; row 0 is [1.1, -0.1]",
        ),
        (
            "forward-correction",
            {"transition": [[0.9, 0.1], [0.6, 0.4]]},
            "only if most labels of each class stay; class 1 keeps 0.4 and flips 0.6",
        ),
        (
            "forward-correction",
            {"transition": [[0.5, 0.5], [0.5, 0.5]]},
            "only if most labels of each class stay; class 0 keeps 0.5 and flips 0.5",
        ),
    ],
)
def test_a_value_out_of_range_is_refused_with_its_range(method, overrides, sentence):
    with pytest.raises(SpecError) as refused:
        configure(method, overrides)
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("method", sorted(METHODS))
def test_every_method_refuses_a_key_that_it_does_not_have(method):
    with pytest.raises(SpecError, match="no setting 'no_such_setting'"):
        configure(method, {"no_such_setting": 1})


@pytest.mark.parametrize("method", sorted(METHODS))
def test_a_whole_configuration_is_its_own_configuration(method):
    whole = configure(method, {})
    assert configure(method, whole) == whole


def test_an_int_is_taken_where_a_number_is_meant_and_no_text_is():
    assert checked(Settings, {"lr": 1}).lr == 1.0
    with pytest.raises(SpecError, match="'lr' must be a number above 0; got '0.1'"):
        checked(Settings, {"lr": "0.1"})


def test_changed_settings_are_checked_too():
    settings = checked(Settings, {"milestones": [3, 5]})
    assert changed(settings, epochs=7).milestones == (3, 5)
    with pytest.raises(SpecError, match="'epochs' must be a whole number at least 1; got 0"):
        changed(settings, epochs=0)

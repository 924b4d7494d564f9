"""What pools, levels and hierarchies can lack: a reason for each, and never a number or a NaN."""

import numpy as np
import pytest

from harness.metrics.engine.outputs import Outputs
from harness.metrics.groups import class_groups
from harness.metrics.measure import (
    measure,
    measure_conformal,
    measure_noise,
    measure_open_set,
    measure_structure,
)

Y = np.tile(np.arange(4), 25)


def outputs(c=4, *, y=None, rng=None):
    rng = rng or np.random.default_rng(2)
    y = Y % c if y is None else y
    z = rng.normal(size=(len(y), c))
    z[np.arange(len(y)), y] += 2
    return Outputs.from_logits(y, z)


def of_pool(key, found):
    return measure(found, [key])[key]


def sets(key, calibration):
    groups = class_groups(np.array([50, 40, 20, 10]), "terciles")
    return measure_conformal(outputs(), calibration, groups, (key,))[key]


def noise(key, observed, clean):
    return measure_noise(outputs(y=clean), observed, clean, keys=(key,))[key]


def open_set(key, correct, m):
    scores = np.random.default_rng(1)
    return measure_open_set(correct, scores.normal(size=100), scores.normal(size=m), keys=(key,))[
        key
    ]


WITHOUT_CLASS_3 = Y[Y < 3]
LACKS = {
    "top-5 of four classes": (
        lambda: of_pool("top5_accuracy", outputs()),
        "4 classes: the five likeliest are all of them",
    ),
    "top-5 of five classes": (
        lambda: of_pool("top5_accuracy", outputs(5)),
        "5 classes: the five likeliest are all of them",
    ),
    "no calibration pool": (
        lambda: sets("conformal_coverage", None),
        "there is no calibration pool",
    ),
    "a level that the pool is too small for": (
        lambda: sets("conformal_set_size", outputs(y=Y[:8])),
        "8 calibration images are too few for sets at 90 %: they need 9",
    ),
    "a class that the calibration pool lacks": (
        lambda: sets("class_conformal_coverage", outputs(y=WITHOUT_CLASS_3)),
        "class 3 has 0 calibration images; sets at 90 % for every class need 9",
    ),
    "a hierarchy that does not cover the classes": (
        lambda: measure_structure(outputs(), False, np.array([[0], [0], [1]]))[
            "hierarchical_error"
        ],
        "the hierarchy covers 3 of 4 classes",
    ),
    "a hierarchy with a hole": (
        lambda: measure_structure(outputs(), False, np.array([[0], [0], [1], [-1]]))[
            "hierarchical_error"
        ],
        "the hierarchy covers 3 of 4 classes",
    ),
    "no flipped label to find": (
        lambda: noise("label_error_f1", Y, Y),
        "no training label is flipped",
    ),
    "only flipped labels": (
        lambda: noise("label_error_lift_margin", (Y + 1) % 4, Y),
        "every training label is flipped",
    ),
    "no wrong image": (
        lambda: open_set("ood_auroc_wrong", np.ones(100, dtype=bool), 50),
        "no ID image is classified wrong",
    ),
    "no right image": (
        lambda: open_set("ood_auroc_right", np.zeros(100, dtype=bool), 50),
        "no ID image is classified right",
    ),
    "too few OOD images for one in a hundred": (
        lambda: open_set("ccr_at_fpr1", np.ones(100, dtype=bool), 99),
        "1 % of 99 OOD images is less than one: it needs 100",
    ),
}


@pytest.mark.parametrize("name", LACKS)
def test_what_is_lacking_is_said_and_nothing_is_made_up(name):
    found, reason = LACKS[name][0](), LACKS[name][1]
    assert found.value is None
    assert found.reason == reason


def test_a_missing_class_of_the_calibration_pool_leaves_the_sets_over_all_images():
    found = sets("conformal_coverage", outputs(y=WITHOUT_CLASS_3))
    assert 0 <= found.value <= 1

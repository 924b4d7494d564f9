"""Constants that decide numbers: a change of one is another suite or statistics version.

What each does is tested where it is used; this table is the list of those that docs/protocol.md and
docs/metrics.md promise, so that none moves by accident.
"""

from importlib import import_module

import pytest

STATISTICS = {
    "intervals.LEVEL": 0.975,  # either side of a 95 % interval
    "weightings.REPLICATES": 1000,
    "spread.MIN_SEEDS": 3,  # no class and no verdict from fewer
    "pairs.ALPHA": 0.025,  # over all pairs
    "pairs.HIDDEN": 0.2,  # chance that an entry is of the kind of outlying ones
    "moderation.PRIOR_DF_AT_MOST": 20.0,
    "moderation.OUTLYING": 0.1,
    "robust_fit.MIN_ENTRIES": 5,
    "robust_fit.LEVEL": 0.95,
    "score_intervals.FEW": 10,  # effective images, right or wrong
    "planning.POWER": 0.80,
    "planning.MOST_SEEDS": 400,
    "critical_difference.LEVEL": 0.05,
    "spending.ERROR": 0.05,
}
METRICS = {
    "calibration.N_BINS": 15,
    "calibration.EXACT_VARIANCE": 25.0,
    "engine.adaptive.RANGES": 15,
    "engine.adaptive.LEAST": 0.01,
    "groups.MANY_ABOVE": 100,
    "groups.FEW_BELOW": 20,
    "groups.LEAST_FACTOR": 1.5,
    "contingency.DOMINANCE": 0.1,
    "top_k.TOP": 5,
    "rejection.COVERED": 80,
    "rejection.KEPT": 90,
    "rejection.RISK": 5,
    "conformal.LEVEL": 90,
    "conformal.LEAST_IMAGES": 9,
    "subgroups.LEAST_IMAGES": 10,
    "ood.CAUGHT": 95,
    "ood_replicates.LEAST_OOD": 50,
    "replicates.LEAST_POSITIVES": 50,
}
SCORES = {
    "layers.ODIN_TEMPERATURE": 1000.0,
    "feature_scores.REACT_QUANTILE": 0.9,
    "shaping.ASH_PERCENT": 90,
    "shaping.SCALE_PERCENT": 85,
    "shaping.DICE_PERCENT": 90,
    "prototypes.TAIL": 20,
    "prototypes.REVISED": 10,
}


@pytest.mark.parametrize(
    ("room", "constants"), [("stats", STATISTICS), ("metrics", METRICS), ("scores", SCORES)]
)
def test_constants_that_decide_numbers_are_as_promised(room, constants):
    found = {}
    for name in constants:
        module, _, constant = name.rpartition(".")
        found[name] = getattr(import_module(f"harness.{room}.{module}"), constant)
    assert found == constants


def test_float32s_tiny_is_where_given_probabilities_are_clipped():
    import numpy as np

    from harness.metrics.engine.softmax import TINY

    assert np.finfo(np.float32).tiny == TINY

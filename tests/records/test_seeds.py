"""A record cut to some of its seeds keeps what the other seeds told of it."""

import pytest

from harness.errors import UnknownNameError
from harness.records.records import Recorded
from harness.records.seeds import only_seeds
from tests.runs.synthetic import recorded


def declared(values) -> Recorded:
    made = recorded("still", 0.5)
    variants = dict(made.record.variants)
    metrics = {**variants[""].metrics, made.record.suite.primary: values}
    variants[""] = variants[""].model_copy(update={"metrics": metrics})
    update = {"deterministic": True, "variants": variants}
    return Recorded(made.record.model_copy(update=update), None, made.arrays)


@pytest.mark.parametrize(
    ("values", "still"),
    [([[0.5, 0.5, 0.5], [0.6, 0.6, 0.6]], True), ([[0.5, 0.5, 0.4], [0.6, 0.6, 0.6]], False)],
)
def test_one_seed_of_an_entry_that_varies_is_not_deterministic(values, still):
    assert only_seeds(declared(values), [0]).record.deterministic is still


def test_a_seed_that_the_suite_lacks_is_refused():
    with pytest.raises(UnknownNameError, match="seed of"):
        only_seeds(recorded("still", 0.5), [17])

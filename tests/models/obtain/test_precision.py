"""Dtype ``auto``: the fastest that a model's outputs bear, chosen once, named in key and record."""

import numpy as np
import pytest

from harness.models.obtain import precision
from harness.models.obtain.obtain import is_kept, obtain
from harness.models.obtain.precision import FASTER, TOLERANCE, chosen
from harness.models.passes.numerics import EXACT, Numerics, choose

AUTOMATIC = Numerics(dtype="auto", memory_format="auto", batch_size=32)
BFLOAT, LAST = FASTER
VALUES = np.array([[1.0, 0.5, 0.0], [0.0, 1.0, 0.99]], dtype=np.float32)
"""The widest gap between two outputs of a row is one."""


def saying(moves):
    """Return outputs whose last class moves by some amount under a dtype and memory format."""
    return lambda *under: VALUES + np.float32([0, 0, moves.get(under, 0.0)])


@pytest.mark.parametrize(
    ("moves", "bfloat16", "expected"),
    [
        ({BFLOAT: 0.9 * TOLERANCE / 2, LAST: 1e-6}, True, BFLOAT),
        ({BFLOAT: 0.9 * TOLERANCE / 2, LAST: 1e-6}, False, LAST),
        ({BFLOAT: -1.5 * TOLERANCE, LAST: 1e-6}, True, LAST),
        ({BFLOAT: -1.5 * TOLERANCE, LAST: -1.5 * TOLERANCE}, True, EXACT),
        ({BFLOAT: 0.9 * TOLERANCE, LAST: 1e-6}, True, LAST),  # the second input's class changes
        ({BFLOAT: 0.001, LAST: 0.0}, False, EXACT),  # the same to the last bit: nothing is gained
        ({BFLOAT: np.nan, LAST: np.nan}, True, EXACT),
    ],
)
def test_the_fastest_within_the_tolerance_is_chosen(monkeypatch, moves, bfloat16, expected):
    monkeypatch.setattr(precision, "has_bfloat16", lambda device: bfloat16)
    found = chosen(saying(moves), "cpu")
    assert (found["dtype"], found["memory_format"]) == expected


def test_auto_is_an_option_and_not_the_default(monkeypatch):
    monkeypatch.delenv("TAILMARK_DTYPE", raising=False)
    assert (choose("cpu").dtype, choose("cpu").memory_format) == EXACT
    monkeypatch.setenv("TAILMARK_DTYPE", "auto")
    assert (choose("cpu").dtype, choose("cpu").memory_format) == ("auto", "auto")


def test_the_choice_is_made_once_and_evidence_is_keyed_by_what_was_chosen(
    entry,
    opened,
    store,
    monkeypatch,
):
    """What auto chose is the same evidence as what is chosen by hand, and the record says it."""
    job, tried = entry(), []

    def second(said, device):
        tried.append((device, np.abs(said(*EXACT) - said(*BFLOAT)).max()))
        return {"dtype": LAST[0], "memory_format": LAST[1]}

    monkeypatch.setattr(precision, "chosen", second)
    monkeypatch.setenv("TAILMARK_DTYPE", "auto")
    assert not is_kept(job, opened, store)
    for _ in range(2):
        found = obtain(job, opened, store, pools=["test"], numerics=AUTOMATIC)
    ((device, moved),) = tried
    assert device == "cpu" and 0 < moved < 0.1
    by_hand = Numerics(dtype="float32", memory_format="channels_last", batch_size=32)
    again = obtain(job, opened, store, pools=["test"], numerics=by_hand)
    exact = obtain(job, opened, store, pools=["test"], numerics=Numerics(batch_size=32))
    assert found.numerics["memory_format"] == "channels_last"
    assert found.evidence_keys == again.evidence_keys != exact.evidence_keys
    np.testing.assert_allclose(
        found.predictions["test"].values, exact.predictions["test"].values, atol=1e-3
    )


def test_a_model_of_numpy_stays_exact(toy_job, opened, store, counts):
    found = obtain(toy_job("fit_means"), opened, store, pools=["test"], numerics=AUTOMATIC)
    assert (found.numerics["dtype"], found.numerics["memory_format"]) == EXACT

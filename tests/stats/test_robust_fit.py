"""Effective robustness against scipy's line and a prediction interval that covers."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit, logit

from harness.errors import SpecError, Undefined
from harness.stats.robust_fit import robust_fit


def field(n=12, seed=0, slope=0.8, offset=-0.5, noise=0.1):
    rng = np.random.default_rng(seed)
    inside = rng.uniform(0.4, 0.95, n)
    return inside, expit(offset + slope * logit(inside) + noise * rng.standard_normal(n))


def test_the_line_of_all_entries_is_scipys():
    inside, shifted = field()
    oracle = stats.linregress(logit(inside), logit(shifted))
    found = robust_fit(inside, shifted)
    np.testing.assert_allclose([found.slope, found.intercept], [oracle.slope, oracle.intercept])


def test_each_entry_is_held_against_the_line_and_scatter_of_the_others():
    inside, shifted = field(n=8)
    found = robust_fit(inside, shifted)
    x, y = logit(inside[1:]), logit(shifted[1:])
    oracle = stats.linregress(x, y)
    predicted = oracle.intercept + oracle.slope * logit(inside[0])
    s = np.sqrt(((y - oracle.intercept - oracle.slope * x) ** 2).sum() / 5)
    reach = np.sqrt(1 + 1 / 7 + (logit(inside[0]) - x.mean()) ** 2 / ((x - x.mean()) ** 2).sum())
    half = stats.t.ppf(0.975, 5) * s * reach
    np.testing.assert_allclose(found.expected[0], expit(predicted))
    np.testing.assert_allclose(
        [found.low[0], found.residual[0], found.high[0]],
        shifted[0] - expit([predicted + half, predicted, predicted - half]),
    )


def test_entries_of_one_line_lie_off_it_one_time_in_twenty():
    off = []
    for seed in range(150):
        found = robust_fit(*field(seed=seed))
        off += list((found.low > 0) | (found.high < 0))
    assert 0.03 < np.mean(off) < 0.07  # 1,800 entries; standard error below 0.007


def test_an_entry_above_the_line_is_found_and_order_does_not_matter():
    inside, shifted = field()
    shifted[3] = expit(logit(shifted[3]) + 1.5)
    found = robust_fit(inside, shifted)
    assert found.residual.argmax() == 3
    assert found.low[3] > 0
    turned = robust_fit(inside[::-1], shifted[::-1])
    np.testing.assert_allclose(turned.residual[::-1], found.residual)


def test_what_has_no_line_is_undefined_and_what_has_no_logit_is_refused():
    inside, shifted = field(n=4)
    with pytest.raises(Undefined, match="at least 5 entries; there are 4"):
        robust_fit(inside, shifted)
    with pytest.raises(Undefined, match="same value without the shift"):
        robust_fit(np.full(6, 0.7), np.linspace(0.2, 0.7, 6))
    with pytest.raises(SpecError, match=r"between 0 and 1; got 1\.0"):
        robust_fit(np.array([0.5, 0.6, 0.7, 0.8, 1.0]), np.full(5, 0.5))

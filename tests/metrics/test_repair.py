"""Repaired models, counted by hand."""

import numpy as np
import pytest

from harness.errors import Undefined
from harness.metrics import repair


def test_corrected_and_attack_success_count_rows():
    assert repair.corrected(np.array([1, 0, 2, 2]), np.array([1, 1, 2, 0])) == 0.5
    # images of the target itself do not count: of three others one is fooled
    assert repair.attack_success(
        np.array([0, 0, 1, 2]), np.array([0, 1, 1, 2]), target=0
    ) == pytest.approx(1 / 3)
    with pytest.raises(Undefined, match="attacker"):
        repair.attack_success(np.array([0]), np.array([0]), target=0)
    with pytest.raises(Undefined, match="no training row"):
        repair.corrected(np.array([], dtype=int), np.array([], dtype=int))

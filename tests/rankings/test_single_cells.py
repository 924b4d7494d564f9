"""Every cell's ranking at once is the ranking of that cell."""

import pytest

from harness.rankings import single_cells
from harness.rankings.field import suite_rows
from harness.rankings.ranking import rank
from tests.leaderboard.made import CELLS, write_field


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    return suite_rows("digits-v1", roots=[write_field(tmp_path_factory.mktemp("submissions"))])


@pytest.mark.parametrize("key", [None, "test/nll", "test/ece_null", "ood/near/declared/ood_auroc"])
@pytest.mark.parametrize("held", [single_cells.HELD, 1])
def test_every_cell_is_ranked_as_if_it_were_asked_for_alone(rows, monkeypatch, key, held):
    monkeypatch.setattr(single_cells, "HELD", held)
    found = single_cells.rank_cells(rows, suite="digits-v1", key=key)
    assert list(found) == list(CELLS)
    for cell, ranking in found.items():
        assert ranking == rank(rows, suite="digits-v1", key=key, cells=[cell])

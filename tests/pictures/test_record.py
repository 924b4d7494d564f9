"""Figures: they draw what the record says, and need no global state."""

import subprocess
import sys

import numpy as np
import pytest

from harness.errors import SpecError, UnknownNameError
from harness.pictures import record as plots
from harness.records.records import Recorded
from harness.types import RankedRow, Ranking
from tests.leaderboard.made import CELLS, SEEDS, made


@pytest.fixture(scope="module")
def recorded() -> Recorded:
    return made("cnn-ce", 0.93, variants=("la",))


def a_ranking() -> Ranking:
    kind = "seeds and test set"
    rows = (
        RankedRow("best", "Best", 0.9, 0.88, 0.92, kind, 1, 1, 1, (0.9,), "rerun", {}),
        RankedRow("other", "Other", 0.5, 0.45, 0.55, kind, 2, 2, 2, (0.5,), "rerun", {}),
    )
    key = "test/balanced_accuracy"
    return Ranking("digits-v1", key, True, "open", CELLS, SEEDS, rows)


def words(figure) -> str:
    """All text of a figure."""
    from matplotlib.text import Text

    return "\n".join(text.get_text() for text in figure.findobj(Text))


def test_reliability_shows_every_cell_with_ece_and_its_null(recorded):
    text = words(plots.reliability_plot(recorded))
    assert text.count("if calibrated") == len(CELLS)
    ece = recorded.values("", "test/ece")[0].mean()
    assert f"ECE {100 * ece:.1f} % (1.8 % if calibrated)" in text


def test_reliability_points_are_pooled_over_seeds(recorded):
    figure = plots.reliability_plot(recorded, cell=CELLS[1])
    count, confidence, correct = recorded.detail("", "reliability")[1].sum(axis=0).T
    line = figure.axes[0].lines[1]
    np.testing.assert_allclose(line.get_xdata(), (confidence / count)[count > 0], rtol=1e-5)
    np.testing.assert_allclose(line.get_ydata(), (correct / count)[count > 0], rtol=1e-5)


def test_a_ranking_draws_each_interval_from_end_to_end():
    figure = plots.ranking_plot(a_ranking())
    np.testing.assert_allclose(figure.axes[0].lines[0].get_xdata(), [88, 92])
    text = words(figure)
    assert "rank 1   A" in text
    assert "95 % interval over seeds and test set" in text


def test_a_figure_becomes_png_bytes(recorded):
    assert plots.png(plots.reliability_plot(recorded))[:4] == b"\x89PNG"


def test_an_unknown_cell_or_variant_is_named_with_the_closest(recorded):
    with pytest.raises(UnknownNameError, match="Did you mean 'digits-exp50-clean'"):
        plots.reliability_plot(recorded, cell="digits-exp50-clen")
    with pytest.raises(UnknownNameError, match="No variant of cnn-ce named 'ts'"):
        plots.reliability_plot(recorded, variant="ts")


def test_details_that_were_not_kept_say_so(recorded):
    bare = Recorded(recorded.record, None, {})
    with pytest.raises(SpecError, match="reliability of cnn-ce was expected"):
        plots.reliability_plot(bare)


def test_pyplot_is_never_loaded():
    code = "import sys, harness.pictures.record; assert 'matplotlib.pyplot' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)

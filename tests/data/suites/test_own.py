"""A data set of one's own has a suite as soon as it is prepared."""

import numpy as np
import pytest

from harness.data.sets.prepare import prepare
from harness.data.suites.open import open_suite
from harness.data.suites.own import is_own, suite_named
from harness.errors import UnknownNameError
from harness.models.cards.cards import check_suite
from harness.runs.api import run
from harness.types import EntryCard


def no_torchvision():
    raise AssertionError("a table needs no torchvision")


@pytest.fixture
def root(tmp_path):
    """A prepared table: two numbers tell three classes, 60 rows each."""
    rng = np.random.default_rng(11)
    labels = np.repeat(np.arange(3), 60)
    numbers = rng.normal(size=(180, 2)) + 4 * np.stack([labels == 1, labels == 2], axis=1)
    lines = [f"{a:.4f},{b:.4f},{'xyz'[k]}" for (a, b), k in zip(numbers, labels, strict=True)]
    (tmp_path / "mine.csv").write_text("\n".join(["a,b,kind", *lines]))
    prepare(f"table:{tmp_path / 'mine.csv'}", tmp_path / "data", torchvision=no_torchvision)
    return tmp_path / "data"


def test_the_suite_parts_the_table_and_flips_a_share_of_labels(root):
    opened = open_suite("own-table_mine-v1", root)
    assert opened.suite.cells == tuple(
        f"table_mine-natural-{noise}" for noise in ("clean", "symmetric0.2", "symmetric0.4")
    )
    assert (len(opened.test), len(opened.calibration), len(opened.train)) == (60, 18, 102)
    assert 0.2 < opened.split("table_mine-natural-symmetric0.4", 0).flipped.mean() < 0.6


def test_an_entry_runs_on_it_and_tells_the_classes_apart(root, tmp_path):
    results = run(
        "nearest-mean", "own-table_mine-v1", data_root=root, store=tmp_path / "store", processes=1
    )
    wanted = "variant == '' and cell == 'table_mine-natural-clean'"
    frame = results.frame().query(wanted)
    clean = frame[frame.metric == "test/balanced_accuracy"]
    assert len(clean) == 3 and clean.value.min() > 0.9


def test_names_that_are_not_there_are_said(root):
    with pytest.raises(
        UnknownNameError, match="'table_mime' .* there is none. .*own-table_mine-v1"
    ):
        suite_named("own-table_mime-v1", root)
    with pytest.raises(UnknownNameError, match="No suite named 'digit-v1'.*'digits-v1'"):
        suite_named("digit-v1", root)


def test_no_card_refuses_a_users_own_suite():
    card = EntryCard(format=1, name="made", kind="predictions", suites=("tabular-v1",))
    check_suite(card, "own-table_mine-v1")
    assert is_own("own-table_mine-v1")

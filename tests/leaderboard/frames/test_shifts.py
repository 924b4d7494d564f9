"""Shifted test data: which columns there are, and what a value is held against."""

import pytest

from harness.rankings.field import candidates
from harness.records.records import read_record
from leaderboard.frames.shifts import MEANS, places_shown, severities, world_frame, worlds_of
from leaderboard.markup.cells import FORMS, heat_table
from tests.leaderboard.made import WORLD_KEYS, write_worlds

METRIC = "balanced_accuracy"


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    root = write_worlds(tmp_path_factory.mktemp("submissions"))
    found = read_record(root / "shifted" / "results" / "digits-v1.json")
    return {row.name: row for row in candidates([found])}


@pytest.fixture(scope="module")
def worlds(records):
    return worlds_of(records["shifted"].recorded.record.variants[""].metrics)


def test_worlds_are_found_among_all_metrics(worlds):
    assert list(worlds) == ["covariate", "subsampled", "truth", "groups"]
    assert {w.key(p, m) for w in worlds.values() for m, ps in w.metrics.items() for p in ps} == set(
        WORLD_KEYS
    )


def test_copies_are_shown_as_means_or_a_severity(worlds):
    places = worlds["covariate"].metrics[METRIC]
    assert severities(places) == [MEANS, "severity 1", "severity 3"]
    assert places_shown(places, MEANS) == ["mean", "severity-3"]
    assert places_shown(places, "severity 3") == ["fog-3"]
    assert places_shown(["mean", "patched", "fog-1"], MEANS) == ["mean", "patched"]


def test_a_change_is_from_the_test_pool_as_it_is(worlds, records):
    frame = world_frame(
        worlds["covariate"], METRIC, ["mean"], ["shifted"], records, 0, higher_is_better=True
    )
    assert list(frame["cell"]) == ["test/balanced_accuracy", "covariate/mean/balanced_accuracy"]
    assert frame["difference"].tolist() == pytest.approx([0, -0.1])
    assert frame["difference_text"].tolist() == ["0.0", "−10.0"]
    text = heat_table(frame, suite="s", form=FORMS[2], higher_is_better=True)
    assert "−10.0" in text


def test_other_labels_are_held_against_the_published_ones(worlds, records):
    frame = world_frame(
        worlds["truth"], "agreement", ["label_errors"], ["shifted"], records, 0,
        higher_is_better=True,
    )  # fmt: skip
    assert frame["difference"].tolist() == pytest.approx([0])
    assert "from truth/label_errors/published_accuracy" in frame["about"][0]


def test_rows_without_any_value_are_left_out(worlds, records):
    none = world_frame(
        worlds["covariate"], METRIC, ["nowhere"], ["shifted"], records, 0, higher_is_better=True
    )
    assert none.empty

"""Rankings from records: order, classes, tracks, tiers, and what is left out and why."""

import pytest

from harness.errors import SpecError, UnknownNameError
from harness.rankings.comparing import compare
from harness.rankings.display import facet_labels
from harness.rankings.export import ranking_rows, rows_text
from harness.rankings.field import candidates
from harness.rankings.other_truth import change_rows, truth_changes
from harness.rankings.ranking import rank
from harness.records.records import sealed
from tests.runs.synthetic import CELLS, KEY, recorded

OWN = frozenset({"best", "second", "twin", "worst", "hole", "adapts", "given", "owner"})


def rows(*records, **options):
    return candidates(records, local=OWN, **options)


def ranked(*records, **options):
    return rank(rows(*records), suite="digits-v1", **options)


def test_rows_come_best_first_with_rank_intervals_that_hold_their_place():
    table = ranked(recorded("second", 0.8), recorded("best", 0.9), recorded("worst", 0.5))
    assert [row.name for row in table.rows] == ["best", "second", "worst"]
    for place, row in enumerate(table.rows, start=1):
        assert row.rank_low <= place <= row.rank_high
        assert row.low < row.value < row.high


def test_entries_far_apart_are_in_different_classes():
    table = ranked(recorded("best", 0.9), recorded("worst", 0.5))
    assert [row.tie_class for row in table.rows] == [1, 2]


def test_entries_that_differ_by_noise_share_a_class():
    table = ranked(recorded("best", 0.9), recorded("twin", 0.9))
    assert {row.tie_class for row in table.rows} == {1}


def test_an_entry_with_a_hole_has_no_overall_value_and_says_what_is_missing():
    table = ranked(recorded("best", 0.9), recorded("hole", 0.95, missing=True))
    assert [row.name for row in table.rows] == ["best"]
    assert table.missing[0].name == "hole"
    assert "1 of 6 jobs (digits-exp10-clean)" in table.missing[0].missing
    assert table.missing[0].cells[1] is None


def test_an_undefined_value_is_never_shown_as_zero():
    table = ranked(recorded("best", 0.9), recorded("hole", 0.95, missing=True))
    assert "hole,,,," in rows_text(ranking_rows(table), "csv")


def test_transductive_rows_stand_beside_the_open_track():
    facets = {"transductive": True, "pretraining": "none"}
    table = ranked(recorded("best", 0.9), recorded("adapts", 0.95, facets=facets))
    assert [row.name for row in table.rows] == ["best"]
    assert [row.name for row in table.beside] == ["adapts"]


OPEN = {"transductive": False, "pretraining": "none", "extra_data": None}


@pytest.mark.parametrize("track", ["open", "inductive", "no-pretraining", "matched"])
def test_a_facet_that_nobody_declared_keeps_a_row_beside_every_track_by_value_alone(track):
    field = recorded("best", 0.9), recorded("worst", 0.5)
    table = ranked(*field, recorded("given", 0.95, facets=OPEN), track=track)
    assert table.rows == ranked(*field, track=track).rows
    (row,) = table.beside
    assert (row.name, row.rank_low, row.rank_high, row.tie_class) == ("given", None, None, None)
    assert row.low < row.value < row.high
    assert row.flags[0].startswith("not declared: extra data;")
    assert facet_labels(row.facets) == ("not declared: extra data",)
    assert "given" not in {m.name for m in table.missing}


def test_rows_that_are_all_undeclared_leave_a_ranking_without_ranks():
    table = ranked(recorded("given", 0.95, facets=OPEN), recorded("best", 0.9, facets=OPEN))
    assert (table.rows, [r.name for r in table.beside]) == ((), ["given", "best"])


def test_one_model_for_all_cells_is_flagged_and_in_no_track_of_trainings():
    facets = {"transductive": False, "pretraining": "none", "one_model": True}
    field = recorded("best", 0.9), recorded("given", 0.95, facets=facets)
    first = ranked(*field).rows[0]
    assert first.name == "given" and any("one model for all cells" in f for f in first.flags)
    for track in ("no-pretraining", "matched"):
        assert [row.name for row in ranked(*field, track=track).rows] == ["best"]


def test_pretrained_rows_leave_the_track_without_pretraining():
    facets = {"transductive": False, "pretraining": "imagenet-1k"}
    table = ranked(
        recorded("best", 0.9), recorded("second", 0.95, facets=facets), track="no-pretraining"
    )
    assert [row.name for row in table.rows] == ["best"]


def test_rows_with_augmentations_of_their_own_leave_the_matched_track_and_say_so():
    facets = {"transductive": False, "augmentation": "crop"}
    fair = recorded("best", 0.9), recorded("twin", 0.95, facets=facets)
    assert [row.name for row in ranked(*fair, track="matched").rows] == ["best"]
    assert [row.name for row in ranked(*fair).rows] == ["twin", "best"]
    assert facet_labels(facets) == ("augmentation: crop",)


def test_submitted_records_without_reachable_evidence_are_not_ranked():
    table = rank(
        candidates([recorded("best", 0.9), recorded("stranger", 0.99)], local=OWN),
        suite="digits-v1",
    )
    assert [row.name for row in table.rows] == ["best"]
    assert "tier is claimed" in table.missing[0].missing


def test_given_predictions_on_this_machine_are_rescored_not_rerun():
    table = ranked(recorded("given", 0.9, produced_by="given"), recorded("best", 0.8))
    assert {row.name: row.tier for row in table.rows} == {"given": "rescored", "best": "rerun"}


def with_values(name, key, values, level=0.9):
    """A record with one more metric, of which no replicates are stored."""
    found = recorded(name, level)
    variants = found.record.model_dump()["variants"]
    variants[""]["metrics"][key] = [[v] * 3 for v in values]
    return recorded(name, level, variants=variants)


def test_unknown_metric_names_the_closest_of_the_records():
    with pytest.raises(UnknownNameError, match="Did you mean 'subsampled/forward-10/accuracy'"):
        ranked(
            with_values("best", "subsampled/forward-10/accuracy", (0.9, 0.8)),
            key="subsampled/forward10/accuracy",
        )


@pytest.mark.parametrize(
    ("key", "order"),
    [
        ("covariate/mean/balanced_accuracy", ["best", "second"]),
        ("forward-5/nll", ["second", "best"]),
    ],
)
def test_a_metric_without_replicates_is_ranked_by_value_in_its_direction(key, order):
    made = (with_values("second", key, (0.5, 0.3)), with_values("best", key, (0.5, 0.4)))
    found = ranked(*made, key=key)
    assert [row.name for row in found.rows] == order
    (best,) = (row for row in found.rows if row.name == "best")
    assert best.value == pytest.approx(0.45)
    assert found.by_value
    assert (best.low, best.high, best.interval_kind) == (None, None, None)
    assert (best.rank_low, best.rank_high, best.tie_class) == (None, None, None)


def test_rows_go_by_value_in_cells_where_none_has_replicates_of_the_metric():
    """One entry declares the score, and has it in the first cell alone; the others score it too."""
    key = "ood/near/knn/ood_auroc"
    others = (with_values("second", key, (0.6, 0.6)), with_values("best", key, (0.7, 0.8)))
    owner = with_values("owner", key, (0.9, None))
    arrays = dict(owner.arrays)
    arrays |= {name.replace(KEY, key): array for name, array in owner.arrays.items() if KEY in name}
    owner = sealed(owner.record, arrays)
    first, second = CELLS
    found = ranked(owner, *others, key=key, cells=[first])
    assert not found.by_value and [row.name for row in found.rows] == ["owner"]
    for cells in ([second], None):
        found = ranked(owner, *others, key=key, cells=cells)
        assert found.by_value and [row.name for row in found.rows] == ["best", "second"]
        assert [row.name for row in found.missing] == ["owner"]


def test_a_ranking_by_value_averages_cells_that_have_values_and_leaves_holes_out():
    key = "truth/label_errors/agreement"
    made = (with_values("best", key, (None, 0.4)), with_values("second", key, (None, 0.5)))
    found = ranked(*made, recorded("hole", 0.9), key=key)
    assert found.cells == ("digits-exp10-clean",)
    assert [row.name for row in found.rows] == ["second", "best"]
    assert [row.name for row in found.missing] == ["hole"]
    assert found.notes == (
        "Cells left out, where the metric has no value (no row has one): digits-balanced-clean.",
    )


def both_truths(name, published, agreement):
    key = "truth/label_errors"
    variants = with_values(name, f"{key}/agreement", agreement).record.model_dump()["variants"]
    variants[""]["metrics"][f"{key}/published_accuracy"] = [[v] * 3 for v in published]
    return recorded(name, 0.9, variants=variants)


def test_ranks_under_a_truth_stand_beside_those_under_the_published_labels():
    made = (
        both_truths("best", (0.875, 0.875), (0.625, 0.625)),
        both_truths("second", (0.75, 0.75), (0.75, 0.75)),
        both_truths("worst", (0.5, 0.5), (0.5, 0.5)),
    )
    found = truth_changes(rows(*made), "label_errors", suite="digits-v1")
    assert [(row.name, row.published_rank, row.rank) for row in found] == [
        ("second", 2, 1),
        ("best", 1, 2),
        ("worst", 3, 3),
    ]
    assert rows_text(change_rows(found), "csv").splitlines() == [
        "name,published,value,published_rank,rank",
        "second,0.75,0.75,2,1",
        "best,0.875,0.625,1,2",
        "worst,0.5,0.5,3,3",
    ]


def test_a_truth_that_no_record_holds_names_those_that_are_there():
    with pytest.raises(SpecError, match="names none"):
        truth_changes(rows(recorded("best", 0.9)), "cifar10h", suite="digits-v1")
    made = both_truths("best", (0.9, 0.9), (0.7, 0.7))
    with pytest.raises(UnknownNameError, match="Did you mean 'label_errors'"):
        truth_changes(rows(made), "label_eror", suite="digits-v1")


def test_unknown_track_lists_the_tracks():
    with pytest.raises(UnknownNameError, match="track"):
        ranked(recorded("best", 0.9), track="closed")


def test_identical_predictions_of_two_entries_are_flagged():
    jobs = recorded("best", 0.9).record.model_dump()["jobs"]
    table = ranked(recorded("best", 0.9), recorded("twin", 0.9, jobs=jobs))
    flags = [flag for row in table.rows for flag in row.flags]
    assert any("identical to those of" in flag for flag in flags)


def test_comparison_of_clearly_different_entries_is_better_overall_and_in_each_cell():
    found = compare(rows(recorded("best", 0.9), recorded("worst", 0.5)), "best", "worst")
    assert found.overall.verdict == "better"
    assert [verdict.verdict for _, verdict in found.cells] == ["better", "better"]


def test_comparison_the_other_way_round_is_worse():
    found = compare(rows(recorded("best", 0.9), recorded("worst", 0.5)), "worst", "best")
    assert found.overall.verdict == "worse"


def test_pairing_cancels_what_the_test_set_does_to_both():
    found = compare(rows(recorded("best", 0.9), recorded("twin", 0.9)), "best", "twin", margin=0.05)
    assert found.overall.verdict == "same"
    alone = ranked(recorded("best", 0.9)).rows[0]
    assert found.overall.high - found.overall.low < (alone.high - alone.low)


def test_seeds_that_one_lacks_are_left_out_of_a_comparison():
    pair = rows(recorded("best", 0.9), recorded("hole", 0.5, missing=True))
    found = compare(pair, "best", "hole")
    # Two common seeds are left overall; one of the cells still has three.
    assert found.overall.verdict == "cannot tell"
    assert found.overall.reason == "spread over seeds unknown: needs 3 seeds that both have"
    assert sorted(verdict.verdict for _, verdict in found.cells) == ["better", "cannot tell"]


def test_records_of_another_test_pool_are_not_compared():
    other = recorded("worst", 0.5, pools={"test": "cd" * 32})
    with pytest.raises(SpecError, match="same suite and test pool"):
        compare(rows(recorded("best", 0.9), other), "best", "worst", key=KEY)


def test_a_ranking_of_nothing_says_what_to_run():
    with pytest.raises(SpecError, match="Run: tailmark run --suite digits-v1"):
        rank([], suite="digits-v1")

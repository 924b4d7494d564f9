"""An entry's details: pooled over seeds, never measured again."""

import numpy as np
import pytest

from harness.records.records import Recorded
from leaderboard.frames import entry as details
from leaderboard.frames import facts
from tests.leaderboard.made import CELLS, CLASSES, PER_CLASS, SEEDS, SHA, made


@pytest.fixture(scope="module")
def recorded() -> Recorded:
    return made("cnn-ce", 0.93, variants=("la",), missing=True)


def test_reliability_bins_give_back_all_images(recorded):
    frame = details.reliability_frame(recorded, "", 1)
    sums = recorded.detail("", "reliability")[1].sum(axis=0)
    assert frame["images"].sum() == sums[:, 0].sum()
    right = (frame["right"] * frame["images"]).sum()
    assert right == pytest.approx(sums[:, 2].sum(), rel=1e-6)
    assert ((frame["low"] < frame["confidence"]) & (frame["confidence"] <= frame["high"])).all()


def test_confusion_rows_add_up_to_one(recorded):
    frame = details.confusion_frame(recorded, "la", 0)
    assert frame.groupby("true")["share"].sum().tolist() == pytest.approx([1.0] * CLASSES)
    assert frame["images"].sum() == PER_CLASS * CLASSES * len(SEEDS)


def test_counts_tell_clean_from_observed(recorded):
    frame = details.counts_frame(recorded, 2)
    clean = frame[frame["labels"] == "clean"]["images"]
    np.testing.assert_allclose(clean, recorded.detail("", "counts")[2, :, 0].mean(axis=0))


def test_a_variant_uses_the_training_counts_of_its_entry(recorded):
    frame = details.recall_frame(recorded, "la", 2)
    assert frame["images"].iloc[0] == recorded.detail("", "counts")[2, 0, 0, 0]


def test_a_class_without_test_images_is_left_out(recorded):
    recall = recorded.detail("", "recall").copy()
    recall[0, :, 3] = np.nan
    arrays = {**recorded.arrays, "detail/base/recall": recall}
    frame = details.recall_frame(Recorded(recorded.record, None, arrays), "", 0)
    assert set(frame["class"]) == set(range(CLASSES)) - {3}


def test_ood_histograms_are_shares_of_each_pool(recorded):
    frame = details.ood_frame(recorded, "", 0)
    assert list(dict.fromkeys(frame["pool"])) == [
        "test (ID)",
        "far OOD: photo patches",
        "near OOD: digits 8 9",
    ]
    assert frame.groupby("pool")["share"].sum().tolist() == pytest.approx([1.0] * 3)


def test_metrics_with_a_missing_seed_are_a_dash(recorded):
    frame = facts.metrics_frame(recorded, "")
    last = frame.set_index("key").loc["test/nll"].iloc[-1]
    assert last == "–"


def test_an_undefined_value_keeps_its_reason(recorded):
    line = facts.undefined_frame(recorded.record, "").iloc[0]
    assert line["key"] == "test/recall_tail"
    assert line["cells"] == "balanced · clean"
    assert line["reason"] == "the realised imbalance factor is below 1.5"


def test_failed_jobs_are_listed_with_their_error(recorded):
    line = facts.failed_frame(recorded.record).iloc[0]
    assert (line["seed"], line["cell"]) == (2, "exp 50 · symmetric 0.4")
    assert "the loss is NaN" in line["error"]


def test_reasons_tell_undefined_cells_from_failed_ones(recorded):
    assert facts.reasons(recorded.record, "", "test/recall_tail") == [
        ("balanced · clean", "the realised imbalance factor is below 1.5"),
        ("exp 50 · symmetric 0.4", "TrainingError: the loss is NaN in epoch 3"),
    ]


def test_provenance_names_the_record_and_how_it_was_computed(recorded):
    found = facts.facts_frame(recorded, "").set_index("what")["which"]
    assert found["record sha256"] == recorded.record.record_sha256
    assert found["numerics: device"] == "cpu"
    assert found["provenance: versions"] == "numpy 2.0"


@pytest.mark.parametrize(
    "name", ["reliability_frame", "confusion_frame", "recall_frame", "ood_frame"]
)
def test_details_that_were_not_kept_are_none(recorded, name):
    bare = Recorded(recorded.record, None, {})
    assert getattr(details, name)(bare, "la", 0) is None


def test_ece_stands_beside_its_null(recorded):
    ece = recorded.values("", "test/ece")[0].mean()
    words = details.ece_words(recorded, "", 0)
    assert words == f"ECE {100 * ece:.1f} %; a calibrated model would show 1.8 %"


def test_every_cell_can_be_shown(recorded):
    assert all(len(details.counts_frame(recorded, i)) == 2 * CLASSES for i in range(len(CELLS)))


def test_curves_keep_their_epochs_and_name_shares(recorded):
    frame = details.curves_frame(recorded, 1)
    loss = frame[frame["name"] == "loss"]
    assert loss["epoch"].tolist()[:3] == [1, 2, 3]
    assert len(loss) == 3 * 12
    assert not loss["share"].any()


def test_an_entry_without_epochs_has_no_curves(recorded):
    kept = {n: a for n, a in recorded.arrays.items() if "curve_" not in n}
    assert details.curves_frame(type(recorded)(recorded.record, None, kept), 0) is None


def test_every_score_is_listed_best_near_one_first(recorded):
    frame = details.scores_frame(recorded, "", 0)
    near = recorded.values("", "ood/near/energy/ood_auroc")[0].mean()
    line = frame[frame["sets"] == "near OOD"].iloc[0]
    assert (line["score"], line["seeds"]) == ("energy", 3)
    assert line["auroc"] == pytest.approx(near)


def test_classes_that_a_data_set_does_not_have_are_not_drawn(recorded):
    arrays = dict(recorded.arrays)
    counts, confusion = arrays["detail/base/counts"].copy(), arrays["detail/base/confusion"].copy()
    counts[0, :, :, 2:] = 0
    confusion[0, :, 2:] = 0
    arrays |= {"detail/base/counts": counts, "detail/base/confusion": confusion}
    small = type(recorded)(recorded.record, None, arrays)
    assert set(details.counts_frame(small, 0)["class"]) == {0, 1}
    assert len(details.confusion_frame(small, "", 0)) == 4
    assert len(details.confusion_frame(small, "", 1)) == CLASSES**2


def test_labels_of_cells_are_columns_also_with_several_data_sets(recorded):
    body = recorded.record.model_dump(mode="json")
    body["suite"]["cells"] = [f"{name}-natural-clean" for name in "abcde"]
    other = type(recorded)(type(recorded.record).model_validate(body), None, recorded.arrays)
    assert facts.metrics_frame(other, "").columns.is_unique


def test_a_suite_without_ood_sets_has_no_histograms(recorded):
    body = recorded.record.model_dump(mode="json") | {"pools": {"test": SHA}}
    bare = type(recorded)(type(recorded.record).model_validate(body), None, recorded.arrays)
    assert not details.has_ood(bare)
    assert details.ood_frame(bare, "", 0) is None


def test_the_table_of_classes_holds_recalls_and_where_errors_went(recorded):
    frame = details.classes_frame(recorded, "", 2)
    assert len(frame) == CLASSES
    recalls = recorded.detail("", "recall")[2].astype(float)
    first = frame.iloc[0]
    assert first["recall"] == f"{100 * recalls[:, 0].mean():.1f} %"
    assert (first["lowest"], first["highest"]) == (
        f"{100 * recalls[:, 0].min():.1f} %",
        f"{100 * recalls[:, 0].max():.1f} %",
    )
    counts = recorded.detail("", "confusion")[2].sum(axis=0)[0].astype(int)
    counts[0] = -1
    assert first["taken for"].split()[0] == str(counts.argmax())

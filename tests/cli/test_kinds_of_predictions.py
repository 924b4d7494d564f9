"""Predicted classes alone, OpenOOD's score files and rows in any order, from file to record."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, roc_auc_score

from harness.data.suites.open import open_suite

CELL = "digits-exp10-clean"
WORDS = ("-c", CELL, "--seed", "0", "--no-track", "-j", "1")


@pytest.fixture(scope="module")
def opened():
    return open_suite("digits-v1")


@pytest.fixture
def said(opened):
    """Logits of a model that is right in most rows, the same in every test."""
    rng = np.random.default_rng(0)
    labels = opened.test.labels
    logits = rng.normal(0, 1, (len(labels), 8))
    logits[np.arange(len(labels)), labels] += 2
    return logits


@pytest.fixture
def ran(tailmark, home):
    """Write pools' arrays as an entry's files, check and run it; return the record."""

    def run(pools: dict[str, dict[str, np.ndarray]], score: str | None = None):
        for pool, arrays in pools.items():
            path = home / "p" / f"{CELL}-s0" / f"{pool}.npz"
            path.parent.mkdir(parents=True, exist_ok=True)
            np.savez(path, **arrays)
        assert tailmark("new", "mine", "-k", "predictions", "--from", "p").code == 0
        if score is not None:
            card = Path("submissions/mine/entry.toml")
            lines = card.read_text(encoding="utf-8").splitlines()
            kept = [f'ood_score = "{score}"' if x.startswith("ood_score") else x for x in lines]
            card.write_text("\n".join(kept) + "\n", encoding="utf-8")
        checked = tailmark("check", "mine")
        assert checked.code == 0, checked.err
        answer = tailmark("run", "mine", *WORDS)
        assert answer.code == 0, answer.err
        from harness import load_record

        return load_record(home / ".tailmark/records/mine/results/digits-v1.json").record

    return run


def value(record, key: str) -> float:
    cell = record.suite.cells.index(CELL)
    return record.variants[""].metrics[key][cell][0]


def reasons(record) -> dict[str, str]:
    return {line.key: line.reason for line in record.undefined if line.variant == ""}


def test_rows_in_another_order_give_the_record_of_rows_in_order(ran, said, home):
    ordered = ran({"test": {"logits": said}})
    for name in ("submissions/mine", "p"):
        import shutil

        shutil.rmtree(home / name)
    order = np.random.default_rng(1).permutation(len(said))
    shuffled = ran({"test": {"logits": said[order], "row": order}})
    assert shuffled.variants[""].metrics == ordered.variants[""].metrics
    assert shuffled.jobs[0].evidence == ordered.jobs[0].evidence


def test_decisions_alone_give_what_they_allow_and_the_reason_for_the_rest(ran, said, opened):
    pred, labels = said.argmax(1), opened.test.labels
    record = ran({"test": {"pred": pred}})
    assert value(record, "test/accuracy") == pytest.approx(accuracy_score(labels, pred))
    balanced = balanced_accuracy_score(labels, pred)
    assert value(record, "test/balanced_accuracy") == pytest.approx(balanced)
    assert value(record, "forward-5/accuracy") > 0.5
    why = reasons(record)
    for key in ("test/nll", "test/brier", "test/ece", "test/auroc", "forward-5/nll"):
        assert "without probabilities" in why[key]
    assert "without a confidence" in why["test/aurc"]
    assert "conf" in why["ood/near/msp/ood_auroc"] or "confidence" in why["ood/near/msp/ood_auroc"]
    # What they allow is what logits with the same decisions give.
    assert not {k for k in why if k.startswith("test/recall")} - {"test/recall_body"}


@pytest.mark.parametrize("score", ["given", "energy"])
def test_openood_score_files_give_accuracy_and_the_ood_metrics_of_their_score(
    ran, said, opened, score
):
    rng = np.random.default_rng(2)
    conf = said.max(1) * 10 - 3  # an energy, say: no probability
    pools = {"test": {"pred": said.argmax(1), "conf": conf, "label": opened.test.labels}}
    outside = {}
    for name, pool in opened.ood.items():
        outside[name] = rng.normal(5, 8, len(pool))
        pools[name] = {
            "pred": rng.integers(0, 8, len(pool)),
            "conf": outside[name],
            "label": np.full(len(pool), -1),
        }
    record = ran(pools, score)
    for name, theirs in outside.items():
        short = name.rpartition("/")[2]
        truth = np.r_[np.zeros(len(conf)), np.ones(len(theirs))]
        expected = roc_auc_score(truth, -np.r_[conf, theirs])
        assert value(record, f"ood/{short}/{score}/ood_auroc") == pytest.approx(expected)
    assert value(record, "test/aurc") < 0.2
    assert value(record, f"ood/near/{score}/oscr") > 0
    why = reasons(record)
    assert "without probabilities" in why["test/nll"]
    assert "without probabilities" in why["ood/near/msp/ood_auroc"]
    assert "nothing to correct" in next(
        line.reason for line in record.undefined if line.variant == "ts"
    )


def test_a_trained_model_with_columns_in_alphabetical_order_is_warned_of():
    """predict_proba sorts its columns by class name; the suite does not."""
    import harness
    from harness.types.models import Output

    names = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven"])

    def fit(train, ctx):
        from sklearn.neighbors import NearestCentroid

        x = train.inputs.take(np.arange(len(train.observed))).reshape(len(train.observed), -1)
        fitted = NearestCentroid().fit(x / 16, names[train.observed])

        class Model:
            num_classes, preprocessing = 8, None

            def __call__(self, images):
                flat = images.reshape(len(images), -1) / 16
                near = -((flat[:, None] - fitted.centroids_[None]) ** 2).sum(-1)
                return Output("logits", near.astype(np.float32))

        return Model()

    with pytest.warns(UserWarning, match="is the column order the suite's"):
        harness.run(fit, suite="digits-v1", cells=[CELL], seeds=[0])


def test_a_right_model_is_not_warned_of(ran, said):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        record = ran({"test": {"logits": said.astype(np.float32)}})
    assert value(record, "test/balanced_accuracy") > 0.5

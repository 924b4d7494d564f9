"""What other libraries compute instead: every example that the table quotes, measured."""

import numpy as np
import pytest
from scipy.stats import hmean
from sklearn import metrics as sk

from harness.metrics import (
    calibration,
    classification,
    contingency,
    ood,
    ood_published,
    probability,
    ranking,
)

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def tm():
    """torchmetrics' functions, with a torchvision that imports."""
    from harness.models.obtain.vision import torchvision

    torchvision()
    pytest.importorskip("torchmetrics")
    from torchmetrics.functional import classification as functional

    return functional


@pytest.fixture(scope="module")
def po():
    """pytorch-ood's functions."""
    pytest.importorskip("pytorch_ood")
    from pytorch_ood.metrics import functional

    return functional


@pytest.fixture
def normal(rng):
    """1,000 ID and 1,000 OOD scores."""
    return rng.normal(size=1000), rng.normal(size=1000) + 1.19


@pytest.fixture
def tied():
    """50 ID and 40 OOD scores with one decimal."""
    rng = np.random.default_rng(39)
    return np.round(rng.normal(size=50), 1), np.round(rng.normal(size=40) + 1.5, 1)


def both(inside, outside):
    """Scores and OOD flags as tensors."""
    y = np.r_[np.zeros(len(inside), int), np.ones(len(outside), int)]
    return torch.tensor(np.r_[inside, outside]), torch.tensor(y)


def test_torchmetrics_agrees_on_scores_that_it_does_not_squeeze(tm, normal):
    inside, outside = (1 / (1 + np.exp(-s)) for s in normal)
    scores, y = both(inside, outside)
    assert float(tm.binary_auroc(scores, y)) == pytest.approx(ood.ood_auroc(inside, outside))
    ap = float(tm.binary_average_precision(scores, y))
    assert ap == pytest.approx(ood.ood_ap_out(inside, outside), abs=1e-5)
    specificity, _ = tm.binary_specificity_at_sensitivity(scores, y, 0.95)
    assert 1 - float(specificity) == pytest.approx(ood.ood_fpr95(inside, outside), abs=1e-5)


def test_torchmetrics_sigmoid_turns_a_good_detector_into_chance(tm, normal):
    inside, outside = normal
    assert ood.ood_auroc(inside, outside) == pytest.approx(0.807, abs=5e-4)
    assert float(tm.binary_auroc(*both(inside, outside))) == pytest.approx(0.807, abs=5e-4)
    shifted = both(inside + 100, outside + 100)
    assert float(tm.binary_auroc(*shifted)) == 0.5
    assert ood.ood_auroc(inside + 100, outside + 100) == pytest.approx(0.807, abs=5e-4)


def test_torchmetrics_counts_an_absent_class_as_zero(tm):
    y, pred = np.array([0, 0, 2, 2]), np.array([0, 1, 2, 2])
    theirs = tm.multiclass_recall(torch.tensor(pred), torch.tensor(y), 3, average="macro")
    assert float(theirs) == 0.5
    assert classification.balanced_accuracy(y, pred) == 0.75


@pytest.mark.filterwarnings("ignore:No positive samples")
def test_torchmetrics_counts_the_auroc_of_an_absent_class_as_zero(tm, rng):
    probs = rng.dirichlet(np.ones(10), size=60)
    y = rng.choice([0, 2, 3], 60)
    ours = ranking.auroc(y, probs)
    theirs = tm.multiclass_auroc(torch.tensor(probs), torch.tensor(y), 10, average="macro")
    assert float(theirs) == pytest.approx(0.3 * ours, abs=1e-6)


def test_torchmetrics_has_a_bin_of_its_own_for_confidence_one(tm):
    y, probs = np.array([1, 0]), np.array([[1.0, 0.0], [0.95, 0.05]])
    theirs = tm.multiclass_calibration_error(torch.tensor(probs), torch.tensor(y), 2, n_bins=15)
    assert float(theirs) == pytest.approx(0.525, abs=1e-6)
    assert calibration.expected_calibration_error(y, probs) == pytest.approx(0.475)


def test_torchmetrics_calibration_error_is_right_to_float32_below_one(tm, rng):
    probs, y = rng.dirichlet(np.full(4, 0.3), size=300), rng.integers(0, 4, size=300)
    theirs = tm.multiclass_calibration_error(torch.tensor(probs), torch.tensor(y), 4, n_bins=15)
    ours = calibration.expected_calibration_error(y, probs)
    assert float(theirs) == pytest.approx(ours, abs=1e-6)


def test_pytorch_ood_agrees_but_for_the_name_aupr(po, tied):
    inside, outside = tied
    scores, y = both(inside, outside)
    assert float(po.auroc(scores, -y)) == pytest.approx(ood.ood_auroc(inside, outside))
    assert float(po.fpr_at_tpr(scores, -y)) == pytest.approx(ood.ood_fpr95(inside, outside))
    for positive, ours in (
        ("ood", ood_published.ood_aupr_trapezoid_out),
        ("id", ood_published.ood_aupr_trapezoid_in),
    ):
        theirs = float(po.aupr(scores, -y, positive))
        assert theirs == pytest.approx(ours(inside, outside), abs=1e-12)


def test_trapezoids_and_positive_classes_give_other_numbers(tied):
    inside, outside = tied
    assert ood.ood_ap_out(inside, outside) == pytest.approx(0.824, abs=5e-4)
    assert ood_published.ood_aupr_trapezoid_out(inside, outside) == pytest.approx(0.830, abs=5e-4)
    assert ood.ood_fpr95(inside, outside) == pytest.approx(0.44)
    assert ood_published.ood_fpr95_id_positive(inside, outside) == pytest.approx(0.70)


def test_scikit_learn_counts_a_predicted_but_absent_class_in_macro_f1():
    y, pred = np.array([0, 0, 2, 2]), np.array([0, 1, 2, 2])
    assert sk.f1_score(y, pred, average="macro") == pytest.approx(0.5556, abs=1e-4)
    assert contingency.macro_f1(y, pred) == pytest.approx(0.8333, abs=1e-4)


def test_scikit_learn_gives_zero_for_the_mcc_of_a_constant():
    assert sk.matthews_corrcoef([0, 1, 2], [1, 1, 1]) == 0.0


def test_scikit_learn_halves_the_brier_score_of_two_classes():
    probs = np.array([[0.7, 0.3], [0.2, 0.8]])
    assert sk.brier_score_loss([0, 1], probs) == pytest.approx(0.065)
    assert probability.brier(np.array([0, 1]), probs) == pytest.approx(0.13)


def test_imbalanced_learns_correction_hides_a_class_that_is_never_found():
    metrics = pytest.importorskip("imblearn.metrics")
    y, pred = np.arange(10), np.r_[np.arange(9), 8]
    theirs = metrics.geometric_mean_score(y, pred, average="multiclass", correction=0.001)
    assert theirs == pytest.approx(0.501, abs=1e-3)
    assert classification.gmean(y, pred) == 0.0


def test_the_h_mean_of_zero_shot_papers_is_of_two_accuracies():
    y = np.repeat([0, 1, 2], 4)
    pred = np.r_[np.repeat([0, 1], 4), 2, 0, 0, 0]  # recalls 1, 1 and 0.25
    seen, unseen = (pred[:8] == y[:8]).mean(), (pred[8:] == y[8:]).mean()
    assert 2 * seen * unseen / (seen + unseen) == pytest.approx(0.4)
    assert classification.hmean(y, pred) == pytest.approx(0.5)
    assert classification.hmean(y, pred) == pytest.approx(hmean([1, 1, 0.25]))

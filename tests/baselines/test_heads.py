"""Heads on features: each formula by hand, and what must not change anything."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch.nn import functional as F  # noqa: E402

from baselines.methods import (  # noqa: E402 (they need torch)
    bottleneck,
    components,
    evidential,
    kernels,
    linear_heads,
    loki,
    nmtune,
    prototype_heads,
)
from baselines.probes import head_rules  # noqa: E402
from baselines.probes.heads import standardised  # noqa: E402
from harness.errors import SpecError, TrainingError  # noqa: E402
from harness.metrics.table import METRICS  # noqa: E402
from harness.types.data import ArrayInputs  # noqa: E402
from harness.types.models import FitContext, TrainingData  # noqa: E402

QUICK = {"epochs": 20, "batch_size": 32, "lr": 0.05}
FITS = {
    "linear": linear_heads.fit_linear_head,
    "cosine": prototype_heads.fit_cosine_prototypes,
    "calibrated": prototype_heads.fit_calibrated_prototypes,
    "loki": loki.fit_loki,
    "keys": bottleneck.fit_key_value,
    "components": components.fit_components,
    "evidential": evidential.fit_evidential,
    "nmtune": nmtune.fit_nmtune,
    "kernel": kernels.fit_singular_kernel,
    "patterns": kernels.fit_activation_patterns,
}
TRAINED = {"linear", "loki", "keys", "components", "evidential", "nmtune"}


def blobs(counts=(60, 40, 20), d=6, seed=0) -> TrainingData:
    """Classes around corners of the positive orthant, as features behind a ReLU."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(counts)), counts)
    rows = 2 * np.eye(d)[labels] - 0.8 + 0.4 * rng.standard_normal((len(labels), d))
    order = rng.permutation(len(labels))
    rows = np.maximum(rows, 0)[order].astype(np.float32)
    return TrainingData(ArrayInputs(rows), labels[order], len(counts))


def fitted(name, train, **settings):
    quick = QUICK if name in TRAINED else {}
    fit = FITS[name]
    return fit(train, FitContext(fit.configure({**quick, **settings}), seed=0))


def accuracy(model, train):
    values = model(train.inputs.take(np.arange(len(train.inputs)))).values
    return (values.argmax(1) == train.observed).mean()


@pytest.mark.parametrize("name", sorted(FITS))
def test_every_head_learns_blobs_and_its_answers_do_not_depend_on_the_batch(name):
    train, test = blobs(), blobs(seed=1)
    model = fitted(name, train)
    rows = test.inputs.take(np.arange(len(test.inputs)))
    assert accuracy(model, test) > 0.9
    alone = np.concatenate([model(row[None]).values for row in rows[:5]])
    np.testing.assert_allclose(model(rows).values[:5], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["cosine", "calibrated", "kernel", "patterns"])
def test_the_order_of_classes_does_not_matter_to_rules_without_training(name):
    train = blobs()
    turned = TrainingData(train.inputs, (train.observed + 1) % 3, 3)
    rows = blobs(seed=2).inputs.take(np.arange(20))
    np.testing.assert_allclose(
        np.roll(fitted(name, train)(rows).values, 1, axis=1),
        fitted(name, turned)(rows).values,
        rtol=1e-5,
        atol=1e-6,
    )


@pytest.mark.parametrize("loss", sorted(linear_heads.OBJECTIVES))
def test_every_loss_gives_a_head_that_separates_blobs(loss):
    train = blobs(counts=(60, 60, 60))
    assert accuracy(fitted("linear", train, loss=loss), train) > 0.9


def test_a_folded_head_says_of_plain_rows_what_it_said_of_standardised_ones():
    data = standardised(blobs())
    weight, bias = torch.randn(3, 6), torch.randn(3)
    arrays = data.folded(weight, bias)
    plain = data.given.values @ arrays["weight"].T + arrays["bias"]
    np.testing.assert_allclose(plain, (data.rows @ weight.T + bias).numpy(), atol=1e-5)


def test_scaled_features_give_the_same_linear_head_predictions():
    train = blobs()
    rows = train.inputs.take(np.arange(len(train.inputs)))
    scaled = TrainingData(ArrayInputs(rows * 7 + 3), train.observed, 3)
    one = fitted("linear", train)(rows).values
    other = fitted("linear", scaled)(rows * 7 + 3).values
    np.testing.assert_allclose(one, other, rtol=1e-2, atol=2e-2)


def test_balanced_softmax_raises_the_recall_of_the_rarest_class():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], [400, 20])
    rows = (labels[:, None] + 0.8 * rng.standard_normal((420, 1))).astype(np.float32)
    train = TrainingData(ArrayInputs(rows), labels, 2)
    rare = rows[labels == 1]
    recalls = [
        (fitted("linear", train, loss=loss)(rare).values.argmax(1) == 1).mean()
        for loss in ("cross-entropy", "balanced-softmax")
    ]
    assert recalls[1] > recalls[0] + 0.2


def test_tau_normalised_weights_have_length_one_on_standardised_rows():
    train = blobs()
    data = standardised(train)
    weight = fitted("linear", train, tau=1.0).state()["weight"] * data.deviation
    np.testing.assert_allclose(np.linalg.norm(weight, axis=1), 1, rtol=1e-5)


def test_elr_targets_move_and_hold_by_hand():
    from baselines.probes.heads import Batch

    memory = linear_heads.EarlyTargets(4, 2, hold=3.0, memory=0.7)
    logits = torch.tensor([[np.log(3.0), 0.0]], dtype=torch.float32)
    batch = Batch(torch.zeros(1, 1), torch.tensor([0]), torch.tensor([2]), 0.0)
    loss = memory(logits, batch)
    # p = (3/4, 1/4), target 0.3·p, ⟨p, t⟩ = 0.3·(9 + 1)/16
    np.testing.assert_allclose(memory.targets[2], [0.225, 0.075], rtol=1e-6)
    np.testing.assert_allclose(loss, -np.log(0.75) + 3 * np.log(1 - 0.3 * 10 / 16), rtol=1e-5)
    assert not memory.targets[[0, 1, 3]].any()


def test_cosine_logits_by_hand():
    rows = np.array([[2.0, 0.0], [0.0, 1.0]], dtype=np.float32)
    model = fitted("cosine", TrainingData(ArrayInputs(rows), np.array([0, 1]), 2), scale=10.0)
    out = model(np.array([[3.0, 4.0]], dtype=np.float32)).values
    np.testing.assert_allclose(out, [[6, 8]], rtol=1e-6)


def test_a_rare_prototype_moves_a_tenth_of_the_way_by_hand():
    frequent = np.array([[1.0, 0.0], [0.0, 1.0]])
    moved = prototype_heads.calibrated(np.array([[0.6, 0.8]]), frequent, 0.1, 16.0)
    weights = np.exp([16 * 0.6, 16 * 0.8])
    mixed = weights / np.linalg.norm(weights)
    np.testing.assert_allclose(moved, [[0.54, 0.72] + 0.1 * mixed], rtol=1e-6)


def test_equal_counts_leave_prototypes_where_they_are():
    train = blobs(counts=(30, 30, 30))
    rows = train.inputs.take(np.arange(5))
    np.testing.assert_allclose(
        fitted("calibrated", train)(rows).values, fitted("cosine", train)(rows).values, rtol=1e-6
    )


def test_expected_distance_by_hand_prefers_the_middle_of_three_in_a_row():
    squares = loki.label_distances(np.array([[0.0], [1.0], [2.0]]))
    np.testing.assert_allclose(squares * 2, [[0, 1, 4], [1, 0, 1], [4, 1, 0]])
    arrays = {"weight": np.zeros((3, 1)), "bias": np.log([0.45, 0.1, 0.45]), "squares": squares}
    out = head_rules.expected_distance(np.zeros((1, 1)), arrays)
    np.testing.assert_allclose(-2 * out, [[0.1 + 4 * 0.45, 0.9, 0.1 + 4 * 0.45]])
    assert out.argmax() == 1  # though it is the least probable


def test_evidential_loss_and_divergence_by_hand():
    alpha = torch.tensor([[3.0, 1.0]], dtype=torch.float64)
    targets = torch.tensor([[0.0, 1.0]], dtype=torch.float64)
    # mean (3/4, 1/4), variances (3/16)/5 each; errors 9/16 each
    np.testing.assert_allclose(
        evidential.expected_square(alpha, targets), [2 * (9 / 16 + 3 / 80)], rtol=1e-6
    )
    # α̃ = (3, 1): KL to (1, 1) is log 3 + 2·(ψ(3) − ψ(4)) = log 3 − 2/3
    np.testing.assert_allclose(
        evidential.divergence(alpha, targets), [np.log(3) - 2 / 3], rtol=1e-5
    )
    right = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    np.testing.assert_allclose(evidential.divergence(alpha, right), [0], atol=1e-6)


@pytest.mark.parametrize("seed", range(20))
def test_under_a_hierarchy_of_groups_a_class_never_observed_is_never_alone_the_nearest(seed):
    """Leaves of one group are equally far, leaves of two groups farther: CIFAR-100's labels."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(4), 3)  # the last class of each group is withheld, group 3 whole
    withheld = np.isin(np.arange(12), [2, 5, 8, 9, 10, 11])
    squares = np.where(groups[:, None] == groups, 1.0, 4.0) - np.eye(12)
    logits = np.where(withheld, -1e9, rng.normal(0, 3, size=(200, 12)))  # p of the observed alone
    arrays = {"weight": np.eye(12), "bias": np.zeros(12), "squares": squares}
    values = head_rules.expected_distance(logits, arrays)
    assert (values[:, withheld].max(1) <= values[:, ~withheld].max(1) + 1e-12).all()
    assert not withheld[values.argmax(1)].any()


def test_evidence_gives_alpha_over_its_sum_and_the_sum_itself():
    arrays = {"weight": np.array([[0.0], [0.0]]), "bias": np.array([np.log(np.e**2 - 1), -40.0])}
    out = head_rules.evidence(np.zeros((1, 1)), arrays)
    np.testing.assert_allclose(np.exp(out), [[3, 1]], rtol=1e-6)  # softplus 2 and 0
    np.testing.assert_allclose(head_rules.softmax(out), [[0.75, 0.25]], rtol=1e-6)


def test_components_by_hand():
    arrays = {
        "mean": np.zeros(1),
        "deviation": np.ones(1),
        "centres": np.array([[0.0], [2.0]]),
        "width": np.array(4.0),
        "positive": np.array([[0.6, 0.0], [0.0, 1.0]]),
        "negative": np.array([[0.0, 0.4], [0.0, 0.0]]),
    }
    near = np.exp([0.0, -1.0])
    expected = [[0.6 * near[0] + 0.4 * (1 - near[1]), near[1]]]
    found = head_rules.component_probability(np.zeros((1, 1)), arrays)
    np.testing.assert_allclose(found, expected)
    np.testing.assert_allclose(head_rules.components(np.zeros((1, 1)), arrays), np.log(expected))


def test_component_probabilities_stay_in_the_unit_interval_and_reasons_sum_to_one():
    model = fitted("components", blobs())
    arrays = model.state()
    np.testing.assert_allclose((arrays["positive"] + arrays["negative"]).sum(1), 1, rtol=1e-5)
    rows = 20 * np.random.default_rng(0).standard_normal((50, 6)).astype(np.float32)
    probs = head_rules.component_probability(rows, arrays)
    assert probs.min() >= -1e-6
    assert probs.max() <= 1 + 1e-6


def test_no_step_inside_the_certified_radius_changes_a_prediction():
    train = blobs()
    arrays = fitted("components", train).state()
    rows = train.inputs.take(np.arange(40))
    radii = components.certified_radius(rows, arrays)
    assert radii.max() > 0.05  # it certifies something
    before = head_rules.components(rows, arrays).argmax(1)
    rng = np.random.default_rng(0)
    unit = arrays["deviation"] * np.sqrt(rows.shape[1])  # one unit of z in each feature
    for _ in range(50):
        steps = rng.standard_normal(rows.shape)
        steps *= (0.999 * radii / np.linalg.norm(steps, axis=1))[:, None]
        moved = (rows + steps * unit).astype(np.float32)
        assert (head_rules.components(moved, arrays).argmax(1) == before).all()


def test_components_hand_out_their_radius_and_no_attack_gets_below_what_it_certifies():
    """The attack goes up the gradient of the gap in ten steps, projected to the ball."""
    model, test = fitted("components", blobs()), blobs(seed=1)
    arrays, rows = model.state(), test.inputs.take(np.arange(len(test.inputs)))
    said = model(rows)
    radii = said.statistics["certified_radius"]
    assert radii.shape == (len(rows), 1)
    exact = components.certified_radius(rows, arrays)
    np.testing.assert_allclose(radii[:, 0], exact, atol=1e-6)
    assert (radii[:, 0] <= exact).all()
    np.testing.assert_array_equal(said.values, components.Probe.__call__(model, rows).values)
    y, unit = test.observed, arrays["deviation"] * np.sqrt(rows.shape[1])
    for percent in (1, 5, 10):
        key = f"certified_accuracy_at_{percent}"
        certified = METRICS[key].function(y, said.values.argmax(1), radii[:, 0])
        moved = attacked(arrays, (rows - arrays["mean"]) / unit, y, 0.999 * percent / 100)
        after = model((moved * unit + arrays["mean"]).astype(np.float32)).values.argmax(1)
        assert certified <= (after == y).mean()
        assert certified > 0.3


def attacked(arrays, z, y, radius):
    """Rows z moved by at most `radius` to where the right class is least ahead of the others."""
    start = torch.tensor(z, dtype=torch.float64)
    tensors = {k: torch.tensor(v, dtype=torch.float64) for k, v in arrays.items()}
    right = torch.tensor(y)[:, None]
    move = torch.zeros_like(start, requires_grad=True)
    for _ in range(10):
        squares = ((start + move)[:, None, :] - tensors["centres"]).square().sum(2)
        near = (-squares / tensors["width"]).exp()
        gain = tensors["positive"] - tensors["negative"]
        probs = near @ gain.T + tensors["negative"].sum(1)
        others = probs.scatter(1, right, -torch.inf).max(1).values
        (others - probs.gather(1, right)[:, 0]).sum().backward()
        with torch.no_grad():
            move += radius * F.normalize(move.grad, dim=1)
            move *= (radius / move.norm(dim=1, keepdim=True).clamp_min(1e-12)).clamp_max(1)
            move.grad = None
    return (start + move).detach().numpy()


def test_the_hinge_by_hand():
    probs = torch.tensor([[0.5, 0.3, 0.1], [0.2, 0.9, 0.0]])
    found = components.hinge(probs, torch.tensor([0, 0]), 0.3)
    np.testing.assert_allclose(found, [0.1, 1.0], rtol=1e-5)


def test_values_of_nearest_keys_are_averaged_by_hand():
    arrays = {
        "mean": np.zeros(2),
        "deviation": np.ones(2),
        "projections": np.array([[[1.0], [0.0]], [[0.0], [1.0]]]),
        "keys": np.array([[[0.0], [4.0]], [[0.0], [4.0]]]),
        "values": np.array([[[1.0, 0.0], [0.0, 2.0]], [[4.0, 0.0], [0.0, 8.0]]]),
    }
    found = head_rules.key_value(np.array([[1.0, 3.0]]), arrays)
    np.testing.assert_allclose(found, [[0.5, 4.0]])  # key 0 of the first, key 1 of the second


def test_a_key_that_no_training_row_meets_keeps_its_values():
    train = blobs()
    model = fitted("keys", train, keys=64, sample=64)
    arrays = model.state()
    data = standardised(train)
    met = bottleneck.met_keys(data.rows.numpy(), arrays["projections"], arrays["keys"])
    for book in range(3):
        unmet = np.setdiff1d(np.arange(64), met[:, book])
        assert not arrays["values"][book, unmet].any()


def test_nmtune_regularisers_by_hand():
    tuned = torch.tensor([[1.0, 1.0], [-1.0, -1.0], [1.0, 1.0], [-1.0, -1.0]])
    # covariance 4/3 off the diagonal, twice, over 2 outputs
    np.testing.assert_allclose(nmtune.correlated(tuned), 16 / 9, rtol=1e-5)
    np.testing.assert_allclose(nmtune.dominance(tuned), 0.5, rtol=1e-5)  # (1, 0): two of them
    given = torch.tensor([[2.0, 0.0]])
    np.testing.assert_allclose(nmtune.apart(torch.tensor([[0.0, 5.0]]), given), 2, rtol=1e-6)


def test_the_span_of_features_is_measured_by_singular_values():
    np.testing.assert_allclose(nmtune.singular_entropy(np.eye(4)), np.log(4))
    np.testing.assert_allclose(nmtune.largest_ratio(np.diag([2.0, 1.0, 1.0])), np.log(2))
    assert nmtune.singular_entropy(np.ones((3, 3))) == pytest.approx(0, abs=1e-9)


def test_principal_components_are_white_and_leave_dead_features_out():
    rows = torch.randn(200, 5, generator=torch.Generator().manual_seed(0))
    rows[:, 4] = 0
    basis = nmtune.principal(rows, 10)
    assert basis.shape == (5, 4)
    projected = rows @ basis
    np.testing.assert_allclose(projected.T @ projected / 200, np.eye(4), atol=1e-4)


def test_singular_votes_by_hand_and_a_training_row_keeps_its_label():
    rows = np.array([[0.0], [3.0]], dtype=np.float32)
    model = fitted("kernel", TrainingData(ArrayInputs(rows), np.array([0, 1]), 2), dimension=2.0)
    out = model(np.array([[1.0]], dtype=np.float32)).values
    np.testing.assert_allclose(out, [[0.8, 0.2]], rtol=1e-5)  # 1/1² against 1/2²
    np.testing.assert_allclose(model(rows).values, np.eye(2), atol=1e-4)


def test_singular_kernels_come_nearer_to_the_bayes_error_with_more_rows():
    """Two Gaussians a distance of 2 apart in two dimensions: Bayes error Φ(−1) = 0.159."""

    def points(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(seed)
        labels = rng.integers(0, 2, n)
        rows = rng.standard_normal((n, 2)).astype(np.float32)
        rows[:, 0] += 2 * labels
        return rows, labels

    def excess(n: int) -> float:
        rows, labels = points(n, seed=2)
        model = fitted("kernel", TrainingData(ArrayInputs(rows), labels, 2))
        inputs, truth = points(4000, seed=1)
        best = (inputs[:, 0] > 1) != truth
        return float(((model(inputs).values.argmax(1) != truth).mean()) - best.mean())

    assert 0 <= excess(3000) < 0.03 < excess(10)


def test_patterns_by_hand():
    rows = np.array([[1, 0, 1], [2, 0, 0], [0, 1, 3], [0, 2, 1]], dtype=np.float32)
    labels = np.array([0, 0, 1, 1])
    found = kernels.patterns(rows, labels, np.array([0, 1]), 0.9)
    assert found.tolist() == [[1, -1, 0], [-1, 1, 1]]
    out = head_rules.pattern_misfit(np.array([[1.0, 1.0, 1.0]]), {"patterns": found})
    np.testing.assert_allclose(out, [[-0.5, -1 / 3]])


def test_fewer_neurons_are_fixed_the_larger_the_share():
    train = blobs()
    rows = train.inputs.take(np.arange(len(train.inputs)))
    fixed = [
        np.abs(kernels.patterns(rows, train.observed, np.arange(3), share)).sum()
        for share in (0.6, 0.8, 0.99)
    ]
    assert fixed == sorted(fixed, reverse=True)


def test_heads_refuse_one_class_and_wrong_settings():
    rows = ArrayInputs(np.ones((4, 2), np.float32))
    with pytest.raises(TrainingError, match="at least two classes; all rows carry class 1"):
        fitted("linear", TrainingData(rows, np.array([1, 1, 1, 1]), 3))
    with pytest.raises(SpecError, match="'loss' must be one of 'cross-entropy'"):
        linear_heads.fit_linear_head.configure({"loss": "hinge"})


def test_a_head_whose_loss_is_no_number_is_stopped():
    with pytest.raises(TrainingError, match=r"not a number after 1 epochs. Lower lr \(1e\+36\)"):
        fitted("linear", blobs(), lr=1e36)

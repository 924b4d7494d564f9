"""Methods of several stages, restated from their papers: what each stage is given and gives on."""

import numpy as np
import pytest
from scipy.optimize import minimize

from baselines.losses import plain
from baselines.methods import gaussian, prior, robust, sampling, selection
from baselines.model import load_state
from baselines.stages import HeadOnly
from harness.types.data import ArrayInputs
from harness.types.models import FitContext, TrainingData
from tests.baselines.oracles import cross_entropy
from tests.baselines.test_restated import LABELS, features_of, flat, images, logits_of  # noqa: F401
from tests.baselines.toy import all_inputs, batch_of, bright_rows, normalised

QUICK = {"batch_size": 16, "lr": 0.05}


def trained(module, function, data, **overrides):
    config = getattr(module, function).configure(QUICK | overrides)
    return getattr(module, function)(data, FitContext(config, seed=0))


@pytest.fixture
def stages(monkeypatch):
    """Record each training of `selection` and of `sampling`: its data, settings, parts, result."""
    seen = []
    for module in (selection, sampling):
        fit = module.fit

        def recorded(data, ctx, settings, parts, fit=fit):
            model = fit(data, ctx, settings, parts)
            seen.append((data, settings, parts, model))
            return model

        monkeypatch.setattr(module, "fit", recorded)
    return seen


def with_flips(counts=(24, 16, 12), unlabelled=9):
    clean = bright_rows(counts)
    observed = clean.observed.copy()
    observed[::5] = (observed[::5] + 1) % len(counts)
    more = bright_rows((unlabelled,) * len(counts), seed=7).inputs
    return TrainingData(clean.inputs, observed, len(counts), unlabelled=more)


def test_self_training_teaches_the_surest_share_of_each_class_that_its_stopped_teacher_says(stages):
    data, kept = with_flips(), 0.4
    trained(selection, "fit_self_training", data, epochs=6, kept=kept, val_fraction=0.2)
    (given, teaching, _, teacher), (taught, learning, _, _) = stages
    assert given is data
    assert (teaching.select, teaching.val_fraction) == ("noisy_val", 0.2)
    assert (learning.select, learning.val_fraction) == ("last", 0.0)
    everything = np.concatenate([all_inputs(data), data.unlabelled.array])
    said = teacher(normalised(teacher, everything)).values
    wanted = {}  # image → label, one class after the other, from the logits alone
    for k in range(3):
        of_class = [i for i, z in enumerate(said) if max(range(3), key=lambda c: z[c]) == k]
        sureness = {i: 1 / sum(np.exp(said[i] - said[i][k])) for i in of_class}
        of_class.sort(key=lambda i: -sureness[i])
        for i in of_class[: max(1, round(kept * len(of_class)))]:
            wanted[everything[i].tobytes()] = k
    found = zip(all_inputs(taught), taught.observed, strict=True)
    assert {image.tobytes(): int(label) for image, label in found} == wanted
    assert any(
        (data.unlabelled.array == image).all((1, 2, 3)).any() for image in all_inputs(taught)
    )


def test_two_phase_training_is_oversampling_then_the_head_alone_on_the_data_as_they_are(stages):
    data = bright_rows((30, 10))
    trained(sampling, "fit_two_phase", data, epochs=5, second_phase=0.4)
    (given, first, balanced, middle), (again, second, tuned, last) = stages
    assert given is data
    assert again is data
    assert (first.epochs, second.epochs) == (3, 2)
    assert second.lr == pytest.approx(0.1 * first.lr)
    oversampling = trained(sampling, "fit_oversampling", data, epochs=3).state()
    assert all((middle.state()[name] == oversampling[name]).all() for name in oversampling)
    assert balanced.rows is not None
    assert tuned.rows is None  # every row once
    moved = {n for n, w in last.state().items() if (w != middle.state()[n]).any()}
    assert moved == {"head.weight", "head.bias"}


def test_a_step_of_the_head_alone_has_the_gradient_of_softmax_regression(images):  # noqa: F811
    network = flat()
    loss = HeadOnly(plain)(network, batch_of(images, LABELS))
    loss.backward()
    found = features_of(network, images.numpy())
    z = logits_of(network, found)
    assert float(loss.detach()) == pytest.approx(cross_entropy(z, LABELS), rel=1e-6)
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    for i, y in enumerate(LABELS):
        p[i, y] -= 1
    np.testing.assert_allclose(network.head.weight.grad, p.T @ found / len(LABELS), rtol=1e-6)
    assert all(parameter.grad is None for parameter in network.body.parameters())


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_early_stopping_keeps_the_first_epoch_of_best_accuracy_on_rows_held_back(seed):
    data = with_flips(unlabelled=1)
    held = bright_rows((7, 5, 4), seed=seed + 20)
    observed = held.observed.copy()
    observed[::3] = (observed[::3] + 1) % 3
    data = TrainingData(data.inputs, data.observed, 3, val=(held.inputs, observed))
    seen = []

    def keep(epoch, train_logits, val_logits, arrays):
        seen.append(arrays())

    overrides = QUICK | {"epochs": 8, "snapshot_every": 1}
    config = prior.fit_cross_entropy.configure(overrides)
    prior.fit_cross_entropy(data, FitContext(config, seed=seed, snapshot=keep))
    config = robust.fit_early_stopping.configure(overrides)
    model = robust.fit_early_stopping(data, FitContext(config, seed=seed))
    stopped, right = model.state(), []
    for weights in seen:
        load_state(model.network, weights)
        guess = model(normalised(model, held.inputs.array)).values.argmax(1)
        right.append(int((guess == observed).sum()))
    best = right.index(max(right))  # the first of equals
    assert all((stopped[name] == seen[best][name]).all() for name in stopped)


@pytest.fixture
def gaussians(rng):
    """Rows of three classes, 60, 30 and 8 of them, and what `fit_linear` was given."""
    labels = np.repeat([0, 1, 2], [60, 30, 8])
    rows = rng.normal(size=(98, 3)) @ rng.normal(size=(3, 3)) + 2 * rng.normal(size=(3, 3))[labels]
    return TrainingData(ArrayInputs(rows.astype(np.float32)), labels, 3)


def test_alignment_draws_equally_from_each_class_and_minimises_the_penalised_sum(
    gaussians, monkeypatch
):
    """Zhang et al. 2023, section 3.3, with spreads drawn towards the pooled one."""
    given = {}
    plain = gaussian.fit_linear

    def recorded(estimator, rows, labels, ctx, *, halved):
        given.update(rows=rows, labels=labels)
        return plain(estimator, rows, labels, ctx, halved=halved)

    monkeypatch.setattr(gaussian, "fit_linear", recorded)
    settings = {"per_class": 4000, "strength": 5.0, "c": 0.01, "max_iter": 2000}
    config = gaussian.fit_classifier_alignment.configure(settings)
    model = gaussian.fit_classifier_alignment(gaussians, FitContext(config, seed=0))
    rows, labels = given["rows"].astype(float), given["labels"]
    assert np.bincount(labels).tolist() == [4000] * 3
    real, of = gaussians.inputs.array.astype(float), gaussians.observed
    own = [sum(np.outer(x, x) for x in real[of == k] - real[of == k].mean(0)) for k in range(3)]
    pooled = sum(own) / len(real)
    for k in range(3):
        n = (of == k).sum()
        np.testing.assert_allclose(rows[labels == k].mean(0), real[of == k].mean(0), atol=0.2)
        wanted = (own[k] + 5 * pooled) / (n + 5)
        scale = np.sqrt(np.outer(np.diag(wanted), np.diag(wanted)))
        assert (np.abs(np.cov(rows[labels == k].T) - wanted) / scale).max() < 0.1

    def cost(flat):
        w, b = flat[:9].reshape(3, 3), flat[9:]
        z = rows @ w.T + b
        top = z.max(1)
        logs = top + np.log(np.exp(z - top[:, None]).sum(1))
        return 0.01 * (logs - z[np.arange(len(z)), labels]).sum() + 0.5 * (w**2).sum()

    best = minimize(cost, np.zeros(12), method="L-BFGS-B", options={"maxiter": 500, "ftol": 1e-12})
    state = model.state()
    ours = cost(np.concatenate([state["weight"].ravel(), state["bias"]]).astype(float))
    assert ours == pytest.approx(best.fun, rel=1e-4)

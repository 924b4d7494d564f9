"""Whole objectives again, slowly: what a step minimises, from the papers, image by image.

The network is flat and linear, so that numpy says its logits; what is random is drawn twice from
the same state.
"""

import math

import numpy as np
import pytest
import torch

from baselines.method import Batch
from baselines.methods import dividemix, gaussian, joint, loss, mixing, relations
from baselines.networks.classifier import Body, Classifier, Experts
from tests.baselines.oracles import cross_entropy, softmax
from tests.baselines.toy import batch_of, bright_rows, resident

SHAPE = (6, 1, 4, 4)
LABELS = [0, 0, 2, 1, 0, 2]
COUNTS = [30.0, 9.0, 3.0]


def flat(seed=0, d=4):
    torch.manual_seed(seed)
    body = Body(torch.nn.Flatten(), torch.nn.Linear(16, d), d)
    return Classifier(body, torch.nn.Linear(d, 3)).double()


def features_of(network, images):
    layer = network.body.rest
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    return images.reshape(len(images), -1) @ weight.T + bias


def logits_of(network, found):
    return found @ network.head.weight.detach().numpy().T + network.head.bias.detach().numpy()


@pytest.fixture
def images():
    return torch.from_numpy(np.random.default_rng(3).normal(size=SHAPE))


def drawn(alpha):
    """Return what mixup draws: the partners and λ."""
    partner = torch.randperm(len(LABELS)).numpy()
    return partner, float(torch.distributions.Beta(alpha, alpha).sample())


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", ["mixup", "remix"])
def test_mixup_and_remix_are_their_papers_sums(images, kind, seed):
    network = flat()
    counts = None if kind == "mixup" else torch.tensor(COUNTS)
    objective = mixing.Mixed(1.0, mixing.blend, counts, kappa=3.0, threshold=0.5)
    torch.manual_seed(seed)
    ours = float(objective(network, batch_of(images, LABELS)).detach())
    torch.manual_seed(seed)
    partner, lam = drawn(1.0)
    total = 0.0
    for i, j in enumerate(partner):
        x = lam * images[i].numpy() + (1 - lam) * images[j].numpy()
        z = logits_of(network, features_of(network, x[None]))
        y, other = LABELS[i], LABELS[j]
        share = lam  # Zhang et al. 2018, equation 2
        if kind == "remix":  # Chou et al. 2020, equation 8, with its n_i/n_j, κ and τ
            if COUNTS[y] / COUNTS[other] >= 3 and lam < 0.5:
                share = 0.0
            elif COUNTS[y] / COUNTS[other] <= 1 / 3 and 1 - lam < 0.5:
                share = 1.0
        total += share * cross_entropy(z, [y]) + (1 - share) * cross_entropy(z, [other])
    assert ours == pytest.approx(total / len(LABELS), rel=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_cutmix_is_its_papers_sum_over_the_pixels_that_are_left(images, seed):
    network, seen = flat(), {}
    network.body.stem.register_forward_hook(lambda _, given, __: seen.update(images=given[0]))
    torch.manual_seed(seed)
    ours = float(mixing.Mixed(1.0, mixing.paste)(network, batch_of(images, LABELS)).detach())
    torch.manual_seed(seed)
    partner, _ = drawn(1.0)
    total = 0.0
    for i, j in enumerate(partner):
        x = seen["images"][i].numpy()
        if i == j:  # its own rectangle: every share gives the same
            share = 1.0
        else:  # Yun et al. 2019: λ is the share of pixels that are the image's own
            share = float((x == images[i].numpy()).mean())
            assert ((x == images[i].numpy()) | (x == images[j].numpy())).all()
        z = logits_of(network, features_of(network, x[None]))
        total += share * cross_entropy(z, [LABELS[i]])
        total += (1 - share) * cross_entropy(z, [LABELS[j]])
    assert ours == pytest.approx(total / len(LABELS), rel=1e-6)


def test_cost_sensitive_cross_entropy_weighs_by_one_over_the_class_count(images):
    network, weights = flat(), torch.tensor(COUNTS).min() / torch.tensor(COUNTS)
    ours = loss.Weighted(loss.plain, weights)(network, batch_of(images, LABELS))
    z = logits_of(network, features_of(network, images.numpy()))
    costs = [1 / COUNTS[y] for y in LABELS]
    paid = [c * cross_entropy([row], [y]) for c, row, y in zip(costs, z, LABELS, strict=True)]
    assert float(ours.detach()) == pytest.approx(sum(paid) / sum(costs), rel=1e-6)


def normed(rows, layer):
    centred = rows - rows.mean(1, keepdims=True)
    scaled = centred / np.sqrt(rows.var(1, keepdims=True) + layer.eps)
    return scaled * layer.weight.detach().numpy() + layer.bias.detach().numpy()


def test_batchformer_attends_over_the_batch_and_shares_its_head(images):
    """Hou et al. 2022, section 3: one transformer encoder layer whose sequence is the batch."""
    network = flat()
    objective = relations.AcrossBatch(heads=2, dropout=0.0, offset=torch.tensor(COUNTS).log())
    objective.fit_to(network)
    layer = objective.layer.double()
    ours = float(objective(network, batch_of(images, LABELS)).detach())
    x = features_of(network, images.numpy())
    attention = layer.self_attn
    weight, bias = (
        attention.in_proj_weight.detach().numpy(),
        attention.in_proj_bias.detach().numpy(),
    )
    queries, keys, values = (x @ w.T + b for w, b in zip(np.split(weight, 3), np.split(bias, 3),
                                                         strict=True))  # fmt: skip
    mixed = np.zeros_like(x)
    for part in (slice(0, 2), slice(2, 4)):
        for i in range(len(x)):
            shares = softmax([float(queries[i, part] @ k) / math.sqrt(2) for k in keys[:, part]])
            mixed[i, part] = sum(s * v for s, v in zip(shares, values[:, part], strict=True))
    out = attention.out_proj
    x1 = normed(x + mixed @ out.weight.detach().numpy().T + out.bias.detach().numpy(), layer.norm1)
    inner = np.maximum(
        x1 @ layer.linear1.weight.detach().numpy().T + layer.linear1.bias.detach().numpy(), 0
    )
    inner = inner @ layer.linear2.weight.detach().numpy().T + layer.linear2.bias.detach().numpy()
    x2 = normed(x1 + inner, layer.norm2)
    z = logits_of(network, np.concatenate([x, x2])) + np.log(COUNTS)
    assert ours == pytest.approx(cross_entropy(z, LABELS * 2), rel=1e-5)


def test_a_row_borrows_mean_and_covariance_as_free_lunch_says():
    """Yang et al. 2021, equations 5 and 6: k nearest base means, α on every entry."""
    rng = np.random.default_rng(1)
    row, means = rng.normal(size=3), rng.normal(size=(5, 3))
    covariances = np.stack([m @ m.T for m in rng.normal(size=(5, 3, 3))])
    mean, covariance = gaussian.calibrated(row, means, covariances, 2, 0.21)
    near = sorted(range(5), key=lambda c: math.dist(row, means[c]))[:2]
    for i in range(3):
        total = sum(means[c][i] for c in near) + row[i]
        assert mean[i] == pytest.approx(total / 3)
        for j in range(3):
            assert covariance[i, j] == pytest.approx(
                sum(covariances[c][i, j] for c in near) / 2 + 0.21
            )


def test_rcal_sums_mixed_images_drawn_features_and_the_hold_on_the_start(images):
    network = flat()
    start = torch.from_numpy(np.random.default_rng(4).normal(size=(6, 4)))
    given = torch.from_numpy(np.random.default_rng(5).normal(size=(9, 4)))
    classes = torch.tensor([0, 1, 2] * 3)
    settings = joint.Rcal(hold=0.7, mixup=1.0)
    torch.manual_seed(2)
    ours = joint.Calibrated(start, given, classes, settings)(network, batch_of(images, LABELS))
    torch.manual_seed(2)
    share = float(torch.distributions.Beta(1.0, 1.0).sample())
    partner = torch.randperm(6).numpy()
    rows = torch.randint(9, (6,)).numpy()
    total = 0.0
    for i, j in enumerate(partner):
        x = share * images[i].numpy() + (1 - share) * images[j].numpy()
        found = features_of(network, x[None])
        z = logits_of(network, found)
        total += share * cross_entropy(z, [LABELS[i]]) + (1 - share) * cross_entropy(z, [LABELS[j]])
        total += cross_entropy(logits_of(network, given[rows[i]].numpy()[None]), [classes[rows[i]]])
        wanted = share * start[i].numpy() + (1 - share) * start[j].numpy()
        total += 0.7 * math.dist(found[0], wanted) ** 2
    assert float(ours.detach()) == pytest.approx(total / 6, rel=1e-6)


def test_a_step_of_dividemix_is_algorithm_1_of_its_paper():
    """Li et al. 2020, lines 11 to 25: refine, guess, sharpen, mix, and three losses."""
    data = resident(bright_rows((6, 4, 2)))
    torch.manual_seed(0)
    bodies = [Body(torch.nn.Flatten(), torch.nn.Linear(64, 5), 5) for _ in range(2)]
    heads = [torch.nn.Linear(5, 3) for _ in range(2)]
    network = Experts(torch.nn.Identity(), bodies, heads)
    settings = dividemix.DivideMixSettings(epochs=20, warmup_share=0.1, ramp_share=0.5)
    objective = dividemix.DivideMix(settings, len(data), seed=0)
    clean = np.linspace(0.02, 0.98, len(data))
    objective.clean[1] = torch.from_numpy(clean)
    rows = torch.nonzero(torch.from_numpy(clean) > settings.clean_threshold).flatten()[:4]
    batch = Batch(data.take(rows), data.labels[rows], rows, 7, data, (), 7.5, 0)
    torch.manual_seed(6)
    ours = float(objective(network, batch).detach())

    torch.manual_seed(6)
    others = np.flatnonzero(clean <= settings.clean_threshold)
    unlabelled = others[torch.randperm(len(others)).numpy()][:4]
    pixels = data.take(torch.arange(len(data))).numpy()

    def said(k, x):
        found = bodies[k].rest.weight.detach().numpy() @ x.ravel()
        found = found + bodies[k].rest.bias.detach().numpy()
        z = heads[k].weight.detach().numpy() @ found + heads[k].bias.detach().numpy()
        return np.array(softmax(z.astype(float).tolist()))

    def sharp(p):
        powered = p ** (1 / settings.sharpening)
        return powered / powered.sum()

    images, targets = [], []
    for _view in range(2):  # nothing is augmented: both views are the image
        for row in rows.numpy():
            label = np.eye(3)[int(data.labels[row])]
            refined = clean[row] * label + (1 - clean[row]) * said(0, pixels[row])
            images.append(pixels[row])
            targets.append(sharp(refined))
    for _view in range(2):
        for row in unlabelled:
            images.append(pixels[row])
            targets.append(sharp((said(0, pixels[row]) + said(1, pixels[row])) / 2))
    share = float(torch.distributions.Beta(settings.alpha, settings.alpha).sample())
    share = max(share, 1 - share)
    partner = torch.randperm(len(images)).numpy()
    of_labels = of_guesses = 0.0
    probs = []
    for i, j in enumerate(partner):
        p = said(0, share * images[i] + (1 - share) * images[j])
        wanted = share * targets[i] + (1 - share) * targets[j]
        probs.append(p)
        if i < 8:
            of_labels -= float((wanted * np.log(p)).sum()) / 8
        else:
            of_guesses += float(((p - wanted) ** 2).mean()) / 8
    ramp = min(1.0, (7.5 - 2) / (0.5 * 20))  # warm-up: a tenth of 20 epochs
    mean = np.mean(probs, axis=0)
    penalty = sum(math.log((1 / 3) / m) / 3 for m in mean)
    total = of_labels + settings.unlabelled_weight * ramp * of_guesses + penalty
    assert ours == pytest.approx(total, rel=1e-4)

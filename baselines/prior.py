"""Trains the prior-fitted network on tables that a prior draws, and writes its weights.

    python -m baselines.prior baselines/weights/prior-fitted-v1.safetensors

The prior knows no real table. A table comes from a random perceptron or from clusters; its columns
are mixed, stretched, cut to a few values or without meaning; its classes may be as rare as one in
fifty, and some of its labels wrong.
"""

import argparse
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from baselines.networks.prior_fitted import PriorFitted, PriorFittedSpec
from harness.models.safe.weights import save_state

FEWEST = 16
"""Labelled rows of a context at least."""
ASKED = 96
"""Rows of a table whose labels are asked for."""
RAREST = 0.02
"""Least share of the rarest class; drawn log-uniformly from there to an even share."""

Table = tuple[Float[np.ndarray, "n d"], Int[np.ndarray, " n"]]


def draw_table(random: np.random.Generator, n: int, d: int, classes: int) -> Table:
    """Return rows and labels of one table of the prior.

    Parameters
    ----------
    random : Generator
        Draws everything.
    n : int
        Rows.
    d : int
        Columns.
    classes : int
        Classes; one may have no row.
    """
    if random.random() < 0.7:
        rows, score = _perceptron(random, n, d, classes)
    else:
        rows, score = _clusters(random, n, d, classes)
    labels = _labels(random, score, classes)
    if random.random() < 0.3:  # some labels are wrong
        wrong = random.random(n) < random.uniform(0, 0.2)
        labels = np.where(wrong, random.choice(labels, n), labels)
    return _measured(random, rows).astype(np.float32), labels


def _perceptron(
    random: np.random.Generator, n: int, d: int, classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of correlated numbers, and what a random perceptron makes of them (n, c)."""
    causes = random.standard_normal((n, max(1, int(random.integers(1, d + 1)))))
    rows = causes @ random.standard_normal((causes.shape[1], d)) / math.sqrt(causes.shape[1])
    rows = rows + random.uniform(0, 1) * random.standard_normal((n, d))
    meant = random.random(d) < random.uniform(0.2, 1)  # the others have no meaning
    meant[random.integers(d)] = True
    layer = rows[:, meant]
    for _ in range(int(random.integers(0, 4))):
        width = int(random.integers(4, 33))
        weight = random.standard_normal((layer.shape[1], width)) * random.uniform(0.5, 2)
        layer = layer @ weight / math.sqrt(layer.shape[1]) + random.standard_normal(width)
        kind = random.integers(4)
        layer = (
            np.tanh(layer)
            if kind == 0
            else np.maximum(layer, 0)
            if kind == 1
            else np.sin(layer)
            if kind == 2
            else np.where(layer > 0, 1.0, -1.0)
        )
    score = layer @ random.standard_normal((layer.shape[1], classes))
    score = score / np.maximum(score.std(0), 1e-6)
    return rows, score + random.uniform(0, 0.5) * random.standard_normal(score.shape)


def _clusters(
    random: np.random.Generator, n: int, d: int, classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return rows around centres, and how much a centre speaks for each class (n, c)."""
    count = int(random.integers(classes, 3 * classes + 1))
    centres = random.standard_normal((count, d)) * random.uniform(0.3, 2)
    owner = np.concatenate([np.arange(classes), random.integers(0, classes, count - classes)])
    at = random.integers(0, count, n)
    widths = random.uniform(0.3, 1.5, (count, 1))
    rows = centres[at] + widths[at] * random.standard_normal((n, d))
    return rows, 4.0 * np.eye(classes)[owner[at]] + 0.01 * random.standard_normal((n, classes))


def _labels(random: np.random.Generator, score: np.ndarray, classes: int) -> np.ndarray:
    """Return classes of which each has its share, by rank of one score or the best of several."""
    shares = np.exp(random.uniform(math.log(RAREST), math.log(1 / classes), classes))
    shares[random.integers(classes)] += max(0.0, 1 - shares.sum())
    shares = shares / shares.sum()
    n = len(score)
    if random.random() < 0.5:  # ordered along one score
        place = score[:, 0].argsort().argsort() / n
        order = random.permutation(classes)
        return order[np.searchsorted(shares[order].cumsum()[:-1], place, side="right")]
    # Rarest first: each takes the rows of most score among those that are left.
    labels = np.full(n, shares.argmax())
    left = np.ones(n, dtype=bool)
    for k in shares.argsort()[:-1]:
        want = min(max(1, round(shares[k] * n)), int(left.sum()))
        best = np.where(left, score[:, k], -np.inf).argpartition(-want)[-want:]
        labels[best], left[best] = k, False
    return labels


def _measured(random: np.random.Generator, rows: np.ndarray) -> np.ndarray:
    """Return the columns as somebody measured them: stretched, rounded, or cut in two."""
    out = rows.copy()
    kinds = [int(kind) for kind in np.asarray(random.integers(0, 8, rows.shape[1]))]
    for j, (kind, column) in enumerate(zip(kinds, rows.T, strict=True)):
        if kind == 0:
            out[:, j] = np.exp(random.uniform(0.5, 1.5) * column)
        elif kind == 1:
            out[:, j] = np.round(column * random.uniform(0.5, 3))
        elif kind == 2:
            out[:, j] = column > np.quantile(column, random.uniform(0.05, 0.95))
    return out


def draw_batch(
    random: np.random.Generator, spec: PriorFittedSpec, tables: int
) -> tuple[Tensor, Tensor, Tensor, Tensor, int]:
    """Return labelled rows with labels, asked rows with labels, and the number of classes.

    All tables of a batch have as many rows, columns and classes; most have two classes.
    """
    n = round(math.exp(random.uniform(math.log(FEWEST), math.log(spec.rows))))
    d = round(math.exp(random.uniform(math.log(2), math.log(spec.columns))))
    classes = 2 if random.random() < 0.7 else int(random.integers(2, spec.classes + 1))
    drawn = [draw_table(random, n + ASKED, d, classes) for _ in range(tables)]
    rows = torch.from_numpy(np.stack([rows for rows, _ in drawn]))
    labels = torch.from_numpy(np.stack([labels for _, labels in drawn]).astype(np.int64))
    return rows[:, :n], labels[:, :n], rows[:, n:], labels[:, n:], classes


def fit_to_prior(
    spec: PriorFittedSpec,
    *,
    steps: int,
    tables: int,
    lr: float,
    seed: int,
    report: Callable[[int, float], None] = lambda step, loss: None,
) -> PriorFitted:
    """Return a network that answers as the prior would: trained by cross-entropy on drawn tables.

    Parameters
    ----------
    spec : PriorFittedSpec
        What it is built for.
    steps : int
        Steps of AdamW; the rate grows over the first twentieth and a cosine brings it to 0.
    tables : int
        Tables of a step.
    lr : float
        Peak learning rate.
    seed : int
        Of tables and first weights.
    report : callable, optional
        Called after every hundredth step with its number and the mean loss since the last call.
    """
    random = np.random.default_rng(seed)
    torch.manual_seed(seed)
    network = PriorFitted(spec)
    optimizer = torch.optim.AdamW(network.parameters(), lr=lr, weight_decay=0.01)
    total = 0.0
    for step in range(steps):
        share = step / steps
        for group in optimizer.param_groups:
            group["lr"] = (
                lr * min(1.0, 20 * share + 1 / steps) * (1 + math.cos(math.pi * share)) / 2
            )
        known, labels, asked, answers, classes = draw_batch(random, spec, tables)
        logits = network(known, labels, asked)[:, :, :classes]
        loss = F.cross_entropy(logits.flatten(0, 1), answers.flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        total += float(loss.detach())
        if (step + 1) % 100 == 0:
            report(step + 1, total / 100)
            total = 0.0
    return network.eval()


def main() -> None:
    """Train and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("out", type=Path, help="file to write, .safetensors")
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--tables", type=int, default=8)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    torch.set_num_threads(1)

    def report(step: int, loss: float) -> None:
        spent = time.process_time()
        sys.stderr.write(f"{step} steps, loss {loss:.4f}, {spent:.0f} s of CPU\n")

    network = fit_to_prior(
        PriorFittedSpec(),
        steps=asked.steps,
        tables=asked.tables,
        lr=asked.lr,
        seed=asked.seed,
        report=report,
    )
    save_state(asked.out, {k: v.detach().numpy() for k, v in network.state_dict().items()})


if __name__ == "__main__":
    main()

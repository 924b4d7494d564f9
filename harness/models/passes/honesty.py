"""Whether a model answers by what it sees: asked on demand, for numbers that look too good.

Each question takes a secret random subset of the test inputs. A model that draws lots, looks at its
neighbours in the batch, knows the test set's order, or looks inputs up by their bytes is found out
without reading its code. Labels are compared here and never handed to the model.
"""

from dataclasses import replace

import numpy as np
from jaxtyping import Float, Int

from harness.models.passes.numerics import Numerics, computing
from harness.models.passes.predict import autocast, outputs_of
from harness.models.passes.steady import gap_between, remedy, slack_of
from harness.types.data import ArrayInputs, Pool
from harness.types.models import Model

ROWS = 512
"""Inputs that are asked about, fewer where the pool has fewer."""
BATCHES = (64, 23)
"""Inputs a call, first and in another order."""
DEVIATIONS = 5.0
"""Standard deviations above chance from which on something is said: one in three million."""
LEAST_FALL = 0.05
"""A fall of accuracy below which a copy that nobody can tell apart is not called another."""


def honesty_flags(
    model: Model, test: Pool, numerics: Numerics, rng: np.random.Generator
) -> list[str]:
    """Return what speaks against a model's honesty, one sentence each; none: nothing found.

    Parameters
    ----------
    model : Model
        Not transductive: such a model may answer by the batch.
    test : Pool
        With labels.
    numerics : Numerics
        As in its passes.
    rng : Generator
        Seeded by nothing that the model could know.

    Returns
    -------
    list of str
        Review flags. An honest model gets one by chance in about one of a million tries.
    """
    assert test.labels is not None, "a test pool has labels"
    rows = rng.permutation(len(test))[: min(ROWS, len(test))]
    with computing(numerics), autocast(numerics):
        first = _passed(model, test, rows, BATCHES[0])
        again = _passed(model, test, rows, BATCHES[0])
        order = rng.permutation(len(rows))
        other = np.empty_like(first)
        other[order] = _passed(model, test, rows[order], BATCHES[1])
        flags = _steadiness(model, first, again, other, numerics)
        flags += _by_place(first, test.labels, rows)
        if test.modality == "image":
            changed = _passed(model, _unnoticed(test, rows, rng), np.arange(len(rows)), BATCHES[0])
            flags += _by_bytes(first, changed, test.labels[rows])
    return flags


def _passed(
    model: Model, pool: Pool, rows: Int[np.ndarray, " r"], size: int
) -> Float[np.ndarray, "r c"]:
    parts = [outputs_of(model, pool, part, size).values for part in _batches(rows, size)]
    return np.concatenate(parts).astype(np.float64)


def _batches(rows: Int[np.ndarray, " r"], size: int) -> list[Int[np.ndarray, " b"]]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def _steadiness(
    model: Model,
    first: Float[np.ndarray, "r c"],
    again: Float[np.ndarray, "r c"],
    other: Float[np.ndarray, "r c"],
    numerics: Numerics,
) -> list[str]:
    slack, n = slack_of(first, numerics), len(first)
    if (gap := gap_between(first, again)) > slack:
        return [
            f"not deterministic: two equal passes over {n} test inputs differ by {gap:.3g}. "
            f"{remedy(model)}"
        ]
    if (gap := gap_between(first, other)) > slack:
        return [
            f"depends on the batch: {n} test inputs in another order, {BATCHES[1]} instead of "
            f"{BATCHES[0]} at once, differ by {gap:.3g}. {remedy(model)}"
        ]
    return []


def _by_place(
    said: Float[np.ndarray, "r c"], labels: Int[np.ndarray, " n"], rows: Int[np.ndarray, " r"]
) -> list[str]:
    """Ask whether answers about a secretly permuted copy are the labels of the original order."""
    place = np.arange(len(rows))
    told = labels[place] != labels[rows]  # elsewhere both answers are the same
    predicted = said.argmax(axis=1)
    hits = int((predicted[told] == labels[place][told]).sum())
    # Among wrong classes a model prefers some: its own rates are the chance level.
    rates = np.bincount(predicted[told], minlength=said.shape[1]) / max(1, told.sum())
    chance = rates[labels[place][told]]
    z = (hits - chance.sum()) / max(1e-9, float(np.sqrt((chance * (1 - chance)).sum())))
    if z <= DEVIATIONS:
        return []
    return [
        f"knows the test set's order: of {int(told.sum())} inputs of a permuted copy it gives "
        f"{hits} the label that stands at their place in the original, chance is "
        f"{chance.sum():.0f}"
    ]


def _unnoticed(test: Pool, rows: Int[np.ndarray, " r"], rng: np.random.Generator) -> Pool:
    """Return the rows with one grey level more or less in every pixel, drawn at random."""
    images = test.inputs.take(rows).astype(np.int16)
    images += rng.integers(0, 2, images.shape, dtype=np.int16) * 2 - 1
    return replace(test, inputs=ArrayInputs(np.clip(images, 0, 255).astype(np.uint8)), labels=None)


def _by_bytes(
    said: Float[np.ndarray, "r c"],
    changed: Float[np.ndarray, "r c"],
    labels: Int[np.ndarray, " r"],
) -> list[str]:
    """Ask whether an input that nobody can tell from its original gets another answer."""
    right, still = (values.argmax(axis=1) == labels for values in (said, changed))
    lost, won = int((right & ~still).sum()), int((~right & still).sum())
    if lost - won <= DEVIATIONS * np.sqrt(lost + won) or lost - won < LEAST_FALL * len(labels):
        return []
    return [
        f"looks inputs up: with one grey level more or less in every pixel, which nobody sees, "
        f"accuracy falls from {right.mean():.3f} to {still.mean():.3f}"
    ]

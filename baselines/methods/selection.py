"""A student of the surest labels that an early-stopped teacher gives: self-training."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float, Int

from baselines.images import load
from baselines.losses import Weighted, plain
from baselines.method import Parts, predict
from baselines.model import NeuralModel, neural
from baselines.settings import Below1, Settings, UpTo1, changed
from baselines.stages import stage
from baselines.train import fit, own_randomness
from harness.types.data import ArrayInputs
from harness.types.models import FitContext, TrainingData


class SelfTraining(Settings):
    """Settings of self-training."""

    kept: UpTo1 = 0.5
    """Share of the inputs of each predicted class that the teacher labels: its surest ones."""
    val_fraction: Below1 = 0.1
    """Share of the rows that chooses the teacher's epoch where the split has no validation."""


@neural(SelfTraining)
def fit_self_training(train: TrainingData, ctx: FitContext, settings: SelfTraining) -> NeuralModel:
    """Stop a teacher early and train a student on the labels of which it is sure.

    Observed labels are only seen through the teacher, which stops where it is best on held-back
    observed labels. Unlabelled inputs are used where the suite offers them.

    References
    ----------
    Lee 2013, "Pseudo-Label"; Amini et al. 2022, "Self-Training: A Survey": a quota a class instead
    of a fixed threshold, one round.
    """
    teaching = changed(settings, select="noisy_val")
    teacher = fit(train, stage(ctx, "teacher", quiet=True), teaching, Parts(Weighted(plain)))
    relabelled = pseudo_labelled(train, teacher, settings, ctx)
    size = min(settings.batch_size, len(relabelled.observed))
    learning = changed(settings, batch_size=size, val_fraction=0.0)
    student = stage(ctx, "student", before=settings.epochs, quiet=True)
    return fit(relabelled, student, learning, Parts(Weighted(plain)))


def pseudo_labelled(
    train: TrainingData, teacher: NeuralModel, settings: SelfTraining, ctx: FitContext
) -> TrainingData:
    """Return the surest share of the inputs of each class that the teacher predicts."""
    arrays = [train.inputs.take(np.arange(len(train.inputs)))]
    if train.unlabelled is not None:
        arrays.append(train.unlabelled.take(np.arange(len(train.unlabelled))))
    everything = np.concatenate(arrays)
    unknown = np.zeros(len(everything), dtype=np.int64)
    data = TrainingData(ArrayInputs(everything), unknown, train.num_classes)
    with own_randomness(ctx):
        how = teacher.preprocessing
        given = load(data.inputs, unknown, train.num_classes, settings, ctx.device, how)
        probs = predict(teacher.network, given).softmax(1).cpu().numpy()
    rows, labels = surest(probs, settings.kept)
    return replace(data, inputs=ArrayInputs(everything[rows]), observed=labels)


def surest(
    probs: Float[np.ndarray, "n c"], kept: float
) -> tuple[Int[np.ndarray, " r"], Int[np.ndarray, " r"]]:
    """Return the rows and classes of the surest share of each predicted class, in row order."""
    guess, sureness = probs.argmax(1), probs.max(1)
    rows = []
    for label in np.unique(guess):
        of_class = np.flatnonzero(guess == label)
        order = of_class[np.argsort(-sureness[of_class], kind="stable")]
        rows.append(order[: max(1, round(kept * len(order)))])
    chosen = np.sort(np.concatenate(rows))
    return chosen, guess[chosen].astype(np.int64)

"""Rules without training: the singular kernel, and neurons that are always on or off in a class."""

import numpy as np
from jaxtyping import Float, Int

from baselines.probes.probe import Probe, probing, rows_of
from baselines.settings import Checked, Inside, NonNegative
from harness.types.models import FitContext, TrainingData


class Singular(Checked):
    """Settings of the singular kernel."""

    dimension: NonNegative = 0.0
    """Exponent of the distance; 0: the number of columns, which makes the rule consistent."""


@probing(Singular)
def fit_singular_kernel(train: TrainingData, ctx: FitContext, settings: Singular) -> Probe:
    """Let every training row vote with the weight ‖x − x_i‖^−d; probabilities are shares of votes.

    It gives every training row its own label, and still becomes as good as can be with ever more
    rows: the limit of wide and deep networks under one kind of activation.

    References
    ----------
    Radhakrishnan, Belkin and Uhler 2022, "Wide and Deep Neural Networks Achieve Optimality for
    Classification".
    """
    rows, classes = rows_of(train), np.unique(train.observed)
    arrays = {
        "classes": classes,
        "rows": rows.values,
        "belongs": (train.observed[:, None] == classes).astype(np.float32),
        "dimension": np.array(settings.dimension or rows.values.shape[1], dtype=np.float32),
    }
    return rows.probe("singular-kernel", arrays)


class Patterns(Checked):
    """Settings of activation patterns."""

    share: Inside = 0.95
    """δ: a neuron is on for a class if it is active in at least this share of the class's rows,
    off if in at most 1 − δ of them, else free."""


@probing(Patterns)
def fit_activation_patterns(train: TrainingData, ctx: FitContext, settings: Patterns) -> Probe:
    """Predict the class whose fixed neurons a row gets wrong least; logits are minus that share.

    A neuron is active where its feature is above 0, so features are those behind a ReLU. The
    score ``max_logit`` is the misfit of the best class: 0 for a row that follows a pattern.

    References
    ----------
    Geng et al. 2022, "Towards Reliable Neural Specifications": neural activation patterns, δ.
    """
    rows, classes = rows_of(train), np.unique(train.observed)
    found = patterns(rows.values, train.observed, classes, settings.share)
    return rows.probe("pattern-misfit", {"classes": classes, "patterns": found})


def patterns(
    rows: Float[np.ndarray, "n d"],
    labels: Int[np.ndarray, " n"],
    classes: Int[np.ndarray, " k"],
    share: float,
) -> Int[np.ndarray, "k d"]:
    """Return 1 for neurons that are on in a class, −1 for those that are off, 0 for free ones."""
    active = np.stack([(rows[labels == k] > 0).mean(axis=0) for k in classes])
    return np.where(active >= share, 1, np.where(active <= 1 - share, -1, 0)).astype(np.int8)

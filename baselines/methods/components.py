"""Classification by components: similarities to a few centres, and reasons for and against."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from baselines.probes.head_rules import component_probability
from baselines.probes.heads import Batch, HeadSettings, Standardised, standardised, train_head
from baselines.probes.probe import Probe
from baselines.probes.transforms import Arrays
from baselines.settings import Count, NonNegative, Positive, method
from harness.types.models import FitContext, Output, TrainingData


class Components(HeadSettings):
    """Settings of classification by components."""

    per_class: Count = 5
    """Components for each class, started at random rows of it."""
    width: Positive = 1.0
    """s in exp(−‖z − w‖²/s); z are standardised rows over √d, about 1 long."""
    margin: Positive = 0.3
    """By how much the right class's probability should exceed the best wrong one."""
    lr: Positive = 0.01
    """Peak learning rate of AdamW; a cosine brings it to 0."""
    weight_decay: NonNegative = 0.0
    """Components are places, not weights: nothing draws them to 0."""


class Reasoning(nn.Module):
    """Components with, for each class, how much each one's presence or absence speaks for it.

    Parameters
    ----------
    centres : float tensor of shape (m, d)
        Where components start.
    k : int
        Classes.
    own : bool tensor of shape (k, m)
        Which components were started in a class: their presence speaks for it from the start.
    width : float
        s.
    """

    def __init__(self, centres: Tensor, own: Tensor, width: float) -> None:
        super().__init__()
        self.centres = nn.Parameter(centres.clone())
        k, m = own.shape
        start = torch.zeros(k, 2, m)
        start[:, 0] = own.float() * 2
        start[:, 1] = (~own).float()
        self.reasons = nn.Parameter(start.flatten(1))
        self.width = width

    def shares(self) -> tuple[Float[Tensor, "k m"], Float[Tensor, "k m"]]:
        """Return r⁺ and r⁻: at least 0, and together 1 for each class."""
        shares = self.reasons.softmax(1)
        positive, negative = shares.chunk(2, dim=1)
        return positive, negative

    def forward(self, rows: Float[Tensor, "b d"]) -> Float[Tensor, "b k"]:
        """Return p_c = Σ_j d_j·r⁺_cj + (1 − d_j)·r⁻_cj of standardised rows."""
        z = rows / rows.shape[1] ** 0.5
        squares = (z**2).sum(1, keepdim=True) + (self.centres**2).sum(1)
        squares = (squares - 2 * z @ self.centres.T).clamp_min(0)
        near = (-squares / self.width).exp()
        positive, negative = self.shares()
        return near @ (positive - negative).T + negative.sum(1)


class Certified(Probe):
    """A probe by components that hands out how far each row may move: `certified_radius`."""

    def __call__(self, inputs: np.ndarray) -> Output:
        """Return log p_c of a batch (b, …), and the statistic ``certified_radius`` (b, 1)."""
        output = super().__call__(inputs)
        radii = certified_radius(self._transform(inputs, self._arrays), self._arrays)
        # Down to float32: a proved bound must not grow by rounding.
        kept = np.nextafter(radii.astype(np.float32), np.float32(-np.inf)).clip(min=0)
        return replace(output, statistics={"certified_radius": kept[:, None]})


def restore_certified(state: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> Certified:
    """Return the probe that `Probe.state` and `Probe.meta` describe."""
    return Certified(meta["rule"], meta["num_classes"], state, meta["transform"])


@method(Components, restore_certified)
def fit_components(train: TrainingData, ctx: FitContext, settings: Components) -> Certified:
    """Train components and reasons by the hinge on probabilities; logits are log p_c.

    The margin over the Lipschitz constant bounds how far features may move before the prediction
    can change: `certified_radius`.

    References
    ----------
    Saralajew et al. 2024, "A Robust Prototype-Based Network with Interpretable RBF Classifier
    Foundations": RBF components, probabilities with reasons for and against, hinge loss.
    """
    data = standardised(train)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(ctx.seed)
        centres, own = _started(data, settings.per_class)
        head = Reasoning(centres, own, settings.width)

        def objective(batch: Batch) -> Tensor:
            return hinge(head(batch.rows), batch.labels, settings.margin).mean()

        train_head(head, data, settings, ctx, objective)
    positive, negative = head.shares()
    arrays = {
        "centres": head.centres,
        "positive": positive,
        "negative": negative,
        "width": torch.tensor(settings.width),
    }
    floats = {name: tensor.detach().numpy() for name, tensor in arrays.items()}
    probe = data.given.probe("components", {**data.scaling(), **floats})
    return restore_certified(probe.state(), probe.meta)


def hinge(probs: Float[Tensor, "b k"], labels: Tensor, margin: float) -> Float[Tensor, " b"]:
    """Return max(0, best wrong − right + margin)."""
    right = probs.gather(1, labels[:, None])[:, 0]
    others = probs.scatter(1, labels[:, None], -torch.inf)
    return (others.max(1).values - right + margin).clamp_min(0)


def certified_radius(rows: Float[np.ndarray, "b d"], arrays: Arrays) -> Float[np.ndarray, " b"]:
    """Return how far each standardised row over √d may move, in L2, without another prediction.

    exp(−r²/s) is steepest at r = √(s/2), by √(2/(s·e)); each p_c moves by at most
    Σ_j |r⁺ − r⁻| times that. Half of the gap between two classes' p over the larger of their
    constants is therefore safe.

    Parameters
    ----------
    rows : float array of shape (b, d)
        As the probe sees them: not standardised.
    arrays : mapping
        The probe's.

    Returns
    -------
    float array of shape (b,)
        At least 0. Standardised training rows over √d are 1 long on average (root mean square),
        so this is a share of their distance from the mean.
    """
    probs = component_probability(rows, arrays).astype(np.float64)
    steepest = np.sqrt(2 / (float(arrays["width"]) * np.e))
    constants = np.abs(arrays["positive"] - arrays["negative"]).sum(axis=1) * steepest
    best = probs.argmax(axis=1)
    gaps = probs[np.arange(len(probs)), best][:, None] - probs
    radii = gaps / (constants[best][:, None] + constants)
    radii[np.arange(len(probs)), best] = np.inf
    return np.asarray(radii.min(axis=1))


def _started(data: Standardised, per_class: int) -> tuple[Tensor, Tensor]:
    """Return rows of each class as first centres, and which class each is of."""
    d = data.rows.shape[1]
    picked, owner = [], []
    for k in range(len(data.classes)):
        rows = (data.labels == k).nonzero()[:, 0]
        chosen = rows[torch.randint(len(rows), (per_class,))]
        # Halfway to the mean: a single row of many features lies far from every other.
        mean = data.rows[rows].mean(0)
        picked.append((data.rows[chosen] + 3 * mean) / 4)
        owner += [k] * per_class
    own = torch.tensor(owner)[None, :] == torch.arange(len(data.classes))[:, None]
    return torch.cat(picked) / d**0.5, own

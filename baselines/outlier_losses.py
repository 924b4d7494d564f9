"""Losses that read auxiliary outliers, as plain functions; each with its source and constants.

Shapes: logits (b, c) of ID images, labels (b,), logits (o, c) of outliers; energies are
−log Σ exp z in nats.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

Loss = Float[Tensor, ""]


def uniformity(outliers: Float[Tensor, "o c"]) -> Loss:
    """Return the mean cross-entropy from the uniform distribution to the outliers' softmax.

    Hendrycks et al. 2019 (outlier exposure), section 3; weight 0.5 in its code.
    """
    return (outliers.logsumexp(1) - outliers.mean(1)).mean()


def energy_gap(
    logits: Float[Tensor, "b c"],
    outliers: Float[Tensor, "o c"],
    *,
    most_inside: float,
    least_outside: float,
) -> Loss:
    """Return the mean of max(0, E − m_in)² over ID images plus that of max(0, m_out − E)² outside.

    Liu et al. 2020, section 3.3; m_in = −23 and m_out = −5 for CIFAR-10, weight 0.1 in its code.
    """
    inside, outside = -logits.logsumexp(1), -outliers.logsumexp(1)
    too_high = F.relu(inside - most_inside).square().mean()
    return too_high + F.relu(least_outside - outside).square().mean()


def partial_contrast(
    views: Float[Tensor, "2 t d"],
    labels: Int[Tensor, " t"],
    outliers: Float[Tensor, "o d"],
    *,
    temperature: float,
) -> Loss:
    """Return the supervised contrastive loss of tail images against each other and outliers.

    Anchors are both views of tail images alone; the others of their class attract, everything
    else repels, outliers too. No tail image: 0.
    Wang et al. 2022 (PASCL), partial and asymmetric contrastive loss; temperature 0.07 in its code.

    Parameters
    ----------
    views : float tensor of shape (2, t, d)
        Two views of t tail images, of length 1.
    labels : int tensor of shape (t,)
        Their labels.
    outliers : float tensor of shape (o, d)
        Of length 1.
    temperature : float
        Divides the cosines.
    """
    anchors, twice = views.flatten(0, 1), labels.repeat(2)  # (2t, d), (2t,)
    if len(anchors) == 0:
        return outliers.sum() * 0
    cosines = anchors @ torch.cat([anchors, outliers]).T / temperature
    own = torch.eye(len(anchors), cosines.shape[1], dtype=torch.bool, device=cosines.device)
    log_p = F.log_softmax(cosines.masked_fill(own, -torch.inf), 1)
    same = (twice[:, None] == twice) & ~own[:, : len(anchors)]
    attracted = log_p[:, : len(anchors)].masked_fill(~same, 0.0).sum(1)
    return -(attracted / same.sum(1)).mean()


def prototype_contrast(
    tail: Float[Tensor, "t d"],
    classes: Int[Tensor, " t"],
    prototypes: Float[Tensor, "k d"],
    outliers: Float[Tensor, "o d"],
    *,
    temperature: float,
) -> Loss:
    """Return the cross-entropy of tail images' own prototypes among all prototypes and outliers.

    `classes` index the prototypes; all rows are normalised already. No tail image: 0.
    Miao et al. 2024 (COCL), OOD-aware tail class prototype learning; temperature 0.07 in its code.
    """
    if len(tail) == 0:
        return prototypes.sum() * 0
    return F.cross_entropy(tail @ torch.cat([prototypes, outliers]).T / temperature, classes)


def head_margin(
    outliers: Float[Tensor, "o d"], head: Float[Tensor, "o d"], *, margin: float
) -> Loss:
    """Return the mean of max(0, ‖o − o⁺‖ − ‖o − h‖ + margin) over outliers o.

    o⁺ is the outlier that is farthest from o in the batch, `head` one feature of a frequent class
    for each o.
    Miao et al. 2024 (COCL), debiased head class learning; margin 1 in its code.
    """
    with torch.no_grad():
        farthest = torch.cdist(outliers, outliers).argmax(1)
    return F.triplet_margin_loss(outliers, outliers[farthest], head, margin=margin)

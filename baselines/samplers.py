"""Which rows an epoch has: class frequencies changed by drawing."""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from baselines.method import Run

Rows = Int[Tensor, " r"]
Counts = Float[Tensor, " c"]


def drawn(power: float) -> Callable[[Run], Rows]:
    """Return a sampler of n rows per epoch, with replacement.

    Parameters
    ----------
    power : float
        q in P(class k) ∝ n_k^q: 1 is as it is, 0.5 square-root, 0 class-balanced.
    """

    def rows(run: Run) -> Rows:
        labels, counts = _labels_and_counts(run)
        weights = counts.clamp_min(1) ** (power - 1)
        return torch.multinomial(weights[labels], len(labels), replacement=True)

    return rows


def with_counts(wanted: Callable[[Counts], Counts], *, redrawn: bool) -> Callable[[Run], Rows]:
    """Return a sampler of exactly `wanted(counts)[k]` rows of class k, in random order.

    A class that has fewer rows gives all of them as often as they fit and the remainder without
    replacement, so that no row is drawn two times more than another.

    Parameters
    ----------
    wanted : callable
        From the class counts to how many rows of each class an epoch has.
    redrawn : bool
        Draw in every epoch; False: the same rows in every epoch, so that what is left out stays
        out.
    """

    def rows(run: Run) -> Rows:
        labels, counts = _labels_and_counts(run)
        # From the job's seed, not its running state: a resumed training draws the same subset.
        fixed = None if redrawn else torch.Generator().manual_seed(torch.initial_seed())
        parts = [_of_class(labels, k, int(m), fixed) for k, m in enumerate(wanted(counts))]
        chosen = torch.cat(parts)
        return chosen[torch.randperm(len(chosen))]

    return rows


def oversampled(counts: Counts, degree: float) -> Counts:
    """Return n_k + degree·(n_max − n_k), rounded."""
    return (counts + degree * (counts.max() - counts)).round()


def undersampled(counts: Counts, degree: float) -> Counts:
    """Return n_k − degree·(n_k − n_min), rounded."""
    return (counts - degree * (counts - counts.min())).round()


def _labels_and_counts(run: Run) -> tuple[Int[Tensor, " n"], Counts]:
    labels = run.data.labels.cpu()
    return labels, torch.bincount(labels, minlength=run.data.num_classes).float()


def _of_class(
    labels: Int[Tensor, " n"], label: int, wanted: int, generator: torch.Generator | None
) -> Rows:
    rows = torch.nonzero(labels == label).flatten()
    whole, remainder = divmod(wanted, len(rows)) if len(rows) else (0, 0)
    drawn = rows[torch.randperm(len(rows), generator=generator)[:remainder]]
    return torch.cat([rows.repeat(whole), drawn])

"""LOOK: a projection under which most of a row's nearest neighbours carry its class."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

LEAST = 1e-6
"""Share of neighbours below which a class's share is not told apart from none."""


class Look(nn.Module):
    """A linear projection to unit vectors; classes by a softmax over the nearest training rows.

    Parameters
    ----------
    rows, columns, classes : int
        n, d and k of the training rows.
    width : int
        Numbers in a projection.
    neighbours : int
        K; at most the training rows.
    temperature : float
        τ, which divides cosines.

    References
    ----------
    Feng et al. 2021, arXiv:2110.06014.
    """

    known: Tensor
    labels: Tensor

    def __init__(
        self,
        *,
        rows: int,
        columns: int,
        classes: int,
        width: int,
        neighbours: int,
        temperature: float,
    ) -> None:
        super().__init__()
        self.classes, self.neighbours, self.temperature = classes, neighbours, temperature
        self.project = nn.Linear(columns, width, bias=False)
        self.register_buffer("known", torch.zeros(rows, width))
        self.register_buffer("labels", torch.zeros(rows, dtype=torch.int64))

    def forward(self, rows: Float[Tensor, "b d"]) -> Float[Tensor, "b k"]:
        """Return the logarithm of each class's share of the neighbours' weights."""
        return self.shares(self.projected(rows), None).clamp_min(LEAST).log()

    def projected(self, rows: Float[Tensor, "b d"]) -> Float[Tensor, "b w"]:
        """Return projections of length 1."""
        return F.normalize(self.project(rows), dim=1)

    def shares(
        self, projected: Float[Tensor, "b w"], own: Int[Tensor, " b"] | None
    ) -> Float[Tensor, "b k"]:
        """Return each class's share of the softmax over the nearest known projections.

        Parameters
        ----------
        projected : float tensor of shape (b, w)
            Of length 1.
        own : int tensor of shape (b,) or None
            Which known row each is: it is no neighbour of itself.
        """
        cosines = projected @ self.known.T
        if own is not None:
            cosines = cosines.scatter(1, own[:, None], -torch.inf)
        most = min(self.neighbours, len(self.known) - (own is not None))
        nearest, index = cosines.topk(most, dim=1)
        weights = (nearest / self.temperature).softmax(1)
        empty = torch.zeros(len(projected), self.classes)
        return empty.scatter_add(1, self.labels[index], weights)

"""Case-based prototypes: an autoencoder whose code decides by distances to a few cases."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from baselines.networks.tabr import squared


class Cases(nn.Module):
    """An autoencoder, prototypes in its code, and a linear layer on squared distances to them.

    Parameters
    ----------
    columns, classes : int
        d and k.
    hidden : int
        Units between rows and code.
    code : int
        Numbers in a code.
    prototypes : int
        m.

    References
    ----------
    Li et al. 2018, arXiv:1710.04806.
    """

    def __init__(
        self, *, columns: int, classes: int, hidden: int, code: int, prototypes: int
    ) -> None:
        super().__init__()
        self.encode = nn.Sequential(nn.Linear(columns, hidden), nn.ReLU(), nn.Linear(hidden, code))
        self.decode = nn.Sequential(nn.Linear(code, hidden), nn.ReLU(), nn.Linear(hidden, columns))
        self.prototypes = nn.Parameter(torch.randn(prototypes, code))
        self.answer = nn.Linear(prototypes, classes)

    def forward(self, rows: Float[Tensor, "b d"]) -> Float[Tensor, "b k"]:
        """Return logits: linear in the squared distances of the code to the prototypes."""
        logits: Tensor = self.answer(self.distances(self.encode(rows)))
        return logits

    def distances(self, code: Float[Tensor, "b z"]) -> Float[Tensor, "b m"]:
        """Return squared distances over the numbers in a code, which keeps them near 1."""
        return squared(code, self.prototypes).clamp_min(0) / code.shape[1]

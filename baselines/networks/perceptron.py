"""A plain perceptron on rows: what a network of tables has to be better than."""

from itertools import pairwise

from jaxtyping import Float, Int
from torch import Tensor, nn


class Perceptron(nn.Module):
    """Linear layers with ReLU and dropout between them.

    Parameters
    ----------
    columns, classes : int
        d and k.
    width : int
        Units of a hidden layer.
    depth : int
        Hidden layers.
    dropout : float
        After every hidden layer.
    """

    def __init__(
        self, *, columns: int, classes: int, width: int, depth: int, dropout: float
    ) -> None:
        super().__init__()
        sizes = [columns, *[width] * depth]
        layers = [
            layer
            for a, b in pairwise(sizes)
            for layer in (nn.Linear(a, b), nn.ReLU(), nn.Dropout(dropout))
        ]
        self.layers = nn.Sequential(*layers, nn.Linear(sizes[-1], classes))

    def forward(
        self, rows: Float[Tensor, "b d"], own: Int[Tensor, " b"] | None = None
    ) -> Float[Tensor, "b k"]:
        """Return logits of standardised rows; `own` is not used."""
        logits: Tensor = self.layers(rows)
        return logits

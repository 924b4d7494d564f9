"""Last layers: from features to logits."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


class CosineHead(nn.Module):
    """Logits are `scale` times the cosine between feature and class weight.

    References
    ----------
    Cao et al. 2019 (LDAM), section 3.2: feature and weight are normalised, so that a margin has
    a unit, and the logits are scaled by s = 30.
    """

    def __init__(self, d: int, num_classes: int, scale: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(num_classes, d))
        nn.init.xavier_uniform_(self.weight)
        self.scale = scale

    def forward(self, features: Float[Tensor, "b d"]) -> Float[Tensor, "b classes"]:
        """Return scaled cosines."""
        return self.scale * F.linear(F.normalize(features), F.normalize(self.weight))


class ScaledHead(nn.Module):
    """A linear head whose class weights and biases are multiplied by one factor each.

    References
    ----------
    Kang et al. 2020 (Decoupling), section 4.1, learnable weight scaling: w̃_k = f_k·w_k,
    bias likewise.
    """

    def __init__(self, d: int, num_classes: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(num_classes, d))
        self.bias = nn.Parameter(torch.zeros(num_classes))
        self.scales = nn.Parameter(torch.ones(num_classes))
        nn.init.kaiming_uniform_(self.weight, a=5**0.5)

    def forward(self, features: Float[Tensor, "b d"]) -> Float[Tensor, "b classes"]:
        """Return the logits of the scaled weights."""
        return F.linear(features, self.weight, self.bias) * self.scales


class DistanceHead(nn.Module):
    """Logits are minus the squared Euclidean distance to a point a class.

    References
    ----------
    Kang et al. 2020 (Decoupling), section 4.1, nearest class mean classifier.
    """

    def __init__(self, d: int, num_classes: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(num_classes, d))

    def forward(self, features: Float[Tensor, "b d"]) -> Float[Tensor, "b classes"]:
        """Return minus the squared distances."""
        squares = features.square().sum(1, keepdim=True) + self.weight.square().sum(1)
        return 2 * F.linear(features, self.weight) - squares

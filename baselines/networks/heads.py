"""Last layers, and what every network is: a body that makes features and a head that reads them."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


class Classifier(nn.Module):
    """A body and a head.

    Parameters
    ----------
    body : module
        Images (b, c, h, w) → features (b, d).
    head : module
        Features (b, d) → logits (b, num_classes).
    """

    def __init__(self, body: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.body = body
        self.head = head

    def forward(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b classes"]:
        """Return logits."""
        return self.head(self.body(images))

    def outputs(
        self, images: Float[Tensor, "b c h w"]
    ) -> tuple[Float[Tensor, "b classes"], Float[Tensor, "b d"] | None]:
        """Return logits and the features they were read from."""
        features = self.body(images)
        return self.head(features), features


class CosineHead(nn.Module):
    """Logits are `scale` times the cosine between feature and class weight.

    References
    ----------
    Cao et al. 2019 (LDAM), appendix B: both are normalised so that a margin has a unit.
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
    """A linear head whose logits are multiplied by one learned factor a class.

    References
    ----------
    Kang et al. 2020 (Decoupling), learnable weight scaling.
    """

    def __init__(self, d: int, num_classes: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(num_classes, d))
        self.bias = nn.Parameter(torch.zeros(num_classes))
        self.scales = nn.Parameter(torch.ones(num_classes))
        nn.init.kaiming_uniform_(self.weight, a=5**0.5)

    def forward(self, features: Float[Tensor, "b d"]) -> Float[Tensor, "b classes"]:
        """Return the scaled logits."""
        return F.linear(features, self.weight, self.bias) * self.scales

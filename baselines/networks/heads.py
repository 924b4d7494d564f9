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
        """Return scaled cosines, in float32 also under autocast: 30·cos has no digits to give."""
        with torch.autocast(features.device.type, enabled=False):
            return self.scale * F.linear(F.normalize(features.float()), F.normalize(self.weight))


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

    Parameters
    ----------
    d, num_classes : int
        Of the points.
    normalised : bool, default=False
        Features are centred and scaled to length 1 first.

    References
    ----------
    Kang et al. 2020 (Decoupling), section 4.1, nearest class mean classifier; "cl2n" in its code.
    """

    centre: Tensor

    def __init__(self, d: int, num_classes: int, *, normalised: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(num_classes, d))
        self.normalised = normalised
        self.register_buffer("centre", torch.zeros(d))

    def placed(self, features: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        """Return features where distances are measured."""
        return F.normalize(features - self.centre) if self.normalised else features

    def forward(self, features: Float[Tensor, "b d"]) -> Float[Tensor, "b classes"]:
        """Return minus the squared distances."""
        placed = self.placed(features)
        squares = placed.square().sum(1, keepdim=True) + self.weight.square().sum(1)
        return 2 * F.linear(placed, self.weight) - squares


class OutlierClassHead(nn.Module):
    """A linear head with an outlier class, which says the other logits relative to that one.

    Softmax over the classes does not change, and log Σ exp of these logits is the log odds of not
    being an outlier. In evaluation `offset`, a log prior, is taken off first.

    References
    ----------
    Miao et al. 2024 (COCL), outlier class learning and outlier-class-aware logit calibration.
    """

    offset: Tensor

    def __init__(self, d: int, num_classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(d, num_classes + 1)
        self.register_buffer("offset", torch.zeros(num_classes))

    def forward(self, features: Float[Tensor, "b d"]) -> Float[Tensor, "b classes"]:
        """Return the logits relative to the outlier class."""
        logits = self.linear(features)
        relative: Tensor = logits[:, :-1] - logits[:, -1:]
        return relative if self.training else relative - self.offset

    def last_layer(self) -> tuple[Tensor, Tensor]:
        """Return weight (classes, d) and bias (classes,) of the logits in evaluation."""
        weight, bias = self.linear.weight, self.linear.bias
        return weight[:-1] - weight[-1], bias[:-1] - bias[-1] - self.offset

"""What every network is: a body that makes features and a head that reads them, or several."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from baselines.networks.heads import OutlierClassHead, ScaledHead

Features = Float[Tensor, "b d"]
Logits = Float[Tensor, "b classes"]


class Body(nn.Module):
    """From images to features in two parts, so that experts can share the first.

    Parameters
    ----------
    stem : module
        Images (b, c, h, w) → maps.
    rest : module
        Maps → features (b, d).
    d : int
        Number of features.
    """

    def __init__(self, stem: nn.Module, rest: nn.Module, d: int) -> None:
        super().__init__()
        self.stem = stem
        self.rest = rest
        self.d = d

    def forward(self, images: Float[Tensor, "b c h w"]) -> Features:
        """Return features."""
        return self.rest(self.stem(images))


class Classifier(nn.Module):
    """A body and a head.

    Parameters
    ----------
    body : Body
        Images (b, c, h, w) → features (b, d).
    head : module
        Features (b, d) → logits (b, classes).
    """

    def __init__(self, body: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.body = body
        self.head = head

    def forward(self, images: Float[Tensor, "b c h w"]) -> Logits:
        """Return logits, in float32 also under autocast: losses need their digits."""
        return self.head(self.body(images)).float()

    def outputs(self, images: Float[Tensor, "b c h w"]) -> tuple[Logits, Features]:
        """Return logits and the features they were read from."""
        features = self.body(images)
        return self.head(features), features

    def last_layer(self) -> tuple[Tensor, Tensor] | None:
        """Return (weight (c, d), bias (c,)) when logits are linear in the features."""
        return linear(self.head)


class Experts(nn.Module):
    """Several branches over one stem; the prediction is a weighted mean of their logits.

    With ``nn.Identity`` as stem they are independent networks (a committee).

    Parameters
    ----------
    stem : module
        Images → maps.
    branches : sequence of modules
        Maps → features (b, d), one an expert.
    heads : sequence of modules
        Features → logits, one an expert.
    """

    mixing: Tensor

    def __init__(
        self, stem: nn.Module, branches: Sequence[nn.Module], heads: Sequence[nn.Module]
    ) -> None:
        super().__init__()
        self.stem = stem
        self.branches = nn.ModuleList(branches)
        self.heads = nn.ModuleList(heads)
        self.register_buffer("mixing", torch.full((len(self.heads),), 1 / len(self.heads)))

    def each(
        self, images: Float[Tensor, "b c h w"]
    ) -> tuple[Float[Tensor, "e b classes"], Float[Tensor, "e b d"]]:
        """Return every expert's logits and features."""
        maps = self.stem(images)
        features = [branch(maps) for branch in self.branches]
        logits = [head(f).float() for head, f in zip(self.heads, features, strict=True)]
        return torch.stack(logits), torch.stack(features)

    def member(self, index: int, images: Float[Tensor, "b c h w"]) -> Logits:
        """Return one expert's logits."""
        return self.heads[index](self.branches[index](self.stem(images))).float()

    def forward(self, images: Float[Tensor, "b c h w"]) -> Logits:
        """Return the mixed logits."""
        return torch.einsum("e,ebk->bk", self.mixing, self.each(images)[0])

    def outputs(self, images: Float[Tensor, "b c h w"]) -> tuple[Logits, Features]:
        """Return the mixed logits and all experts' features side by side."""
        logits, features = self.each(images)
        mixed = torch.einsum("e,ebk->bk", self.mixing, logits)
        return mixed, features.permute(1, 0, 2).flatten(1)  # (b, e·d)

    def last_layer(self) -> tuple[Tensor, Tensor] | None:
        """Return the one linear layer over all experts' features that gives the mixed logits."""
        layers = [linear(head) for head in self.heads]
        if any(layer is None for layer in layers):
            return None
        weights = [m * layer[0] for m, layer in zip(self.mixing, layers, strict=True) if layer]
        biases = [m * layer[1] for m, layer in zip(self.mixing, layers, strict=True) if layer]
        return torch.cat(weights, dim=1), torch.stack(biases).sum(0)


def linear(head: nn.Module) -> tuple[Tensor, Tensor] | None:
    """Return weight and bias of a head whose logits are linear, None for any other."""
    if isinstance(head, ScaledHead):
        return head.weight * head.scales[:, None], head.bias * head.scales
    if isinstance(head, OutlierClassHead):
        return head.last_layer()
    if not isinstance(head, nn.Linear):
        return None
    bias = head.weight.new_zeros(head.out_features) if head.bias is None else head.bias
    return head.weight, bias

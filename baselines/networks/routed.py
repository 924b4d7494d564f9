"""Experts asked one after the other, until a routing module is content: RIDE's second stage."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.networks.classifier import Experts, Features, Logits

TOP = 30
"""Largest logits that a gate sees."""
HIDDEN = 16
"""Units that a gate makes of an expert's features."""


class Routed(Experts):
    """Experts of which an image uses the first few: as many as the gates ask for.

    The gate after expert i sees its normalised features through one layer of its own, and the
    largest of the mean logits so far; one last layer is shared by all gates. An image goes on to
    the next expert while that layer is above 0. Its logits are the mean over the experts used.

    Parameters
    ----------
    stem, branches, heads
        As for `Experts`.
    d : int
        Features of a branch.
    num_classes : int
        C.

    References
    ----------
    Wang et al. 2021 (RIDE), section 3.3, sizes as in its code.
    """

    def __init__(
        self,
        stem: nn.Module,
        branches: Sequence[nn.Module],
        heads: Sequence[nn.Module],
        d: int,
        num_classes: int,
    ) -> None:
        super().__init__(stem, branches, heads)
        self.gates = nn.ModuleList(nn.Linear(d, HIDDEN) for _ in range(len(heads) - 1))
        self.last_gate = nn.Linear(min(TOP, num_classes) + HIDDEN, 1)

    def asking(
        self, logits: Float[Tensor, "e b classes"], features: Float[Tensor, "e b d"]
    ) -> Float[Tensor, "gates b"]:
        """Return each gate's logit of going on to the next expert."""
        seen = running_means(logits).topk(min(TOP, logits.shape[2]), dim=2).values
        hidden = [
            torch.relu(gate(F.normalize(f.float())))
            for gate, f in zip(self.gates, features[:-1], strict=True)
        ]
        inputs = [torch.cat(pair, dim=1) for pair in zip(seen[:-1], hidden, strict=True)]
        return torch.stack([self.last_gate(x).squeeze(1) for x in inputs])

    def used(
        self, logits: Float[Tensor, "e b classes"], features: Float[Tensor, "e b d"]
    ) -> Int[Tensor, " b"]:
        """Return how many experts each image uses."""
        return 1 + (self.asking(logits, features) > 0).long().cumprod(0).sum(0)

    def forward(self, images: Float[Tensor, "b c h w"]) -> Logits:
        """Return the mean logits of the experts used."""
        return self.outputs(images)[0]

    def outputs(self, images: Float[Tensor, "b c h w"]) -> tuple[Logits, Features]:
        """Return the mean logits of the experts used, and all experts' features side by side."""
        logits, features = self.each(images)
        used = self.used(logits, features)
        routed = running_means(logits)[used - 1, torch.arange(len(images), device=used.device)]
        return routed, features.permute(1, 0, 2).flatten(1)  # (b, e·d)

    def last_layer(self) -> None:
        """Return None: which experts are used depends on the image."""


def running_means(logits: Float[Tensor, "e b classes"]) -> Float[Tensor, "e b classes"]:
    """Return the mean logits of the first 1, 2, … experts."""
    counts = torch.arange(1, len(logits) + 1, device=logits.device).view(-1, 1, 1)
    return logits.cumsum(0) / counts

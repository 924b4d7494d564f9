"""TabR-S: a row looks up training rows that lie near it and reads their labels."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F


class TabR(nn.Module):
    """A linear encoder, one look-up among all training rows, one block, a linear head.

    With keys k = K(x) the similarity to training row i is −‖k − kᵢ‖². The `context` most similar
    rows speak by softmax: each says E(yᵢ) + T(k − kᵢ). A training row does not see itself.

    Parameters
    ----------
    rows, columns, classes : int
        n, d and k of the training rows.
    width : int
        Numbers in a representation.
    context : int
        Rows that are looked up; at most n.
    dropout : float
        After the first layers of T and of the block.
    context_dropout : float
        On the weights of the rows that were looked up.

    References
    ----------
    Gorishniy et al. 2023, arXiv:2307.14338, section 3; TabR-S has no encoder blocks.
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
        context: int,
        dropout: float,
        context_dropout: float,
    ) -> None:
        super().__init__()
        self.context = context
        self.encode, self.key = nn.Linear(columns, width), nn.Linear(width, width)
        self.said = nn.Embedding(classes, width)
        self.shift_in = nn.Linear(width, 2 * width)
        self.shift_out = nn.Linear(2 * width, width, bias=False)
        self.block = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 2 * width),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(2 * width, width),
        )
        self.head = nn.Sequential(nn.LayerNorm(width), nn.ReLU(), nn.Linear(width, classes))
        self.dropout, self.context_dropout = dropout, context_dropout
        self.register_buffer("known", torch.zeros(rows, columns))
        self.register_buffer("labels", torch.zeros(rows, dtype=torch.int64))

    def forward(
        self, rows: Float[Tensor, "b d"], own: Int[Tensor, " b"] | None = None
    ) -> Float[Tensor, "b k"]:
        """Return logits.

        Parameters
        ----------
        rows : float tensor of shape (b, d)
            Standardised rows.
        own : int tensor of shape (b,), optional
            Which training rows they are, where they are.
        """
        encoded = self.encode(rows)
        logits: Tensor = self.head(self._thought(encoded + self.looked_up(encoded, own)))
        return logits

    def looked_up(
        self, encoded: Float[Tensor, "b w"], own: Int[Tensor, " b"] | None
    ) -> Float[Tensor, "b w"]:
        """Return what the most similar training rows say, by softmax of their similarity."""
        key, keys = self.key(encoded), self.key(self.encode(self.known))
        similarity = -squared(key, keys)
        if own is not None:
            similarity = similarity.scatter(1, own[:, None], -torch.inf)
        most = min(self.context, len(keys) - (own is not None))
        nearest, index = similarity.topk(most, dim=1)
        weights = F.dropout(nearest.softmax(1), self.context_dropout, self.training)
        # T's layers are linear before and after its ReLU, so that the first is applied to keys and
        # the last to the weighted sum: the same numbers for a fraction of the products.
        shifted, shifts = F.linear(key, self.shift_in.weight), F.linear(keys, self.shift_in.weight)
        inner = torch.relu(shifted[:, None] - shifts[index] + self.shift_in.bias)  # (b, m, 2w)
        inner = F.dropout(inner, self.dropout, self.training)
        moved = self.shift_out((weights[:, None] @ inner)[:, 0])
        labels: Tensor = weights[:, None] @ self.said(self.labels[index])
        return labels[:, 0] + moved

    def _thought(self, encoded: Float[Tensor, "b w"]) -> Float[Tensor, "b w"]:
        return encoded + self.block(encoded)


def squared(rows: Float[Tensor, "b w"], others: Float[Tensor, "n w"]) -> Float[Tensor, "b n"]:
    """Return squared Euclidean distances."""
    return (rows**2).sum(1, keepdim=True) + (others**2).sum(1) - 2 * rows @ others.T

"""ExcelFormer: columns read only columns that say at least as much about the class."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F


class ColumnBlock(nn.Module):
    """Attention among columns under a mask, then a gated layer; both are added to what was.

    Parameters
    ----------
    width : int
        Numbers in a token.
    heads : int
        Attention heads.
    dropout : float
        On attention.
    start : float
        Factor of all first weights: the block begins as nearly the identity.
    """

    def __init__(self, width: int, heads: int, dropout: float, start: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.before_reading, self.before_gate = nn.LayerNorm(width), nn.LayerNorm(width)
        self.parts, self.read = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.gate = nn.Linear(width, 2 * width)
        with torch.no_grad():
            for layer in (self.parts, self.read, self.gate):
                layer.weight.mul_(start)
                layer.bias.zero_()

    def forward(
        self, tokens: Float[Tensor, "b d w"], allowed: Bool[Tensor, "d d"]
    ) -> Float[Tensor, "b d w"]:
        """Return tokens; `allowed[i, j]` says whether column i may read column j."""
        parts = self.parts(self.before_reading(tokens)).unflatten(2, (3, self.heads, -1))
        query, key, value = parts.permute(2, 0, 3, 1, 4)  # (b, heads, d, width / heads)
        dropout = self.dropout if self.training else 0.0
        found = F.scaled_dot_product_attention(
            query, key, value, attn_mask=allowed, dropout_p=dropout
        )
        tokens = tokens + self.read(found.transpose(1, 2).flatten(2))
        return tokens + gated(self.gate(self.before_gate(tokens)))


class ExcelFormer(nn.Module):
    """Tokens of columns, blocks in which a column reads none that says less, and a mean head.

    Parameters
    ----------
    columns, classes : int
        d and k.
    width : int
        Numbers in a token.
    depth : int
        Blocks.
    heads : int
        Attention heads.
    dropout : float
        On attention.
    start : float
        Factor of a block's first weights.
    masked : bool
        Whether less informative columns are hidden; False: plain attention.

    References
    ----------
    Chen et al. 2023, arXiv:2301.02819: semi-permeable attention, gated embedding and feed-forward
    by tanh, small first weights.
    """

    order: Tensor

    def __init__(
        self,
        *,
        columns: int,
        classes: int,
        width: int,
        depth: int,
        heads: int,
        dropout: float,
        start: float,
        masked: bool,
    ) -> None:
        super().__init__()
        self.masked = masked
        self.weight = nn.Parameter(torch.empty(columns, 2 * width).uniform_(-1, 1))
        self.bias = nn.Parameter(torch.empty(columns, 2 * width).uniform_(-1, 1))
        self.blocks = nn.ModuleList(ColumnBlock(width, heads, dropout, start) for _ in range(depth))
        self.last, self.act = nn.LayerNorm(width), nn.PReLU()
        self.over_columns, self.over_width = nn.Linear(columns, classes), nn.Linear(width, 1)
        self.register_buffer("order", torch.arange(columns))

    def forward(
        self, rows: Float[Tensor, "b d"], own: Int[Tensor, " b"] | None = None
    ) -> Float[Tensor, "b k"]:
        """Return logits of standardised rows; `own` is not used."""
        sorted_rows = rows[:, self.order]
        tokens = gated(sorted_rows[:, :, None] * self.weight + self.bias)
        d = tokens.shape[1]
        allowed = torch.ones(d, d, dtype=torch.bool)
        if self.masked:
            allowed = allowed.tril()
        for block in self.blocks:
            tokens = block(tokens, allowed)
        per_class = self.act(self.over_columns(self.last(tokens).transpose(1, 2)))  # (b, w, k)
        logits: Tensor = self.over_width(per_class.transpose(1, 2))
        return logits[:, :, 0]


def gated(both: Float[Tensor, "... v"]) -> Float[Tensor, "... w"]:
    """Return a·tanh(b) for a and b the two halves of the last axis."""
    value, gate = both.chunk(2, dim=-1)
    return value * torch.tanh(gate)

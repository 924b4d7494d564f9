"""Hopular: every block reads all training rows again, then the columns of the row itself."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F


class Retrieval(nn.Module):
    """One step of a modern Hopfield network: softmax of similarities to stored patterns.

    Parameters
    ----------
    size : int
        Numbers in a state and in a stored pattern.
    inner : int
        Numbers in keys and values; a multiple of `heads`.
    heads : int
        Networks side by side.
    dropout : float
        On the weights of stored patterns.
    """

    def __init__(self, size: int, inner: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.state_norm, self.stored_norm = nn.LayerNorm(size), nn.LayerNorm(size)
        self.query, self.pair = nn.Linear(size, inner), nn.Linear(size, 2 * inner)
        self.out = nn.Linear(inner, size)

    def forward(
        self,
        state: Float[Tensor, "b n s"],
        stored: Float[Tensor, "c m s"],
        allowed: Bool[Tensor, "n m"] | None = None,
    ) -> Float[Tensor, "b n s"]:
        """Return what is retrieved for each state; `allowed` hides stored patterns."""
        keys, values = self.pair(self.stored_norm(stored)).chunk(2, dim=2)
        query = self._split(self.query(self.state_norm(state)))
        dropout = self.dropout if self.training else 0.0
        found = F.scaled_dot_product_attention(
            query, self._split(keys), self._split(values), attn_mask=allowed, dropout_p=dropout
        )
        retrieved: Tensor = self.out(found.transpose(1, 2).flatten(2))
        return retrieved

    def _split(self, part: Float[Tensor, "b n s"]) -> Float[Tensor, "b h n v"]:
        return part.unflatten(2, (self.heads, -1)).transpose(1, 2)


class Hopular(nn.Module):
    """Columns and the class as tokens; blocks retrieve from training rows and from columns.

    The class of the asked row is hidden. Every block reads the stored training rows with their
    classes and the input itself, and adds to the state what it retrieves.

    Parameters
    ----------
    stored, columns, classes : int
        Training rows that are kept, d and k.
    width : int
        Numbers in a token.
    inner : int
        Numbers in keys and values.
    depth : int
        Blocks.
    heads : int
        Hopfield networks side by side.
    dropout : float
        On retrieval weights.

    References
    ----------
    Schäfl et al. 2022, arXiv:2206.00664, section 3.
    """

    known: Tensor
    labels: Tensor

    def __init__(
        self,
        *,
        stored: int,
        columns: int,
        classes: int,
        width: int,
        inner: int,
        depth: int,
        heads: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.width = width
        self.weight = nn.Parameter(torch.randn(columns, width))
        self.bias = nn.Parameter(torch.randn(columns, width) * 0.1)
        self.hidden = nn.Parameter(torch.randn(columns, width) * 0.1)
        self.said = nn.Embedding(classes + 1, width)  # the last: not known
        flat = (columns + 1) * width
        self.over_rows = nn.ModuleList(Retrieval(flat, inner, heads, dropout) for _ in range(depth))
        self.over_columns = nn.ModuleList(
            Retrieval(width, width, heads, dropout) for _ in range(depth)
        )
        self.answer = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, classes))
        self.guess = nn.Parameter(torch.zeros(columns, width))
        self.register_buffer("known", torch.zeros(stored, columns))
        self.register_buffer("labels", torch.zeros(stored, dtype=torch.int64))

    def forward(
        self, rows: Float[Tensor, "b d"], own: Int[Tensor, " b"] | None = None
    ) -> Float[Tensor, "b k"]:
        """Return logits of standardised rows; `own`: which stored row each is, −1 for none."""
        logits: Tensor = self.answer(self.state(rows, own)[:, -1])
        return logits

    def state(
        self,
        rows: Float[Tensor, "b d"],
        own: Int[Tensor, " b"] | None = None,
        masked: Bool[Tensor, "b d"] | None = None,
    ) -> Float[Tensor, "b e w"]:
        """Return tokens after all blocks, the class's last; `masked` columns are not shown."""
        unknown = torch.full((len(rows),), self.said.num_embeddings - 1)
        given = self._tokens(rows, unknown, masked)  # (b, d + 1, w)
        stored = self._tokens(self.known, self.labels).flatten(1)[None]  # (1, m, flat)
        allowed = None
        if own is not None:
            allowed = own[:, None] != torch.arange(len(self.known))
        tokens = given
        for over_rows, over_columns in zip(self.over_rows, self.over_columns, strict=True):
            found = over_rows(tokens.flatten(1)[None], stored, allowed)[0]
            tokens = tokens + found.unflatten(1, (-1, self.width))
            tokens = tokens + over_columns(tokens, given)
        return tokens

    def guessed(self, tokens: Float[Tensor, "b e w"]) -> Float[Tensor, "b d"]:
        """Return every column's value as the state has it."""
        return (tokens[:, :-1] * self.guess).sum(2)

    def _tokens(
        self,
        rows: Float[Tensor, "b d"],
        labels: Int[Tensor, " b"],
        masked: Bool[Tensor, "b d"] | None = None,
    ) -> Float[Tensor, "b e w"]:
        tokens = rows[:, :, None] * self.weight + self.bias
        if masked is not None:
            tokens = torch.where(masked[:, :, None], self.hidden, tokens)
        return torch.cat([tokens, self.said(labels)[:, None]], 1)

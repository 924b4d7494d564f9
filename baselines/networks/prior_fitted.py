"""A prior-fitted network: a transformer that reads labelled rows and answers for others."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

WIDEST = 10.0
"""Deviations from the context's mean at which a column is cut off: beyond what the prior draws."""


@dataclass(frozen=True)
class PriorFittedSpec:
    """What a prior-fitted network is built for, and how large it is."""

    columns: int = 64
    """Columns of a row at most."""
    rows: int = 512
    """Labelled rows of a context at most, as in its training."""
    classes: int = 6
    """Classes at most."""
    width: int = 64
    """Numbers in a token."""
    depth: int = 4
    """Blocks."""
    heads: int = 4
    """Attention heads of a block."""


class ReadingBlock(nn.Module):
    """One transformer block in which every row reads the labelled rows and nothing else.

    Parameters
    ----------
    width : int
        Numbers in a token.
    heads : int
        Attention heads.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before_reading, self.before_thinking = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.pair = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.read = nn.Linear(width, width)
        self.think = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, tokens: Float[Tensor, "t n w"], known: int) -> Float[Tensor, "t n w"]:
        """Return tokens after one reading of the first `known` of them."""
        given = self.before_reading(tokens)
        keys, values = self.pair(given[:, :known]).chunk(2, dim=2)
        parts = [self._split(part) for part in (self.query(given), keys, values)]
        found = F.scaled_dot_product_attention(*parts)  # (t, heads, n, width / heads)
        tokens = tokens + self.read(found.transpose(1, 2).flatten(2))
        return tokens + self.think(self.before_thinking(tokens))

    def _split(self, part: Float[Tensor, "t n w"]) -> Float[Tensor, "t h n v"]:
        return part.unflatten(2, (self.heads, -1)).transpose(1, 2)


class PriorFitted(nn.Module):
    """From labelled rows and others to logits of the others, without any training on them.

    There are no positions: the order of the labelled rows does not matter. Rows without a label
    read the labelled ones and not each other: an answer does not depend on what else is asked.

    Parameters
    ----------
    spec : PriorFittedSpec
        What it is built for.
    """

    def __init__(self, spec: PriorFittedSpec) -> None:
        super().__init__()
        self.spec = spec
        self.row = nn.Linear(spec.columns, spec.width)
        self.label = nn.Embedding(spec.classes, spec.width)
        self.blocks = nn.ModuleList(ReadingBlock(spec.width, spec.heads) for _ in range(spec.depth))
        self.last = nn.Sequential(
            nn.LayerNorm(spec.width), nn.Linear(spec.width, spec.width), nn.GELU()
        )
        self.answer = nn.Linear(spec.width, spec.classes)

    def forward(
        self,
        known: Float[Tensor, "t n d"],
        labels: Int[Tensor, "t n"],
        asked: Float[Tensor, "t m d"],
    ) -> Float[Tensor, "t m c"]:
        """Return logits of the asked rows of several tables.

        Parameters
        ----------
        known : float tensor of shape (t, n, d)
            Labelled rows; d is at most the widest that it was built for.
        labels : int tensor of shape (t, n)
            Their classes.
        asked : float tensor of shape (t, m, d)
            Rows to answer for.
        """
        mean = known.mean(1, keepdim=True)
        spread = known.std(1, keepdim=True, correction=0)
        spread = torch.where(spread > 0, spread, torch.ones_like(spread))
        rows = ((torch.cat([known, asked], 1) - mean) / spread).clamp(-WIDEST, WIDEST)
        # Fewer columns are brought to the length that as many as fit would have.
        missing = self.spec.columns - rows.shape[2]
        rows = F.pad(rows / rows.shape[2] ** 0.5, (0, missing))
        tokens = self.row(rows)
        n = known.shape[1]
        tokens = torch.cat([tokens[:, :n] + self.label(labels), tokens[:, n:]], 1)
        for block in self.blocks:
            tokens = block(tokens, n)
        logits: Tensor = self.answer(self.last(tokens[:, n:]))
        return logits


class Reader(nn.Module):
    """A prior-fitted network with the labelled rows of one table.

    Parameters
    ----------
    contexts : int
        Sets of labelled rows; probabilities are averaged over them.
    rows, columns, classes : int
        Of each set; classes are those of the table.
    spec : mapping
        Fields of `PriorFittedSpec`.
    """

    known: Tensor
    labels: Tensor

    def __init__(
        self, *, contexts: int, rows: int, columns: int, classes: int, spec: Mapping[str, Any]
    ) -> None:
        super().__init__()
        self.network = PriorFitted(PriorFittedSpec(**spec))
        self.classes = classes
        self.register_buffer("known", torch.zeros(contexts, rows, columns))
        self.register_buffer("labels", torch.zeros(contexts, rows, dtype=torch.int64))

    def forward(self, rows: Float[Tensor, "b d"]) -> Float[Tensor, "b k"]:
        """Return log-probabilities of rows; a value that is missing is at the column's mean."""
        given = rows.nan_to_num().expand(len(self.known), -1, -1)
        logits = self.network(self.known, self.labels, given)
        probs = logits[:, :, : self.classes].softmax(2).mean(0)
        return probs.clamp_min(1e-9).log()

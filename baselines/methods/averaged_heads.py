"""One logit-adjusted head a backbone, and the mean of what they say."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.probes.heads import Batch, HeadSettings, standardised, train_head
from baselines.probes.probe import place
from baselines.settings import Count, method
from harness.errors import TrainingError
from harness.types.models import FitContext, Output, TrainingData


class AveragedHeads(HeadSettings):
    """How many backbones' features stand side by side in a row, and how heads are trained."""

    parts: Count = 3
    """Equal parts of a row, one a backbone."""


class HeadsModel:
    """Linear heads on parts of a row; the mean of their probabilities.

    Parameters
    ----------
    arrays : mapping of str to array
        ``weight`` (parts, k, d), ``bias`` (parts, k), ``classes`` (k,).
    num_classes : int
        C.
    """

    preprocessing = None
    head = None

    def __init__(self, arrays: Mapping[str, np.ndarray], num_classes: int) -> None:
        self._arrays = dict(arrays)
        self.num_classes = num_classes
        self.meta: Mapping[str, Any] = {"num_classes": num_classes}

    def state(self) -> dict[str, np.ndarray]:
        """Return all arrays."""
        return dict(self._arrays)

    def __call__(self, inputs: np.ndarray) -> Output:
        """Return probabilities of rows (b, parts·d)."""
        weight, bias = self._arrays["weight"], self._arrays["bias"]
        rows = np.asarray(inputs, np.float32).reshape(len(inputs), len(weight), -1)
        logits = np.einsum("bpd,pkd->bpk", rows, weight) + bias
        return Output(
            "probs", place(_mean(logits), self._arrays["classes"], self.num_classes, None)
        )


def _mean(logits: Float[np.ndarray, "b p k"]) -> Float[np.ndarray, "b k"]:
    shifted = np.exp(logits - logits.max(axis=2, keepdims=True))
    return (shifted / shifted.sum(axis=2, keepdims=True)).mean(axis=1).astype(np.float32)


def restore(state: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> HeadsModel:
    """Return the model that `HeadsModel.state` and `HeadsModel.meta` describe."""
    return HeadsModel(state, meta["num_classes"])


@method(AveragedHeads, restore)
def fit_averaged_heads(train: TrainingData, ctx: FitContext, settings: AveragedHeads) -> HeadsModel:
    """Average the probabilities of one head a backbone, each trained with its log prior added.

    The back-door average: which network a model sees through is a confounder of equal weights, so
    that summing it out is a plain mean. The paper tunes adapters in three CLIPs by the
    logit-adjusted loss; here linear heads are trained, each on a frozen network.

    Raises
    ------
    TrainingError
        If rows cannot be cut into so many equal parts.

    References
    ----------
    Chen et al. 2025, arXiv:2501.15955 (bias of foundation models under long-tailed data).
    """
    data = standardised(train)
    columns = data.rows.shape[1]
    if columns % settings.parts:
        raise TrainingError(
            f"Expected rows of {settings.parts} equal parts; got {columns} columns. features_from "
            "names a backbone with networks beside, and parts says how many networks there are."
        )
    size = columns // settings.parts
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(ctx.seed)
        heads = nn.ModuleList(nn.Linear(size, len(data.classes)) for _ in range(settings.parts))

        def loss(batch: Batch) -> Tensor:
            pairs = zip(heads, batch.rows.split(size, dim=1), strict=True)
            each = [F.cross_entropy(head(x) + data.log_prior, batch.labels) for head, x in pairs]
            return torch.stack(each).sum()  # heads share nothing: each has its own gradient

        train_head(heads, data, settings, ctx, loss)
    deviation = data.deviation.reshape(settings.parts, 1, size)
    mean = data.mean.reshape(settings.parts, 1, size)
    weight = np.stack([h.weight.detach().double().numpy() for h in heads]) / deviation
    bias = np.stack([h.bias.detach().double().numpy() for h in heads]) - (weight * mean).sum(2)
    arrays = {"weight": weight.astype(np.float32), "bias": bias.astype(np.float32)}
    return HeadsModel({**arrays, "classes": data.classes}, train.num_classes)

"""Torch modules that hand out what scores of gradients and intermediate layers read.

    model = Introspective(net, 10, layers=("layer1", "layer2"), preprocessing=...)
    harness.run({"mine": model}, suite="cifar10-v1")

The pass asks the module once for every batch and keeps reduced numbers; evaluation reads those and
never calls a model.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from harness.errors import SpecError
from harness.models.obtain.plain import tensor_form
from harness.types.models import Output, Preprocessing

EPSILON, TEMPERATURE = 0.0014, 1000.0
"""ODIN's step, of the range of pixels, and temperature: the published values, tuned on no OOD set
of a suite (Liang, Li and Srikant 2018, arXiv:1706.02690)."""
ORDERS = tuple(range(1, 11))
"""Powers of which Gram matrices are taken: 1 to 10, as published (Sastry and Oore 2020)."""


class Introspective:
    """A model of the harness around a torch module that maps images to logits.

    Parameters
    ----------
    module : nn.Module
        In evaluation mode; returns logits (b, num_classes).
    num_classes : int
        C.
    layers : sequence of str
        Names in ``module.named_modules()`` whose outputs (b, channels, ...) are looked at.
    odin : bool, default=True
        Whether to pass inputs twice more, for their gradient and after the step along it.
    preprocessing : Preprocessing, optional
        Applied by the harness; its std turns ODIN's step into one of the range of pixels. None:
        images arrive as float32 in [0, 1], (b, channels, height, width).

    Raises
    ------
    SpecError
        If the module is in training mode, or has no layer of a name.
    """

    def __init__(
        self,
        module: nn.Module,
        num_classes: int,
        *,
        layers: Sequence[str] = (),
        odin: bool = True,
        preprocessing: Preprocessing | None = None,
    ) -> None:
        named = dict(module.named_modules())
        missing = [name for name in layers if name not in named]
        if missing:
            raise SpecError(
                f"The module has no layer {missing[0]!r}. Choose among: "
                f"{', '.join(list(named)[1:9])}, ..."
            )
        if module.training:
            raise SpecError("The module is in training mode. Call .eval() on it first.")
        self.module, self.num_classes, self.preprocessing = module, num_classes, preprocessing
        self._layers = [named[name] for name in layers]
        self._odin = odin

    def __call__(self, inputs: np.ndarray) -> Output:
        """Return logits and statistics of one batch of prepared inputs."""
        first = next(self.module.parameters(), None)
        batch = torch.from_numpy(tensor_form(inputs))
        batch = batch if first is None else batch.to(first.device)
        maps: list[Tensor] = []
        hooks = [layer.register_forward_hook(_keeping(maps)) for layer in self._layers]
        try:
            with torch.no_grad():
                logits = self.module(batch)
        finally:
            for hook in hooks:
                hook.remove()
        statistics: dict[str, np.ndarray] = {}
        for i, found in enumerate(maps):
            statistics[f"layer_{i}"] = found.flatten(2).mean(dim=2).cpu().numpy()
            statistics[f"gram_{i}"] = gram_sums(found).float().cpu().numpy()
        if self._odin:
            std = None if self.preprocessing is None else self.preprocessing.std
            statistics["odin"] = odin_logits(self.module, batch, std).cpu().numpy()
        return Output("logits", logits.float().cpu().numpy(), statistics=statistics)


def _keeping(maps: list[Tensor]) -> Any:
    """Return a hook that keeps a layer's output as (b, channels, places)."""

    def hook(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
        found = output.detach()
        maps.append(found.unsqueeze(2) if found.ndim == 2 else found.flatten(2))

    return hook


def odin_logits(module: nn.Module, batch: Tensor, std: Sequence[float] | None) -> Tensor:
    """Return the logits of inputs moved a step towards being more certain.

    x - epsilon * sign(grad of -ln softmax(f(x)/T) of the predicted class), where epsilon is of the
    range of pixels: divided by each channel's std for normalised inputs.

    Parameters
    ----------
    module : nn.Module
        Maps inputs to logits.
    batch : Tensor
        (b, channels, ...).
    std : sequence of float, optional
        What each channel was divided by; None: nothing was.

    References
    ----------
    Liang, Li and Srikant 2018, "Enhancing The Reliability of Out-of-distribution Image Detection
    in Neural Networks", arXiv:1706.02690.
    """
    with torch.inference_mode(False), torch.enable_grad():
        x = batch.clone().requires_grad_()
        logits = module(x) / TEMPERATURE
        loss = nn.functional.cross_entropy(logits, logits.argmax(dim=1), reduction="sum")
        (gradient,) = torch.autograd.grad(loss, x)
    step = EPSILON * gradient.sign()
    if std is not None:
        step = step / step.new_tensor(list(std)).view(1, -1, *([1] * (step.ndim - 2)))
    with torch.no_grad():
        moved: Tensor = module(batch - step)
    return moved.float()


def gram_sums(maps: Tensor) -> Tensor:
    """Return the row sums of the Gram matrices of maps, each to the power 1/p.

    Parameters
    ----------
    maps : Tensor
        (b, channels, places).

    Returns
    -------
    Tensor
        (b, orders * channels) float64, one order after the other; signs are kept.

    References
    ----------
    Sastry and Oore 2020, "Detecting Out-of-Distribution Examples with Gram Matrices",
    arXiv:1912.12510.
    """
    sums = []
    for p in ORDERS:
        powers = maps.double() ** p
        # Summing the rows of F F^T needs no matrix: F times the sum of F over channels.
        row = (powers * powers.sum(dim=1, keepdim=True)).sum(dim=2)
        sums.append(row.sign() * row.abs() ** (1 / p))
    return torch.cat(sums, dim=1)

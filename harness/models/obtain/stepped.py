"""Mahalanobis distances over layers with the published step of the input.

    model = Stepped(net.eval(), 10, images, labels, layers=("layer1", "layer2"), preprocessing=...)
    harness.run({"mine": model}, suite="cifar10-v1")

For each layer an image moves towards the nearest class of that layer first, and the layer's row is
taken there: ID images come nearer than OOD images do. `layer_mahalanobis` then sums over layers.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from harness.models.obtain.introspection import EPSILON, Introspective
from harness.models.obtain.plain import tensor_form
from harness.scores.feature_scores import gaussians_of
from harness.types.models import Output, Preprocessing

AT_ONCE = 256
"""Training images that are passed together while the Gaussians are measured."""


class Stepped(Introspective):
    """As `Introspective`, with rows of layers taken after a step along −sign(∇ distance).

    Class means and tied covariances of the layers are those of training images as they are; the
    score fits its own on the rows that it is given, which are stepped. The paper tunes the step and
    weighs layers on OOD images, which no detector here may see.

    Parameters
    ----------
    module, num_classes, layers, odin, preprocessing
        As in `Introspective`.
    images : float32 array of shape (n, channels, ...)
        Training inputs, prepared as the module takes them.
    labels : int array of shape (n,)
        Their observed labels.
    epsilon : float, default=0.0014
        Step, of the range of pixels; one of the paper's values.

    References
    ----------
    Lee et al. 2018, "A Simple Unified Framework for Detecting Out-of-Distribution Samples and
    Adversarial Attacks", arXiv:1807.03888, section 2.2.
    """

    def __init__(
        self,
        module: nn.Module,
        num_classes: int,
        images: Float[np.ndarray, "n ..."],
        labels: Int[np.ndarray, " n"],
        *,
        layers: Sequence[str],
        odin: bool = True,
        preprocessing: Preprocessing | None = None,
        epsilon: float = EPSILON,
    ) -> None:
        super().__init__(module, num_classes, layers=layers, odin=odin, preprocessing=preprocessing)
        self._epsilon = epsilon
        parts = np.array_split(images, -(-len(images) // AT_ONCE))
        self._gaussians = []
        for layer in self._layers:
            with torch.no_grad():
                rows = torch.cat([self._row(layer, self._tensor(part)) for part in parts])
            found = gaussians_of(rows.double().cpu().numpy(), labels)
            self._gaussians.append((torch.from_numpy(found.means), torch.from_numpy(found.factor)))

    def __call__(self, inputs: np.ndarray) -> Output:
        """Return logits and statistics of one batch of prepared inputs."""
        plain = super().__call__(inputs)
        batch = self._tensor(inputs)
        stepped = {
            f"layer_{i}": self._stepped(batch, layer, *gaussians).float().cpu().numpy()
            for i, (layer, gaussians) in enumerate(zip(self._layers, self._gaussians, strict=True))
        }
        return Output("logits", plain.values, statistics={**plain.statistics, **stepped})

    def _stepped(self, batch: Tensor, layer: nn.Module, means: Tensor, factor: Tensor) -> Tensor:
        """Return a layer's rows of inputs moved towards its nearest class."""
        with torch.inference_mode(False), torch.enable_grad():
            x = batch.clone().requires_grad_()
            row = self._row(layer, x)
            apart = (row[:, None] - means.to(row)) @ factor.to(row)
            (gradient,) = torch.autograd.grad(apart.square().sum(2).amin(1).sum(), x)
        step = self._epsilon * gradient.sign()
        if self.preprocessing is not None:
            std = step.new_tensor(list(self.preprocessing.std))
            step = step / std.view(1, -1, *([1] * (step.ndim - 2)))
        with torch.no_grad():
            return self._row(layer, batch - step)

    def _row(self, layer: nn.Module, batch: Tensor) -> Tensor:
        """Return the means over places of what a layer puts out."""
        found: list[Tensor] = []

        def hook(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
            found.append(output.clone())  # a ReLU in place must not change what was kept

        handle = layer.register_forward_hook(hook)
        try:
            self.module(batch)
        finally:
            handle.remove()
        return found[0] if found[0].ndim == 2 else found[0].flatten(2).mean(dim=2)

    def _tensor(self, inputs: np.ndarray) -> Tensor:
        first = next(self.module.parameters(), None)
        batch = torch.from_numpy(tensor_form(inputs))
        return batch if first is None else batch.to(first.device)

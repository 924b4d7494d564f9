"""What the loop returns: a network that the harness can pass batches through, keep and restore."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import torch

from baselines.networks.build import NetworkSpec, build
from baselines.networks.classifier import Classifier, Experts
from baselines.settings import Method, S, method
from harness.errors import TrainingError
from harness.types.models import FitContext, Output, Preprocessing, TrainingData

Network = Classifier | Experts


class NeuralModel:
    """A trained network behind the harness's interface for models.

    Parameters
    ----------
    spec : NetworkSpec
        What the network is.
    network : module
        It, with its weights.
    preprocessing : Preprocessing
        What it was trained with.
    """

    def __init__(self, spec: NetworkSpec, network: Network, preprocessing: Preprocessing) -> None:
        self.spec = spec
        self._layout = torch.channels_last if spec.channels_last else torch.contiguous_format
        self.network = network.eval().to(memory_format=self._layout)
        self.num_classes = spec.num_classes
        self.preprocessing = preprocessing

    @property
    def meta(self) -> dict[str, Any]:
        """Return what `restore` needs besides the weights, as plain JSON values."""
        return {
            "network": {**asdict(self.spec), "shape": list(self.spec.shape)},
            "preprocessing": self.preprocessing.model_dump(mode="json"),
        }

    @property
    def head(self) -> dict[str, np.ndarray] | None:
        """Return the last linear layer, or None when logits are not linear in the features."""
        layer = self.network.last_layer()
        return None if layer is None else {"weight": _array(layer[0]), "bias": _array(layer[1])}

    def state(self) -> dict[str, np.ndarray]:
        """Return all weights and running statistics."""
        return {name: _array(tensor) for name, tensor in self.network.state_dict().items()}

    @torch.inference_mode()  # type: ignore[untyped-decorator]
    def __call__(self, inputs: np.ndarray) -> Output:
        """Return logits and features of one preprocessed batch (b, c, h, w)."""
        device = next(self.network.parameters()).device
        images = torch.from_numpy(np.ascontiguousarray(inputs, dtype=np.float32)).to(device)
        images = images.contiguous(memory_format=self._layout)
        logits, features = self.network.eval().outputs(images)
        return Output("logits", _array(logits.float()), _array(features.float()))


def restore(state: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> NeuralModel:
    """Return the model that `NeuralModel.state` and `NeuralModel.meta` describe.

    Raises
    ------
    TrainingError
        If the weights are not those of this network.
    """
    described = dict(meta["network"])
    spec = NetworkSpec(**{**described, "shape": tuple(described["shape"])})
    with torch.random.fork_rng(devices=[]):  # building draws weights, which are then replaced
        network = build(spec)
    load_state(network, state)
    network.to(meta.get("device", "cpu"))
    return NeuralModel(spec, network, Preprocessing.model_validate(meta["preprocessing"]))


def neural(
    settings: type[S],
) -> Callable[[Callable[[TrainingData, FitContext, S], NeuralModel]], Method[S]]:
    """Make a method of a function that trains a network."""
    return method(settings, restore)


def load_state(network: Network, state: Mapping[str, np.ndarray]) -> None:
    """Put named arrays into a network, all of them and nothing else.

    Raises
    ------
    TrainingError
        If a name or a shape differs.
    """
    own = network.state_dict()
    wrong = sorted(own.keys() ^ state.keys())
    wrong += [n for n in own.keys() & state.keys() if tuple(own[n].shape) != state[n].shape]
    if wrong:
        name = wrong[0]
        expected = tuple(own[name].shape) if name in own else "no such weight"
        received = state[name].shape if name in state else "no such weight"
        raise TrainingError(
            f"These weights are of another network: {name} should be {expected}, the file has "
            f"{received}. Use the recipe that they were trained with."
        )
    network.load_state_dict({name: torch.from_numpy(np.array(a)) for name, a in state.items()})


def _array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy().copy()

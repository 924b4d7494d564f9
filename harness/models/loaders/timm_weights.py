"""Weights (.safetensors) of a timm architecture: checked before the network is built."""

from collections.abc import Callable, Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int, Shaped

from harness.errors import CardError
from harness.lookup import unknown
from harness.models.loaders.feeding import columns_of
from harness.models.obtain.vision import timm
from harness.models.passes.device import Device
from harness.models.passes.numerics import Numerics
from harness.models.safe.tensor_names import check_shapes
from harness.models.safe.weights import check_numbers, read_header
from harness.types.models import EntryCard, ModelPart, Output, Preprocessing


class TimmModel:
    """A timm architecture with given weights, behind the harness's interface for models.

    Parameters
    ----------
    network : torch.nn.Module
        In evaluation mode, with its weights.
    num_classes : int
        C.
    preprocessing : Preprocessing
        What it was trained with.
    numerics : Numerics
        Device and memory format.
    order : int array of shape (C,), optional
        The network's output for each of the suite's classes; default: its own order.
    """

    def __init__(
        self,
        network: Any,
        num_classes: int,
        preprocessing: Preprocessing,
        numerics: Numerics,
        order: Int[np.ndarray, " c"] | None = None,
    ) -> None:
        self._order = order
        self._device = Device(numerics, preprocessing)
        self.network = network.eval().to(
            self._device.device, memory_format=self._device.memory_format
        )
        self.num_classes = num_classes
        self.preprocessing = preprocessing
        self.normalises = self._device.asynchronous
        self.head = self._head()

    def __call__(self, inputs: Shaped[np.ndarray, "b _ _ _"]) -> Output:
        """Return logits (b, C) and, where the architecture has them, features (b, d)."""
        return self.begin(inputs)()

    def begin(self, inputs: Shaped[np.ndarray, "b _ _ _"]) -> Callable[[], Output]:
        """Begin to compute a batch, and return what waits for its outputs.

        Parameters
        ----------
        inputs : float32 array of shape (b, k, y, x), or uint8 array of shape (b, y, x, k)
            Prepared, or with the right size and channels alone.
        """
        import torch

        with torch.inference_mode():
            images = self._device.images(inputs)
            if not hasattr(self.network, "forward_head"):  # timm's own way to say so
                found = [self.network(images)]
            else:
                maps = self.network.forward_features(images)
                found = [self.network.forward_head(maps)]
                features = self.network.forward_head(maps, pre_logits=True)
                found += [features] if features.ndim == 2 else []
            waiting = self._device.back(found)

        def output() -> Output:
            logits, *rest = waiting()
            if self._order is not None:
                logits = np.ascontiguousarray(logits[:, self._order])
            return Output("logits", logits, rest[0] if rest else None)

        return output

    def _head(self) -> dict[str, np.ndarray] | None:
        """Return the last layer where features @ weight.T + bias are the logits, else None.

        Some architectures add a second head after it; one ramp image shows whether this one does.
        """
        head = _linear_head(self.network)
        ramp = np.linspace(-1, 1, self.preprocessing.channels * prod(self.preprocessing.size))
        shape = (1, self.preprocessing.channels, *self.preprocessing.size)
        try:
            output = self(ramp.reshape(shape).astype(np.float32))
        except (AssertionError, RuntimeError, ValueError) as error:
            raise CardError(
                f"The architecture does not take images of {self.preprocessing.size} pixels: "
                f"{str(error).splitlines()[0]}. Set preprocessing.size and kwargs.img_size to "
                "what it was trained with."
            ) from None
        if head is None or output.features is None:
            return None
        if output.features.shape[1] != head["weight"].shape[1]:
            return None
        if self._order is not None:
            head = {name: values[self._order] for name, values in head.items()}
        linear = output.features @ head["weight"].T + head["bias"]
        return head if np.allclose(linear, output.values, rtol=1e-3, atol=1e-4) else None


def _linear_head(network: Any) -> dict[str, np.ndarray] | None:
    """Return the last layer, or None when it is not one linear layer."""
    import torch

    layer = network.get_classifier() if hasattr(network, "get_classifier") else None
    if not isinstance(layer, torch.nn.Linear):
        return None
    weight = layer.weight.detach().float().cpu().numpy()
    bias = np.zeros(len(weight), np.float32)
    if layer.bias is not None:
        bias = layer.bias.detach().float().cpu().numpy()
    return {"weight": weight.copy(), "bias": bias.copy()}


def known_arch(arch: str) -> None:
    """Refuse an architecture that timm does not list.

    Raises
    ------
    CardError
        With the closest known name.
    """
    names = timm().list_models()
    if arch not in names:
        raise CardError(f"model.arch: {unknown('timm architecture', arch, names)}")


def build(part: ModelPart, num_classes: int) -> Any:
    """Return a card's architecture with random weights; nothing is ever fetched.

    Raises
    ------
    CardError
        If there is no such architecture or it does not take these arguments.
    """
    import torch

    known_arch(part.arch)
    if "num_classes" in part.kwargs:
        raise CardError(
            f"model.kwargs of {part.arch} must not name num_classes, which is the suite's "
            f"({num_classes:,}); got {part.kwargs['num_classes']!r}. Leave it out."
        )
    with torch.random.fork_rng(devices=[]):
        try:
            return timm().create_model(
                part.arch, pretrained=False, num_classes=num_classes, **part.kwargs
            )
        except (TypeError, ValueError, AssertionError, RuntimeError, KeyError) as error:
            raise CardError(
                f"{part.arch} cannot be built with model.kwargs {dict(part.kwargs)}: {error}. "
                "Use the arguments that it was trained with."
            ) from None


def check_weights(card: EntryCard, path: Path, num_classes: int) -> Any:
    """Return the architecture of a card after checking that a file has exactly its tensors.

    Raises
    ------
    CardError
        If the file is for another number of classes, or names or shapes differ.
    """
    assert card.model is not None
    header = read_header(path)
    network = build(card.model, num_classes)
    last = network.pretrained_cfg.get("classifier") if hasattr(network, "pretrained_cfg") else None
    state = network.state_dict()
    check_shapes(
        header,
        {name: tuple(tensor.shape) for name, tensor in state.items()},
        what=f"{card.name}/{path.name}",
        classifier=f"{last}.weight" if isinstance(last, str) else None,
        num_classes=num_classes,
    )
    check_numbers(path, header, {name for name, t in state.items() if t.is_floating_point()})
    return network


def preprocessing_of(part: ModelPart, network: Any) -> Preprocessing:
    """Return what a model was trained with: from the card, else from timm's own data config.

    Raises
    ------
    CardError
        If the channels are not the architecture's, or timm knows none for them.
    """
    channels = int(part.kwargs.get("in_chans", 3))
    if part.preprocessing is not None:
        if part.preprocessing.channels != channels:
            raise CardError(
                f"model.preprocessing has {part.preprocessing.channels} channels and the "
                f"architecture takes {channels}. Set channels, or kwargs.in_chans."
            )
        return part.preprocessing
    size = {"img_size": part.kwargs["img_size"]} if "img_size" in part.kwargs else {}
    timm()
    from timm.data import resolve_model_data_config

    found = resolve_model_data_config(network, args=size)
    if channels != 3:
        raise CardError(
            f"timm knows no mean and std of {part.arch} for {channels} channel. Write "
            "[model.preprocessing] with what it was trained with."
        )
    return Preprocessing(
        size=tuple(found["input_size"][1:]),
        channels=3,
        mean=tuple(found["mean"]),
        std=tuple(found["std"]),
        interpolation=found["interpolation"],
        crop_pct=found["crop_pct"],
    )


def load_timm(
    card: EntryCard, path: Path, class_names: Sequence[str], numerics: Numerics, what: str
) -> TimmModel:
    """Return a timm architecture with the weights of a safetensors file.

    Its outputs are brought into the order of the suite's `class_names` where the card or the file
    says which class each is.

    Raises
    ------
    CardError
        If the weights are of another architecture, or `classes` are not those of the suite.
    """
    from safetensors.torch import load_file

    assert card.model is not None
    network = check_weights(card, path, len(class_names))
    network.load_state_dict(load_file(path), strict=True)
    how = preprocessing_of(card.model, network)
    order = output_order(card.model.classes, class_names, what)
    return TimmModel(network, len(class_names), how, numerics, order)


def output_order(
    classes: Sequence[str], class_names: Sequence[str], what: str
) -> Int[np.ndarray, " c"] | None:
    """Return the network's output for each of the suite's classes; None where they are in order.

    Raises
    ------
    CardError
        If `classes`, in the order of the outputs, are not the suite's, each once.
    """
    columns = columns_of(classes, class_names, what)
    if len(columns) != len(class_names):
        raise CardError(
            f"{what}: classes names {len(columns)} of the suite's {len(class_names)} classes. "
            "Name each class once, in the order of the network's outputs."
        )
    return None if (np.diff(columns) == 1).all() else np.argsort(columns)

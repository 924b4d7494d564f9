"""Training images resident on the device: taken, augmented and normalised a batch at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from baselines.augment import augment
from baselines.networks.pretrained import timm_preprocessing
from baselines.settings import Settings
from harness.errors import TrainingError
from harness.models.passes.preprocessing import prepare
from harness.types.data import Inputs
from harness.types.models import Preprocessing


@dataclass(frozen=True)
class Images:
    """Images and observed labels of one job, on the device they are trained on."""

    pixels: UInt8[Tensor, "n c h w"]
    """As the pool holds them, channels first."""
    labels: Int[Tensor, " n"]
    """Observed labels."""
    num_classes: int
    """C."""
    preprocessing: Preprocessing
    """What the harness must do to images before the network sees them."""
    memory_format: torch.memory_format
    """How batches lie in memory."""

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return (channels, height, width)."""
        _, c, h, w = self.pixels.shape
        return c, h, w

    def take(
        self,
        rows: Int[Tensor, " b"],
        augmentations: Sequence[str] = (),
    ) -> Float[Tensor, "b c h w"]:
        """Return the images of `rows`, augmented and normalised.

        Parameters
        ----------
        rows : int tensor of shape (b,)
            Row numbers of this job's training data.
        augmentations : sequence of str
            Names in `augment.AUGMENTATIONS`, in order.
        """
        pixels = augment(self.pixels[rows], augmentations)
        mean = pixels.new_tensor(self.preprocessing.mean, dtype=torch.float32).view(1, -1, 1, 1)
        std = pixels.new_tensor(self.preprocessing.std, dtype=torch.float32).view(1, -1, 1, 1)
        images = (pixels.float() / 255 - mean) / std
        return images.contiguous(memory_format=self.memory_format)

    def split(self, fraction: float) -> tuple["Images", "Images"]:
        """Return these images without, and only with, a stratified share of them.

        At least one image of every class stays; the draw depends on torch's random state.
        """
        order = torch.randperm(len(self), device=self.pixels.device)
        chosen = torch.zeros(len(self), dtype=torch.bool, device=self.pixels.device)
        for label in range(self.num_classes):
            rows = order[self.labels[order] == label]
            chosen[rows[: min(round(fraction * len(rows)), max(0, len(rows) - 1))]] = True
        return self._only(~chosen), self._only(chosen)

    def _only(self, mask: Bool[Tensor, " n"]) -> "Images":
        return replace(self, pixels=self.pixels[mask], labels=self.labels[mask])


def load(
    inputs: Inputs,
    observed: Int[np.ndarray, " n"],
    num_classes: int,
    settings: Settings,
    device: str,
    preprocessing: Preprocessing | None = None,
) -> Images:
    """Read all inputs at once, bring them to size and put them on the device.

    Parameters
    ----------
    inputs : Inputs
        uint8 images (n, h, w, c).
    observed : int array of shape (n,)
        Observed labels.
    num_classes : int
        C.
    settings : Settings
        Network, mean and std, memory format.
    device : str
        ``cpu`` or ``cuda``.
    preprocessing : Preprocessing, optional
        Default: the images' own size with the settings' or measured mean and std; for a timm
        network its own.

    Raises
    ------
    TrainingError
        If the inputs are not uint8 images.
    """
    array = inputs.take(np.arange(len(inputs)))
    if array.dtype != np.uint8 or array.ndim != 4:
        raise TrainingError(
            "This trainer takes uint8 images (n, height, width, channels); got "
            f"{array.dtype} of shape {array.shape}. Use a probe for tables and features."
        )
    how = preprocessing or _preprocessing(array, settings)
    array = _sized(array, how)
    pixels = torch.from_numpy(np.ascontiguousarray(array.transpose(0, 3, 1, 2)))
    return Images(
        pixels=pixels.to(device),
        labels=torch.from_numpy(observed.astype(np.int64)).to(device),
        num_classes=num_classes,
        preprocessing=how,
        memory_format=torch.channels_last if settings.channels_last else torch.contiguous_format,
    )


def _preprocessing(array: UInt8[np.ndarray, "n h w c"], settings: Settings) -> Preprocessing:
    family, _, architecture = settings.network.partition("/")
    if family == "timm":
        return timm_preprocessing(architecture)
    if array.shape[3] not in (1, 3):
        raise TrainingError(
            f"Images have 1 or 3 channels; these have {array.shape[3]}. Use another trainer."
        )
    # Four digits: what is written into the record is exactly what was trained with.
    mean = settings.mean or tuple(round(float(v) / 255, 4) for v in array.mean(axis=(0, 1, 2)))
    std = settings.std or tuple(round(float(v) / 255, 4) for v in array.std(axis=(0, 1, 2)))
    if len(mean) != array.shape[3] or len(std) != array.shape[3] or min(std) <= 0:
        raise TrainingError(
            f"mean and std need {array.shape[3]} values each, std above 0; got {mean} and {std}. "
            "Change them in the recipe, or leave them out to have them measured."
        )
    size, channels = (array.shape[1], array.shape[2]), array.shape[3]
    return Preprocessing(size=size, channels=channels, mean=mean, std=std)


def _sized(array: UInt8[np.ndarray, "n h w c"], how: Preprocessing) -> UInt8[np.ndarray, "n y x k"]:
    """Return the images with the channels and size of `how`, by the harness's own code."""
    if array.shape[1:] == (*how.size, how.channels):
        return array
    plain = how.model_copy(update={"mean": (0.0,) * how.channels, "std": (1.0,) * how.channels})
    parts = [prepare(part, plain) for part in np.array_split(array, -(-len(array) // 256))]
    return np.concatenate([(p * 255).round().astype(np.uint8).transpose(0, 2, 3, 1) for p in parts])

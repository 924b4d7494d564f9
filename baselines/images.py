"""Training images resident on the device: taken, augmented and normalised a batch at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from baselines.augment import augment
from baselines.settings import Settings
from harness.errors import TrainingError
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
    mean: tuple[float, ...]
    """Per channel, of values in [0, 1]."""
    std: tuple[float, ...]
    """Per channel, of values in [0, 1]."""
    memory_format: torch.memory_format
    """How batches lie in memory."""

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return (channels, height, width)."""
        _, c, h, w = self.pixels.shape
        return c, h, w

    @property
    def preprocessing(self) -> Preprocessing:
        """Return what the harness must do to images before the network sees them."""
        channels, height, width = self.shape
        if channels not in (1, 3):
            raise TrainingError(
                f"Images have 1 or 3 channels; these have {channels}. Use another trainer."
            )
        return Preprocessing(
            size=(height, width),
            channels=1 if channels == 1 else 3,
            mean=self.mean,
            std=self.std,
        )

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
        mean = torch.tensor(self.mean, device=pixels.device).view(1, -1, 1, 1)
        std = torch.tensor(self.std, device=pixels.device).view(1, -1, 1, 1)
        images = (pixels.float() / 255 - mean) / std
        return images.contiguous(memory_format=self.memory_format)

    def split(self, fraction: float) -> tuple["Images", "Images"]:
        """Return these images without, and only with, a stratified share of them.

        At least one image of every class stays; the draw hangs on torch's random state.
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
) -> Images:
    """Read all inputs at once and put them on the device.

    Raises
    ------
    TrainingError
        If the inputs are no uint8 images.
    """
    array = inputs.take(np.arange(len(inputs)))
    if array.dtype != np.uint8 or array.ndim != 4:
        raise TrainingError(
            "This trainer takes uint8 images (n, height, width, channels); got "
            f"{array.dtype} of shape {array.shape}. Use a probe for tables and features."
        )
    mean, std = _moments(array, settings)
    pixels = torch.from_numpy(np.ascontiguousarray(array.transpose(0, 3, 1, 2)))
    return Images(
        pixels=pixels.to(device),
        labels=torch.from_numpy(observed.astype(np.int64)).to(device),
        num_classes=num_classes,
        mean=mean,
        std=std,
        memory_format=torch.channels_last if settings.channels_last else torch.contiguous_format,
    )


def _moments(
    array: UInt8[np.ndarray, "n h w c"], settings: Settings
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    # Four digits: what is written into the record is exactly what was trained with.
    mean = settings.mean or tuple(round(float(v) / 255, 4) for v in array.mean(axis=(0, 1, 2)))
    std = settings.std or tuple(round(float(v) / 255, 4) for v in array.std(axis=(0, 1, 2)))
    if len(mean) != array.shape[3] or len(std) != array.shape[3] or min(std) <= 0:
        raise TrainingError(
            f"mean and std need {array.shape[3]} values each, std above 0; got {mean} and {std}. "
            "Change them in the recipe, or leave them out to have them measured."
        )
    return mean, std

"""Batches to the device and outputs back; a GPU is never waited for before it has its next batch.

A GPU gets uint8 from pinned memory, a quarter of the bytes, and normalises there; its outputs come
back through pinned memory while it computes on. The CPU gets what `prepare` made.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float32, Shaped

from harness.models.passes.numerics import Numerics
from harness.types.models import Preprocessing


class Device:
    """Where a model computes.

    Parameters
    ----------
    numerics : Numerics
        Its device and memory format.
    preprocessing : Preprocessing
        The model's.
    """

    def __init__(self, numerics: Numerics, preprocessing: Preprocessing) -> None:
        import torch

        self.device = torch.device(numerics.device)
        self.memory_format = getattr(
            torch,
            "channels_last" if numerics.memory_format == "channels_last" else "contiguous_format",
        )
        self.asynchronous = self.device.type == "cuda"
        self._how = preprocessing

    def images(self, inputs: Shaped[np.ndarray, "b _ _ _"]) -> Any:
        """Return a batch as float32 tensor (b, k, y, x) on the device.

        Parameters
        ----------
        inputs : float32 array of shape (b, k, y, x), or uint8 array of shape (b, y, x, k)
            From `prepare`, or from `cut`: these are normalised here, by the same operations in
            the same order, so that the bits are those of `prepare`.
        """
        import torch

        given = torch.from_numpy(inputs)
        if self.asynchronous:
            given = given.pin_memory()
        moved = given.to(self.device, non_blocking=self.asynchronous)
        if moved.dtype == torch.uint8:
            moved = self._normalised(moved.permute(0, 3, 1, 2))
        return moved.contiguous(memory_format=self.memory_format)

    def _normalised(self, pixels: Any) -> Any:
        # Divisors are tensors: a GPU divides by a plain number as a product with its reciprocal.
        import torch

        def there(values: Sequence[float]) -> Any:
            array = torch.tensor(values, dtype=torch.float32)
            return array.to(self.device, non_blocking=self.asynchronous).view(1, -1, 1, 1)

        shown = pixels.float().div_(there([255.0]))
        return shown.sub_(there(self._how.mean)).div_(there(self._how.std))

    def back(self, tensors: Sequence[Any]) -> Callable[[], list[Float32[np.ndarray, "b d"]]]:
        """Begin to copy outputs back, and return what waits for them.

        Parameters
        ----------
        tensors : sequence of tensor of shape (b, d)
            Of one batch.
        """
        import torch

        if not self.asynchronous:
            arrays = [np.asarray(tensor.float().cpu().numpy()) for tensor in tensors]
            return lambda: arrays
        hosts = []
        for tensor in tensors:
            host = torch.empty(tensor.shape, dtype=torch.float32, pin_memory=True)
            hosts.append(host.copy_(tensor.float(), non_blocking=True))
        there = torch.cuda.Event()
        there.record()

        def waited() -> list[np.ndarray]:
            there.synchronize()
            return [host.numpy().copy() for host in hosts]  # pinned memory is given back

        return waited

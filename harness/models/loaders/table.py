"""The files that trained models come in: what reads each, what it trusts, what decides its bits."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.errors import CardError
from harness.models.loaders.boxed import in_box
from harness.models.loaders.exported import WRITER, read_exported
from harness.models.loaders.feeding import Said
from harness.models.loaders.onnx_file import read_onnx, said_by_onnx
from harness.models.loaders.reading import Opened
from harness.models.loaders.skops_file import read_skops, read_skops_here
from harness.models.loaders.zips import said_by_zip
from harness.types.models import WeightFile


@dataclass(frozen=True)
class Loader:
    """One format of files that hold a network or an estimator whole."""

    title: str
    """As pages call it."""
    reader: Callable[[Path, WeightFile, str], Opened]
    """From a checked file to a network that can be called: what decides its bits."""
    said: Callable[[Path, str], Said]
    """What the file says of itself."""
    packages: tuple[str, ...]
    """Distributions whose version can move a bit: part of the identity."""
    trusted: str
    """What is believed of such a file."""
    here: Callable[[Path, WeightFile, str], Opened] | None = None
    """The same in this process, for machines without a sandbox. With it files are opened in the
    sandbox: the library that reads them builds objects, or runs compiled code that follows what
    the file says."""

    def read(self, path: Path, file: WeightFile, what: str) -> Opened:
        """Open a checked file, in the sandbox or in this process."""
        opens = self.reader if self.here is None else in_box(self.reader, self.here)
        return opens(path, file, what)


LOADERS: Mapping[str, Loader] = {
    ".onnx": Loader(
        "ONNX", read_onnx, said_by_onnx, ("onnxruntime",),
        "a graph of standard operators; external data listed on the card, inside its folder",
    ),
    ".pt2": Loader(
        "torch.export", read_exported, lambda p, w: said_by_zip(p, w, WRITER), ("torch",),
        "a graph of torch's own operators and plain tensors; pickles in it are refused",
        here=read_exported,
    ),
    ".skops": Loader(
        "skops", read_skops, lambda p, w: said_by_zip(p, w, "skops.io.dump"),
        ("scikit-learn", "skops"),
        "types of scikit-learn, numpy and scipy, and the five of TRUSTED",
        here=read_skops_here,
    ),
}  # fmt: skip
"""File suffix → what reads it. Weights (.safetensors) need an architecture beside them."""
WEIGHTS = ".safetensors"
"""Suffix of weights for an architecture of timm."""
PICKLES = (".pt", ".pth", ".bin", ".pkl", ".pickle", ".joblib", ".ckpt", ".npy")
"""Suffixes of files that run code when they are opened."""


def loader_of(path: Path, what: str) -> Loader:
    """Return what reads a file that holds its network itself.

    Raises
    ------
    CardError
        If nothing does, with what to save instead.
    """
    suffix = path.suffix.lower()
    if suffix in LOADERS:
        return LOADERS[suffix]
    raise wrong_suffix(suffix, what)


def wrong_suffix(suffix: str, what: str) -> CardError:
    """Return the error for a file that nothing reads."""
    why = (
        "pickles (.pt, .pth, .bin) are not opened, for they run code. " if suffix in PICKLES else ""
    )
    return CardError(
        f"{what} must be one of {', '.join((WEIGHTS, *LOADERS))}; got {suffix or 'no suffix'!r}: "
        f"{why}Save weights with safetensors.torch.save_file, a network with torch.export.save or "
        "as ONNX, an estimator with skops.io.dump; a file of TorchScript is named .ts."
    )

"""What runs inside the sandbox: openers of files that run code when they are opened.

Nothing here is called outside of `harness.models.sandbox`: each gets the folder of its files and
returns a model.
"""

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from harness.models.loaders.reading import Opened
from harness.types.models import Output, WeightFile


class Whole:
    """A file that a reader of ours has opened, as a model that says what it declares.

    Parameters
    ----------
    opened : Opened
        By the reader.
    """

    preprocessing = None

    def __init__(self, opened: Opened) -> None:
        assert opened.columns is not None  # the readers of BOXED say it
        self._call, self.num_classes = opened.call, opened.columns
        declared = opened.declared
        self.declared = {
            "shape": list(declared.shape),
            "output": declared.output,
            "classes": list(declared.classes),
            "parameters": opened.parameters,
        }

    def __call__(self, inputs: np.ndarray) -> Output:
        """Return the answers to a batch; of which kind they are is decided outside."""
        return Output("logits", self._call(inputs))


def whole(files: Path, name: str, reader: str, what: str) -> Whole:
    """Open a file by a reader of ours whose library is too large to be trusted with it.

    Parameters
    ----------
    files : Path
        Folder of the program's files.
    name : str
        Of the file.
    reader : str
        ``module:function`` in `harness.models.loaders`.
    what : str
        What sentences call the file.
    """
    module, _, function = reader.partition(":")
    file = WeightFile(path=name, sha256="0" * 64)  # compared outside
    return Whole(getattr(import_module(module), function)(files / name, file, what))


def torchscript(files: Path, name: str) -> Any:
    """Return a TorchScript module in evaluation mode.

    Parameters
    ----------
    files : Path
        Folder of the program's files.
    name : str
        Of the module's file.
    """
    import torch

    module = torch.jit.load(str(files / name), map_location="cpu").eval()

    def call(batch: np.ndarray) -> Any:
        with torch.inference_mode():
            return module(torch.from_numpy(np.array(batch)))

    return call


def mlflow_model(files: Path, name: str) -> Any:
    """Return a model that MLflow saved with any flavour, pickles included.

    Parameters
    ----------
    files : Path
        Folder that is the model.
    name : str
        Of its description, ``MLmodel``.
    """
    import os

    os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "true"
    import mlflow
    import yaml

    folder = str((files / name).parent)
    flavours = yaml.safe_load((files / name).read_text("utf-8"))["flavors"]
    if "sklearn" in flavours:
        estimator = mlflow.sklearn.load_model(folder)
        ask = "predict_proba" if hasattr(estimator, "predict_proba") else "decision_function"
        return lambda batch: _two(np.asarray(getattr(estimator, ask)(np.array(batch))))
    if "pytorch" in flavours:
        import torch

        module = mlflow.pytorch.load_model(folder).eval()

        def call(batch: np.ndarray) -> Any:
            with torch.inference_mode():
                return module(torch.from_numpy(np.array(batch)))

        return call
    model = mlflow.pyfunc.load_model(folder)
    return lambda batch: _array(model.predict(np.array(batch)))


def _array(found: Any) -> np.ndarray:
    """Return what a pyfunc says as an array: tables and lists of rows are taken apart."""
    return np.asarray(found.to_numpy() if hasattr(found, "to_numpy") else found)


def _two(found: np.ndarray) -> np.ndarray:
    """Return a column a class where only the second one's margin is given."""
    return np.stack([-found, found], axis=1) / 2 if found.ndim == 1 else found

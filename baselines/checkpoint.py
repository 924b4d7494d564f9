"""Checkpoints of one training: written whole or not at all, checked when read, resumed bit for bit.

One safetensors file: the tensors as they are, and everything else as JSON in its header, where a
tensor stands by its name. Reading one runs no code.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from harness.atomic import replacing
from harness.errors import TrainingError

FILE = "checkpoint.safetensors"


def save(folder: Path, identity: str, state: dict[str, Any]) -> None:
    """Write a checkpoint beside the last one and put it in its place.

    Parameters
    ----------
    folder : path
        Of this job alone.
    identity : str
        sha256 of settings, network, data and seed; `load` refuses another one.
    state : dict
        Tensors and plain values, in dicts, lists and tuples.

    Raises
    ------
    TrainingError
        If it cannot be written; the last checkpoint is untouched.
    """
    target = folder / FILE
    tensors: dict[str, Tensor] = {}
    written = json.dumps(_plain(state, tensors))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(target) as partial:
            header = {"identity": identity, "state": written, "sha256": _sha256(written, tensors)}
            partial.write_bytes(to_bytes(tensors, header))
    except OSError as error:
        kept = "the last checkpoint is kept" if target.exists() else "there is none yet"
        raise TrainingError(
            f"The checkpoint of epoch {state['epoch']} could not be written to {folder} "
            f"({type(error).__name__}: {str(error).splitlines()[0]}); {kept}. "
            "Make room or name another store, and run the same command again."
        ) from error


def load(folder: Path, identity: str) -> dict[str, Any] | None:
    """Return the checkpoint in `folder`, or None when there is none.

    Raises
    ------
    TrainingError
        If it is damaged or of another training.
    """
    path = folder / FILE
    if not path.exists():
        return None
    try:
        with safe_open(path, "pt") as file:
            header = file.metadata() or {}
            found = header["identity"]
            if found == identity:
                names = file.keys()
                tensors = {name: file.get_tensor(name).clone() for name in names}
                if header["sha256"] != _sha256(header["state"], tensors):
                    raise ValueError("its content has another sha256")
                state: dict[str, Any] = _whole(json.loads(header["state"]), tensors)
                return state
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise TrainingError(
            f"{path} should be a checkpoint and cannot be read ({type(error).__name__}). "
            "Delete it to start this training from the beginning."
        ) from error
    raise TrainingError(
        f"{path} is the checkpoint of another network, setting, split or seed: expected "
        f"{identity[:12]}, found {found[:12]}. "
        "Delete it, or use the recipe that it was made with."
    )


def _sha256(written: str, tensors: dict[str, Tensor]) -> str:
    """Return the sha256 of everything that a checkpoint holds."""
    digest = hashlib.sha256(written.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.contiguous().view(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def _plain(value: Any, tensors: dict[str, Tensor]) -> Any:
    """Return a value as JSON, its tensors taken out: ``[kind, …]`` for all that JSON has not."""
    if isinstance(value, Tensor):
        name = str(len(tensors))
        # A copy each: two names must not share memory in the file.
        tensors[name] = value.detach().to("cpu", copy=True).contiguous()
        return ["tensor", name, _is_channels_last(value)]
    if isinstance(value, dict):  # as pairs: an optimiser numbers its parameters with ints
        return ["dict", [[key, _plain(inner, tensors)] for key, inner in value.items()]]
    if isinstance(value, (list, tuple)):
        return [type(value).__name__, [_plain(inner, tensors) for inner in value]]
    return value


def _whole(value: Any, tensors: dict[str, Tensor]) -> Any:
    """Return what `_plain` was given."""
    if not isinstance(value, list):
        return value
    kind, inner = value[0], value[1]
    if kind == "tensor":
        # Layouts come back too: other strides may add up in another order, to other bits.
        layout = torch.channels_last if value[2] else torch.contiguous_format
        return tensors[inner].contiguous(memory_format=layout)
    if kind == "dict":
        return {key: _whole(one, tensors) for key, one in inner}
    return {"list": list, "tuple": tuple}[kind](_whole(one, tensors) for one in inner)


def _is_channels_last(tensor: Tensor) -> bool:
    return (
        tensor.ndim == 4
        and not tensor.is_contiguous()
        and tensor.is_contiguous(memory_format=torch.channels_last)
    )

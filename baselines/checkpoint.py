"""Checkpoints of a running training: written whole, checked when read, resumed bit for bit."""

from pathlib import Path
from typing import Any

import torch

from harness.errors import TrainingError

FILE = "checkpoint.pt"


def save(folder: Path, identity: str, state: dict[str, Any]) -> None:
    """Write a checkpoint beside the last one and put it in its place.

    Parameters
    ----------
    folder : path
        Of this job alone.
    identity : str
        sha256 of settings, network, data and seed; `load` refuses another one.
    state : dict
        Tensors and plain values.

    Raises
    ------
    TrainingError
        If it cannot be written; the last checkpoint is untouched.
    """
    target, partial = folder / FILE, folder / f"{FILE}.partial"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        torch.save({"identity": identity, **state}, partial)
        partial.replace(target)
    except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError
        partial.unlink(missing_ok=True)
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
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise TrainingError(
            f"{path} should be a checkpoint and cannot be read ({type(error).__name__}). "
            "Delete it to start this training from the beginning."
        ) from error
    if state.get("identity") != identity:
        raise TrainingError(
            f"{path} is the checkpoint of another network, setting, split or seed: expected "
            f"{identity[:12]}, found {str(state.get('identity'))[:12]}. "
            "Delete it, or use the recipe that it was made with."
        )
    return state

"""Toy trainers of this folder run in this process: the sandbox has tests of its own."""

import pytest
from safetensors.numpy import save_file

from harness.keys import sha256_file
from harness.types import EntryCard, Job
from tests.models.tiny_suite import CELL

PART = {
    "arch": "test_convnext",
    "kwargs": {"in_chans": 1},
    "preprocessing": {"size": [32, 32], "channels": 1, "mean": [0.5], "std": [0.25]},
}
"""A small timm architecture, as a card names it."""


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAILMARK_SANDBOX", "none")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Weights of a small timm architecture for three classes."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        from harness.models.obtain.vision import timm

        network = timm().create_model(PART["arch"], num_classes=3, **PART["kwargs"])
    folder = tmp_path_factory.mktemp("weights")
    save_file({k: v.numpy() for k, v in network.state_dict().items()}, folder / "w.safetensors")
    return folder / "w.safetensors"


@pytest.fixture
def entry(tmp_path, weights):
    """Return a job of an entry with these weights: ``entry(arch="…")`` changes the card."""

    def make(sha256=None, path=weights, **changes) -> Job:
        folder = tmp_path / "loaded"
        folder.mkdir(exist_ok=True)
        (folder / path.name).write_bytes(path.read_bytes())
        file = {"path": path.name, "sha256": sha256 or sha256_file(path)}
        part = PART | {"files": {f"{CELL}-s0": file}} | changes
        card = {"format": 1, "name": "loaded", "kind": "model", "model": part}
        return Job(EntryCard.model_validate(card), folder, CELL, 0)

    return make

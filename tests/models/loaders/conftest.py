"""A job of an entry with one model file for all cells: ``entry(path, output="logits")``."""

from pathlib import Path

import pytest

from harness.keys import sha256_file
from harness.types import EntryCard, Job
from tests.models.conftest import *  # noqa: F403
from tests.models.tiny_suite import CELL


@pytest.fixture(autouse=True)
def _here(request, monkeypatch):
    """Open files in this process, which is quick; test_boxed.py says that the sandbox agrees."""
    if "test_boxed" not in request.node.nodeid:
        monkeypatch.setenv("TAILMARK_SANDBOX", "none")


@pytest.fixture
def entry(tmp_path: Path):
    def make(path: Path, *, beside: dict | None = None, sha256: str = "", **part) -> Job:
        folder = tmp_path / "loaded"
        folder.mkdir(exist_ok=True)
        if path.parent != folder:
            (folder / path.name).write_bytes(path.read_bytes())
        line = {"path": path.name, "sha256": sha256 or sha256_file(path), "beside": beside or {}}
        card = {
            "format": 1, "name": "loaded", "kind": "model",
            "model": {"files": {"*": line}, **part},
        }  # fmt: skip
        return Job(EntryCard.model_validate(card), folder, CELL, 0)

    return make

"""Toy trainers of this folder run in this process: the sandbox has tests of its own."""

import pytest


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAILMARK_SANDBOX", "none")

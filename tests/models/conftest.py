"""Fixtures of the models' room: a tiny opened suite, a store, cards of toy entries."""

import sys
from pathlib import Path

import pytest

from harness.models.store.store import Store
from harness.types import EntryCard, Job
from tests.models.tiny_suite import CELL, TinySuite, open_tiny

TOYS = str(Path(__file__).parent / "toys")
if TOYS not in sys.path:
    sys.path.insert(0, TOYS)


@pytest.fixture
def opened() -> TinySuite:
    return open_tiny()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def counts():
    from toybox.counting import COUNTS

    COUNTS.clear()
    return COUNTS


@pytest.fixture
def toy_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a job of a toy method: ``toy_job("fit_means", scale=2.0)``.

    Toys count their calls, so they run in this process: the sandbox has tests of its own.
    """
    monkeypatch.setenv("TAILMARK_SANDBOX", "none")

    def make(function: str, *, name: str = "toy", cell: str = CELL, seed: int = 0, **settings):
        facets = settings.pop("facets", {})
        part = {
            k: settings.pop(k) for k in ("init_from", "features_from", "auxiliary") if k in settings
        }
        card = EntryCard.model_validate(
            {
                "format": 1,
                "name": name,
                "kind": "method",
                "method": {"trainer": f"toybox.linear:{function}", "overrides": settings, **part},
                "facets": facets,
            }
        )
        return Job(card, tmp_path / name, cell, seed)

    return make

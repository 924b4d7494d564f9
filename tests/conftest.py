"""Fixtures for every test: the repository root, a seeded generator, the development data."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

# Two test processes with two busy threads each fight over two cores; set before torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
# Tests in folders of their own see the entries that they write, and none of this clone.
os.environ["TAILMARK_RELEASE"] = ""


@pytest.fixture(autouse=True)
def same_main_module() -> Iterator[None]:
    """Streamlit's AppTest leaves its script as `__main__`, which a spawned process would run."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.fixture
def rng() -> np.random.Generator:
    """A seeded generator: the only randomness of tests."""
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The development data; skips where they are absent."""
    folder = Path(os.environ.get("TAILMARK_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "fashion-mnist").is_dir():
        pytest.skip(f"no development data in {folder}")
    return folder

"""``tailmark store``: what is kept and what may go."""

import json

import numpy as np
import pytest

from harness.cli.options import size_text
from harness.models.store.store import Store
from harness.types.models import Predictions

KEY = "a" * 64


@pytest.fixture
def store(home) -> Store:
    found = Store(home / "kept")
    n = 40
    found.save_evidence(
        KEY,
        Predictions(
            row=np.arange(n),
            values=np.zeros((n, 3), np.float32),
            kind="logits",
            features=np.ones((n, 100), np.float16),
        ),
        {"note": "toy"},
    )
    found.save_json("jobs", KEY, {"x": 1}, note="toy")
    return found


def listed(tailmark) -> dict[str, dict[str, int]]:
    answer = tailmark("store", "--store", "kept", "--format", "json")
    return {line["room"]: line for line in json.loads(answer.out)}


def test_a_budget_drops_features_and_nothing_else(tailmark, store):
    before = listed(tailmark)
    assert before["evidence"]["feature_bytes"] > 40 * 100 * 2 and before["jobs"]["things"] == 1
    answer = tailmark("store", "--store", "kept", "--features-budget", "1kB")
    assert answer.code == 0 and "Freed 8." in answer.out and " kB of features" in answer.out
    after = listed(tailmark)
    freed = before["evidence"]["feature_bytes"]
    assert after["evidence"] == {
        **before["evidence"],
        "feature_bytes": 0,
        "bytes": before["evidence"]["bytes"] - freed,
    }
    assert after["jobs"] == before["jobs"]
    assert store.load_evidence(KEY, features=False) is not None
    assert "Freed 0 bytes" in tailmark("store", "--store", "kept", "--features-budget", "1kB").out


@pytest.mark.parametrize("wrong", ["", "big", "-1", "1 potato", "1e9"])
def test_a_size_that_is_none_says_what_one_looks_like(tailmark, store, wrong):
    answer = tailmark("store", "--store", "kept", "--features-budget", wrong)
    assert answer.code == 2 and "such as 500MB or 20GB" in answer.err
    assert store.load_evidence(KEY) is not None


def test_an_empty_store_holds_nothing_and_is_not_made(tailmark, home):
    assert tailmark("store", "--store", "none").code == 0
    assert not (home / "none").exists()


def test_sizes_read_as_people_write_them():
    assert [size_text(n) for n in (0, 1500, 2_500_000_000)] == ["0 bytes", "1.5 kB", "2.5 GB"]

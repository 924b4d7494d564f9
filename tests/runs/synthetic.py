"""Made records with known values, for tests of what only reads records."""

import numpy as np

from harness.records.records import Recorded, sealed
from harness.types import RunRecord

SHA = "ab" * 32
KEY = "test/balanced_accuracy"
CELLS = ("digits-balanced-clean", "digits-exp10-clean")
B = 200


def recorded(
    name: str,
    level: float,
    *,
    spread: float = 0.01,
    seeds: int = 3,
    missing: bool = False,
    produced_by: str = "trained",
    shared: int = 7,
    **changes: object,
) -> Recorded:
    """A record around `level`: a shared test-set deviation plus the entry's own small noise."""
    own = np.random.default_rng(sum(map(ord, name)))
    common = np.random.default_rng(shared).normal(size=(1, 1, B))
    values = level + spread / 5 * own.normal(size=(len(CELLS), seeds))
    z = np.broadcast_to(common, (len(CELLS), seeds, B)) + 0.2 * own.normal(
        size=(len(CELLS), seeds, B)
    )
    grid = [[float(v) for v in row] for row in values]
    if missing:
        grid[1][0] = None
    if "jobs" in changes:  # a value is there only where a job was done
        done = {(j["cell"], j["seed"]) for j in changes["jobs"] if j["status"] == "done"}
        grid = [
            [v if (m, s) in done else None for s, v in enumerate(r)] for m, r in enumerate(grid)
        ]
    body = {
        "entry": name,
        "card_sha256": SHA,
        "produced_by": produced_by,
        "suite": {
            "id": "digits-v1",
            "sha256": SHA,
            "cells": CELLS,
            "seeds": list(range(seeds)),
            "primary": KEY,
            "tail_metric": "recall_tail",
            "metrics_version": 1,
        },
        "facets": {"transductive": False, "pretraining": "none"},
        "pools": {"test": SHA},
        "jobs": [
            {
                "cell": m,
                "seed": s,
                "status": "done",
                "evidence": {"test": f"{abs(hash((name, m, s))) % 16**8:08x}" * 8},
            }
            for m in range(len(CELLS))
            for s in range(seeds)
        ],
        "variants": {"": {"ood_score": "energy", "selection": "last", "metrics": {KEY: grid}}},
        "undefined": [],
    }
    arrays = {
        f"replicates/base/{KEY}": z.astype(np.float16),
        f"sd/base/{KEY}": np.full((len(CELLS), seeds), spread),
    }
    return sealed(RunRecord.model_validate(body | changes), arrays)

"""A prior-fitted network: its weights come with the package, a table's rows are only read."""

from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from jaxtyping import Float, Int
from pydantic import Field, model_validator

from baselines.networks.prior_fitted import PriorFittedSpec, Reader
from baselines.probes.probe import Rows, rows_of
from baselines.probes.row_network import RowNetwork, on_rows
from baselines.probes.transforms import learn_codes
from baselines.settings import Checked
from harness.data.pools.tables import TableInputs
from harness.errors import TrainingError
from harness.keys import sha256_file
from harness.models.safe.weights import load_state
from harness.types.models import FitContext, TrainingData

WEIGHTS = Path(__file__).parent.parent / "weights" / "prior-fitted-v1.safetensors"
"""Made by ``python -m baselines.prior baselines/weights/prior-fitted-v1.safetensors``."""


class PriorFittedSettings(Checked):
    """Settings of the prior-fitted network; nothing is trained."""

    contexts: Annotated[int, Field(ge=0, le=64)] = 0
    """Where a table has more rows than the network reads: probabilities are averaged over this many
    contexts of rows drawn at random; 0: such a table is refused."""
    weights: str = ""
    """sha256 of the weights; filled in."""

    @model_validator(mode="before")
    @classmethod
    def _filled(cls, given: Any) -> Any:
        known = _sha256()
        if given.get("weights") not in (None, "", known):
            raise ValueError(
                "Setting 'weights' is the sha256 of the package's weights and is filled in; got "
                f"{given['weights']!r}. Leave it out of recipe and card"
            )
        return {**given, "weights": known}


@on_rows(PriorFittedSettings, Reader)
def fit_prior_fitted(
    train: TrainingData, ctx: FitContext, settings: PriorFittedSettings
) -> RowNetwork:
    """Hand the training rows to a transformer that was trained on drawn tables only.

    Categories are numbered and a missing value is the column's mean.

    References
    ----------
    Müller et al. 2022, "Transformers Can Do Bayesian Inference"; the prior and the size are ours.

    Raises
    ------
    TrainingError
        If the table has more columns, classes or (without `contexts`) rows than the network reads.
    """
    table = train.inputs if isinstance(train.inputs, TableInputs) else None
    given = rows_of(train) if table is None else rows_of(train, "codes", learn_codes(table))
    classes, labels = np.unique(train.observed, return_inverse=True)
    spec = PriorFittedSpec()
    _check(given, len(classes), spec, settings)
    scaling = _scaling(given.values)
    rows = torch.from_numpy((given.values - scaling["mean"]) / scaling["deviation"]).nan_to_num()
    contexts = _contexts(len(rows), spec.rows, settings.contexts, ctx.seed)
    sizes = {
        "contexts": len(contexts),
        "rows": contexts.shape[1],
        "columns": rows.shape[1],
        "classes": len(classes),
        "spec": asdict(spec),
    }
    with torch.random.fork_rng(devices=[]):  # building draws weights, which are then replaced
        reader = Reader(**sizes)
    weights = {name: torch.from_numpy(array) for name, array in load_state(WEIGHTS).items()}
    reader.network.load_state_dict(weights)
    reader.known.copy_(rows[contexts])
    reader.labels.copy_(torch.from_numpy(labels.astype(np.int64))[contexts])
    arrays = {"classes": classes, **scaling, **given.learnt}
    return RowNetwork(sizes, reader, given.num_classes, arrays, given.transform)


@lru_cache
def _sha256() -> str:
    return sha256_file(WEIGHTS)


def _check(given: Rows, classes: int, spec: PriorFittedSpec, settings: PriorFittedSettings) -> None:
    """Refuse what the network was not trained for."""
    asked = {"columns": given.values.shape[1], "classes": classes, "rows": len(given.values)}
    instead = {
        "columns": "Leave columns out, or use tabr-lite.",
        "classes": "Use tabr-lite.",
        "rows": "Say contexts = 4 to average over contexts of drawn rows, or use tabr-lite.",
    }
    for what, found in asked.items():
        most = getattr(spec, what)
        if found > most and not (what == "rows" and settings.contexts):
            raise TrainingError(
                f"The prior-fitted network was trained for at most {most} {what}; this table has "
                f"{found}. {instead[what]}"
            )


def _scaling(rows: Float[np.ndarray, "n d"]) -> dict[str, np.ndarray]:
    """Return mean and deviation of the values that are there; 0 and 1 where there are none."""
    there = ~np.isnan(rows)
    counts = np.maximum(there.sum(axis=0), 1)
    mean = np.where(there, rows, 0).sum(axis=0, dtype=np.float64) / counts
    off = np.where(there, rows - mean, 0.0)
    deviation = np.sqrt((off**2).sum(axis=0) / counts)
    return {
        "mean": mean.astype(np.float32),
        "deviation": np.where(deviation > 0, deviation, 1).astype(np.float32),
    }


def _contexts(n: int, most: int, count: int, seed: int) -> Int[np.ndarray, "c m"]:
    """Return the row numbers of each context: all rows once, or several draws of as many as fit."""
    if n <= most:
        return np.arange(n)[None]
    random = np.random.default_rng(seed)
    return np.stack([random.choice(n, most, replace=False) for _ in range(count)])

"""A model tried on a few inputs before anything is run or written."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.models.loaders.load import Loaded, load_model
from harness.models.passes.numerics import Numerics, guard_process
from harness.models.passes.predict import predict
from harness.models.passes.steady import check_steady
from harness.types import Pool
from harness.types.models import EntryCard

if TYPE_CHECKING:
    from harness.data.suites.open import OpenSuite

ROWS = 4
"""Inputs that are passed."""


def tried(card: EntryCard, folder: Path, opened: "OpenSuite", cell: str, seed: int) -> Loaded:
    """Return the model of a cell and seed after a pass over a few of its test inputs.

    Parameters
    ----------
    card : EntryCard
        Of kind model.
    folder : Path
        The entry's.
    opened : OpenSuite
        The suite.
    cell : str
        One of its cells.
    seed : int
        Of the job.

    Raises
    ------
    CardError
        If the file is wrong, see `load_model`.
    PredictionsError
        If what it returns are not predictions, or it answers differently each time.
    """
    guard_process()
    here, numerics = opened.at(cell), Numerics()
    found = load_model(card, folder, cell, seed, here.test.class_names, numerics)
    pass_few(found, here.test, numerics)
    if not card.facets.transductive:
        check_steady(found.model, here.test, numerics)
    return found


def pass_few(found: Loaded, pool: Pool, numerics: Numerics | None = None) -> None:
    """Pass the first inputs of a pool, so that what a run would refuse of them is refused now.

    Parameters
    ----------
    found : Loaded
        The model.
    pool : Pool
        What it would be run on.
    numerics : Numerics, optional
        Default: exact, on the CPU.

    Raises
    ------
    CardError
        If the inputs are not of the form that the model takes.
    PredictionsError
        If what it returns are not predictions.
    """
    few = np.arange(min(ROWS, len(pool)))
    predict(found.model, pool, rows=few, numerics=numerics or Numerics())

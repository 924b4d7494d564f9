"""Scoring what people have in memory: models as they are, estimators, functions that train one."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.data.suites.open import OpenSuite
from harness.keys import sha256_of
from harness.models.obtain.obtain import Obtained, trained_on, wanted_pools
from harness.models.obtain.plain import as_model, is_estimator, is_fitted, is_trainer, rows_of
from harness.models.passes.micro import MicroBatches
from harness.models.passes.numerics import Numerics, computing
from harness.models.passes.predict import predict
from harness.models.passes.steady import check_steady
from harness.records.records import Recorded
from harness.runs.assemble import assemble
from harness.runs.execute import Place, opened_suite
from harness.runs.job import evaluate_job
from harness.runs.plan import Entry, jobs_of
from harness.types import EntryCard, FitContext, Job, Model, Split, TrainingData
from harness.types.models import KNOWN, Facets


def run_object(
    given: Any,
    place: Place,
    *,
    name: str = "",
    cells: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
) -> Recorded:
    """Return the record of a model or trainer in memory; nothing is written or cached.

    It is measured as a card of it would be: on the same pools, by the same metrics.

    Parameters
    ----------
    given : object
        A model in any form of `harness.models.obtain.plain.as_model` is scored as it is in every
        cell. An estimator that was not fitted is copied and fitted for every cell and seed on
        observed labels, and ``fit(train, ctx) -> model`` is called for each.
    place : Place
        Suite and data.
    name : str
        Of its entry in rankings; default: made of the function's or class's name.
    cells, seeds : sequence, optional
        Some of the suite's.

    Raises
    ------
    UnknownNameError
        If a cell or seed is not the suite's.
    SpecError
        If it is not a model, or is one of another number of classes than the suite.
    PredictionsError
        If what it returns are not predictions, or it answers differently each time.
    """
    opened = opened_suite(place.suite, place.data_root)
    trained = is_trained(given)
    facets = Facets(**KNOWN["method"]) if trained else Facets()
    card = EntryCard(format=1, name=name or entry_name(given), kind="predictions", facets=facets)
    entry = Entry(card, Path())
    jobs = jobs_of(entry, opened.suite, cells=cells, seeds=seeds)
    results = [evaluate_job(job, opened, _obtained(job, given, opened)) for job in jobs]
    return assemble(card, opened, results, one_model=not trained)


def entry_name(given: Any) -> str:
    """Return an entry's name made of a function's or class's name.

    Examples
    --------
    >>> entry_name(dict()), entry_name(entry_name)
    ('dict', 'entry-name')
    """
    word = getattr(given, "__name__", type(given).__name__).lower()
    kept = "".join(c if c.isascii() and c.isalnum() else "-" for c in word).strip("-")
    return (kept or "model")[:63]


def _obtained(job: Job, given: Any, opened: OpenSuite) -> Obtained:
    """Train where there is something to train, and pass every pool of the job once."""
    here = opened.at(job.cell)
    split = here.split(job.cell, job.seed)
    started = time.perf_counter()
    model = _model(given, here, split)
    seconds = time.perf_counter() - started
    numerics = Numerics()
    rows = trained_on(here, split)
    pools = wanted_pools(job, here, split, rows)
    check_steady(model, here.test, numerics)
    micro = MicroBatches(sum(map(len, pools.values())))
    predictions = {
        name: predict(model, pool, numerics=numerics, micro=micro) for name, pool in pools.items()
    }
    return Obtained(
        predictions=predictions,
        model_id=sha256_of({name: found.sha256 for name, found in predictions.items()}),
        weights_sha256=None,
        numerics={},
        cost={"train_seconds": seconds} if is_trained(given) else {},
        curves={},
    )


def is_trained(given: Any) -> bool:
    """Return whether something is trained in every cell and seed before it is scored."""
    return (is_estimator(given) and not is_fitted(given)) or is_trainer(given)


def _model(given: Any, opened: OpenSuite, split: Split) -> Model:
    names = opened.test.class_names
    if not is_trained(given):
        return as_model(given, names)
    train = opened.training_data(split)
    with computing(Numerics(), seed=split.seed):
        if is_estimator(given):
            return as_model(_fitted(given, train), names)
        made = given(train, FitContext(config={}, seed=split.seed))
    return as_model(made, names, source=f"what {entry_name(given)} returned")


def _fitted(estimator: Any, train: TrainingData) -> Any:
    """Return a copy of an estimator fitted on the observed labels of all rows."""
    import numpy as np
    from sklearn.base import clone

    rows = rows_of(train.inputs.take(np.arange(len(train.inputs))))
    return clone(estimator).fit(rows, train.observed)


def named(given: Any) -> dict[str, Any]:
    """Return objects by the name of their entry: a mapping's keys, or made of what they are.

    Parameters
    ----------
    given : object, mapping or sequence of objects
        Several of one name are numbered.
    """
    if isinstance(given, Mapping):
        return dict(given)
    found: dict[str, Any] = {}
    for each in given:
        name = base = entry_name(each)
        count = 1
        while name in found:
            count += 1
            name = f"{base}-{count}"
        found[name] = each
    return found

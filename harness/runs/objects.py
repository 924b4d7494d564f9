"""Scoring an object from a notebook: a model as it is, or a function that trains one."""

from collections.abc import Callable, Sequence
from typing import Any

from harness.errors import SpecError
from harness.keys import sha256_of
from harness.records.records import Recorded
from harness.runs.assemble import JobResult, assemble
from harness.runs.evaluate.evaluate import evaluate
from harness.runs.execute import Place, opened_suite
from harness.types import EntryCard, FitContext, Model, Predictions, Split


def run_object(
    given: Any,
    place: Place,
    *,
    cells: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
) -> Recorded:
    """Return the record of a model or trainer in memory; nothing is written or cached.

    Parameters
    ----------
    given : Model or callable
        A model is scored as it is in every cell; ``fit(train, ctx) -> model`` is called for every
        cell and seed, and sees inputs and observed labels only.
    place : Place
        Suite and data.
    cells, seeds : sequence, optional
        Some of the suite's.

    Raises
    ------
    SpecError
        If a model has another number of classes than the suite.
    """
    opened = opened_suite(place.suite, place.data_root)
    card = EntryCard(format=1, name=_name(given), kind="predictions")
    results = []
    for m, cell in enumerate(opened.suite.cells):
        for s, seed in enumerate(opened.suite.seeds):
            if (cells is None or cell in cells) and (seeds is None or seed in seeds):
                results.append(_job(given, card, place, (m, s), opened.split(cell, seed)))
    return assemble(card, opened, results)


def _name(given: Any) -> str:
    """Make an entry's name of a function's or class's name."""
    word = getattr(given, "__name__", type(given).__name__).lower()
    kept = "".join(c if c.isalnum() else "-" for c in word).strip("-")
    return (kept or "model")[:63]


def _job(given: Any, card: EntryCard, place: Place, at: tuple[int, int], split: Split) -> JobResult:
    from harness.models.passes.predict import predict

    opened = opened_suite(place.suite, place.data_root).at(split.spec.id)
    model = _model(given, place, split)
    if model.num_classes != split.num_classes:
        raise SpecError(
            f"{place.suite} has {split.num_classes} classes; the model has {model.num_classes}. "
            "Hand in a model with one output a class of the suite."
        )
    pools = {"train": opened.train_pool(split), "test": opened.test, **opened.ood}
    if opened.calibration is not None:
        pools["calibration"] = opened.calibration
    predictions: dict[str, Predictions] = {
        name: predict(model, pool) for name, pool in pools.items()
    }
    hashes = {name: found.sha256 for name, found in sorted(predictions.items())}
    return JobResult(
        *at,
        status="done",
        split_sha256=split.sha256,
        model_id=sha256_of(hashes),
        evidence=hashes,
        evidence_bytes=sum(p.values.nbytes + p.row.nbytes for p in predictions.values()),
        scored=evaluate(opened, split, predictions, card),
    )


def _model(given: Any, place: Place, split: Split) -> Model:
    if hasattr(given, "num_classes"):
        return given
    fit: Callable[..., Model] = given
    train = opened_suite(place.suite, place.data_root).training_data(split)
    return fit(train, FitContext(config={}, seed=split.seed))

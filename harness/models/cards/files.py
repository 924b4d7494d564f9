"""The files that a card names: where they lie, whose bytes they are, whether they fit a suite."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.errors import CardError
from harness.lookup import closest
from harness.models.methods.methods import package_folder, read_recipe, trainer_of
from harness.models.safe.given import NOTES, read_arrays, read_predictions
from harness.models.safe.weights import checked_file, read_header
from harness.types.models import EntryCard


def check_files(card: EntryCard, folder: Path, suite: Any = None) -> list[str]:
    """Return findings about the files of a card; see `harness.models.cards.cards.check_entry`.

    Parameters
    ----------
    card : EntryCard
        Already read.
    folder : Path
        The entry's folder.
    suite : OpenSuite, optional
        Check keys, classes and rows against it.
    """
    if card.kind == "method":
        return _check_method(card, suite)
    if card.kind == "model":
        return _check_model(card, folder, suite)
    return _check_predictions(card, folder, suite)


def _check_method(card: EntryCard, suite: Any) -> list[str]:
    assert card.method is not None
    trainer = trainer_of(card.method)
    package_folder(trainer)
    if card.method.recipe is not None:
        for dataset in [""] if suite is None else _datasets(suite):
            read_recipe(trainer, card.method.recipe, dataset)
    if card.facets.selection != "last" and suite is not None:
        cells = [cell for cell in suite.suite.cells if "~val" not in cell]
        if cells:
            raise CardError(
                f"{card.name}: facets.selection is {card.facets.selection!r} and needs a "
                f"validation part; cell {cells[0]} has none. Use 'last'."
            )
    return []


def _check_model(card: EntryCard, folder: Path, suite: Any) -> list[str]:
    from harness.models.obtain.loading import check_weights, known_arch

    assert card.model is not None
    known_arch(card.model.arch)
    findings = _keys(card, card.model.files, suite, pools=False)
    for key, file in card.model.files.items():
        path = checked_file(folder, file)
        part = _part(suite, key)
        if part is None:
            read_header(path)
        else:
            check_weights(card, path, len(part.test.class_names))
    return findings


def _check_predictions(card: EntryCard, folder: Path, suite: Any) -> list[str]:
    from harness.data.suites.open import pools_of  # with all readers of data: only for a check

    assert card.predictions is not None
    findings = _keys(card, card.predictions.files, suite, pools=True)
    for key, file in card.predictions.files.items():
        path = checked_file(folder, file)
        part = _part(suite, key)
        pool = None if part is None else pools_of(part).get(key.partition("/")[2])
        if part is None or pool is None:
            read_arrays(path, None, None)
        else:
            found = read_predictions(path, pool, part.test.class_names)
            findings += found.numerics.get(NOTES, ())
    return findings


def _part(suite: Any, key: str) -> Any:
    """Return the part of a suite that a file's key is about; None for another suite's key."""
    cell = key.partition("/")[0].rpartition("-s")[0]
    return suite.at(cell) if suite is not None and cell in suite.suite.cells else None


def _datasets(suite: Any) -> list[str]:
    """Return the names of the data sets that a suite's cells are about."""
    return list(dict.fromkeys(suite.at(cell).dataset.name for cell in suite.suite.cells))


def _keys(card: EntryCard, files: Mapping[str, Any], suite: Any, *, pools: bool) -> list[str]:
    """Refuse keys that the suite's cells and seeds do not have; find cells without a file."""
    from harness.data.suites.open import pools_of  # with all readers of data: only for a check

    if suite is None:
        return [] if files else [f"[{card.kind}.files] names no file yet."]
    jobs = {f"{cell}-s{seed}": cell for cell in suite.suite.cells for seed in suite.suite.seeds}
    datasets = _datasets(suite)
    for key in files:
        job, _, pool = key.partition("/")
        if job not in jobs and key.partition("-")[0] in datasets:
            raise _no_such(card, key, job, list(jobs), suite, pools=pools)
        if pools and job in jobs:
            known = [*pools_of(suite.at(jobs[job])), "train", "val"]
            if pool not in known:
                raise _no_such(card, key, pool, known, suite, pools=pools)
    needed = [f"{job}/test" if pools else job for job in jobs]
    missing = [key for key in needed if key not in files]
    if not missing:
        return []
    return [
        f"{len(missing)} of {len(jobs)} jobs of {suite.suite.id} have no file, first "
        f"{missing[0]!r}; they will be marked failed."
    ]


def _no_such(
    card: EntryCard, key: str, wrong: str, known: list[str], suite: Any, *, pools: bool
) -> CardError:
    near = closest(wrong, known)
    return CardError(
        f"{card.name}: {key!r} is no cell and seed{' and pool' if pools else ''} of "
        f"{suite.suite.id}. "
        + (f"Did you mean {near!r}?" if near else f"Known: {', '.join(known[:6])}, …")
    )

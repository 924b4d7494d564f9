"""The files that a card names: where they lie, whose bytes they are, whether they fit a suite."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.errors import CardError
from harness.lookup import closest
from harness.models.methods import package_folder, read_recipe, trainer_of
from harness.models.npz import read_npz
from harness.models.predictions import read_predictions
from harness.models.weights import checked_file, read_header
from harness.types.data import Pool
from harness.types.models import EntryCard


def check_files(card: EntryCard, folder: Path, suite: Any = None) -> list[str]:
    """Return findings about the files of a card; see `harness.models.cards.check_entry`.

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
        read_recipe(trainer, card.method.recipe, suite.dataset.name if suite else "")
    if card.facets.selection != "last" and suite is not None:
        cells = [cell for cell in suite.suite.cells if "~val" not in cell]
        if cells:
            raise CardError(
                f"{card.name}: facets.selection is {card.facets.selection!r} and needs a "
                f"validation part; cell {cells[0]} has none. Use 'last'."
            )
    return []


def _check_model(card: EntryCard, folder: Path, suite: Any) -> list[str]:
    from harness.models.loading import check_weights, known_arch

    assert card.model is not None
    known_arch(card.model.arch)
    findings = _keys(card, card.model.files, suite, pools=())
    for file in card.model.files.values():
        path = checked_file(folder, file)
        if suite is None:
            read_header(path)
        else:
            check_weights(card, path, len(suite.test.class_names))
    return findings


def _check_predictions(card: EntryCard, folder: Path, suite: Any) -> list[str]:
    assert card.predictions is not None
    pools: dict[str, Pool] = {} if suite is None else pools_of(suite)
    findings = _keys(card, card.predictions.files, suite, pools=(*pools, "train", "val"))
    for key, file in card.predictions.files.items():
        path = checked_file(folder, file)
        pool = pools.get(key.partition("/")[2])
        if pool is None:
            read_npz(path)
        else:
            read_predictions(path, pool, len(suite.test.class_names))
    return findings


def pools_of(suite: Any) -> dict[str, Pool]:
    """Return the pools of a suite that do not depend on the split: name → pool."""
    calibration = {} if suite.calibration is None else {"calibration": suite.calibration}
    return {"test": suite.test} | calibration | dict(suite.ood)


def _keys(
    card: EntryCard, files: Mapping[str, Any], suite: Any, *, pools: tuple[str, ...]
) -> list[str]:
    """Refuse keys that the suite's cells and seeds do not have; find cells without a file."""
    if suite is None:
        return [] if files else [f"[{card.kind}.files] names no file yet."]
    jobs = [f"{cell}-s{seed}" for cell in suite.suite.cells for seed in suite.suite.seeds]
    ours = [key for key in files if key.startswith(f"{suite.dataset.name}-")]
    for key in ours:
        job, _, pool = key.partition("/")
        wrong, known = (job, jobs) if job not in jobs else (pool, [*pools])
        if job not in jobs or (pools and pool not in pools):
            near = closest(wrong, known)
            raise CardError(
                f"{card.name}: {key!r} is no cell and seed"
                f"{' and pool' if pools else ''} of {suite.suite.id}. "
                + (f"Did you mean {near!r}?" if near else f"Known: {', '.join(known[:6])}, …")
            )
    needed = [f"{job}/test" if pools else job for job in jobs]
    missing = [key for key in needed if key not in files]
    if not missing:
        return []
    return [
        f"{len(missing)} of {len(jobs)} jobs of {suite.suite.id} have no file, first "
        f"{missing[0]!r}; they will be marked failed."
    ]

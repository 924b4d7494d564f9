"""The files that a card names: where they lie, whose bytes they are, whether they fit a suite.

Whatever a run would refuse in them is said here, from the same readers.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from harness.errors import CardError, HarnessError
from harness.lookup import closest
from harness.models.cards.job_keys import SCHEME, wrong_key
from harness.models.loaders.table import WEIGHTS
from harness.models.methods.known_settings import can_restore, check_settings
from harness.models.methods.methods import BACKBONE, METHODS, settings_of
from harness.models.safe.given import FORMATS, NOTES, read_arrays, read_predictions
from harness.models.safe.weights import checked_file, read_header
from harness.types.models import ALL_CELLS, DECLARED, EntryCard, MethodPart

SMALL_FILE = 256 << 20
"""Bytes up to which a file that no suite is known for is read whole."""


def check_files(card: EntryCard, folder: Path, suite: Any = None) -> list[str]:
    """Return findings about the files of a card; see `harness.models.cards.cards.check_entry`.

    Parameters
    ----------
    card : EntryCard
        Already read.
    folder : Path
        The entry's folder.
    suite : OpenSuite, optional
        Check keys, classes, rows and values against it.
    """
    if card.kind == "method":
        return _check_method(card, folder, suite)
    read = _check_model if card.kind == "model" else _check_predictions
    return read(card, folder, suite) + _open_facets(card)


def suites_about(card: EntryCard, suites: Mapping[str, Any]) -> list[str]:
    """Return the suites that a card's files may be about, the likeliest first.

    Parameters
    ----------
    card : EntryCard
        Of kind model or predictions; of a method none are returned.
    suites : mapping of str to Suite
        The shipped ones; ``own-<data set>-v1`` is added for cells of no other.
    """
    part = card.model or card.predictions
    cells = {key.partition("/")[0].rpartition("-s")[0] for key in (part.files if part else ())}
    if not cells:
        return []
    if part is not None and ALL_CELLS in part.files:
        return list(card.suites)
    named = [name for name in card.suites if name in suites]
    found = {name: len(cells & set(suites[name].cells)) for name in named or suites}
    ranked = [name for name in sorted(found, key=lambda n: -found[n]) if found[name]]
    own = {cell.partition("-")[0] for cell in cells}
    return ranked or [f"own-{name}-v1" for name in sorted(own) if name]


def _open_facets(card: EntryCard) -> list[str]:
    """Say which facets nobody declared, and what follows from it."""
    lacking = [name for name in DECLARED if getattr(card.facets, name) is None]
    if not lacking:
        return []
    return [
        f"[facets] does not say {', '.join(lacking)}: its row will stand beside the ranking. Write "
        "what is true of each"
    ]


def _check_method(card: EntryCard, folder: Path, suite: Any) -> list[str]:
    """Try what can be known of a trainer from its text: code, recipe, names of settings."""
    assert card.method is not None
    for dataset in [""] if suite is None else _datasets(suite):
        trainer, settings = settings_of(card, dataset, folder)
        try:
            check_settings(trainer, settings, folder)
        except CardError as error:
            raise CardError(f"{card.name}: {error}") from None
    if card.facets.selection != "last" and not can_restore(trainer, folder):
        raise CardError(
            f"{card.name}: facets.selection is {card.facets.selection!r} and needs a trainer whose "
            f"models can be kept; {trainer} has no restore. Write restore(state, meta), or use "
            "'last'."
        )
    if card.facets.selection != "last" and suite is not None:
        cells = [cell for cell in suite.suite.cells if "~val" not in cell]
        if cells:
            raise CardError(
                f"{card.name}: facets.selection is {card.facets.selection!r} and needs a "
                f"validation part; cell {cells[0]} has none. Use 'last'."
            )
    row = METHODS.get(card.method.trainer)
    if row is None or row.family != BACKBONE:
        return []
    return _check_weights(card.method, folder, str(settings.get("network", "")))


def _check_weights(part: MethodPart, folder: Path, network: str) -> list[str]:
    """Try a backbone's weights: whether they are there, and names and shapes of own ones."""
    from harness.models.loaders.addresses import model_file
    from harness.models.obtain.backbones import FAMILY, backbone_named, weights_path
    from harness.models.obtain.own_backbone import check_own, no_weights

    if part.weights is not None:
        check_own(model_file(folder, part.weights), network)
    elif network.partition("/")[0] not in ("", FAMILY):
        raise no_weights(network)
    elif network:
        try:
            weights_path(backbone_named(network))
        except CardError as error:  # of this machine, not of the card
            return [str(error)]
    return []


def _check_model(card: EntryCard, folder: Path, suite: Any) -> list[str]:
    from harness.models.loaders.addresses import model_file
    from harness.models.loaders.boxed import check_call, opener_of
    from harness.models.loaders.load import check_suffix, load_file
    from harness.models.loaders.timm_weights import (
        check_weights,
        known_arch,
        output_order,
        preprocessing_of,
    )
    from harness.models.loaders.trial import pass_few

    assert card.model is not None
    if card.model.arch:
        known_arch(card.model.arch)
    if card.model.call:
        check_call(card.model, folder)
    findings = _keys(card, card.model.files, suite, pools=False)
    problems: list[HarnessError] = []
    for key, file in card.model.files.items():
        what = f"{folder.name}/{file.path}"
        try:
            path = model_file(folder, file)
            check_suffix(card.model, file, what)
            part = _part(suite, key)
            names = None if part is None else part.test.class_names
            if opener_of(card.model, file):
                continue  # code is not run to be checked
            if path.suffix.lower() != WEIGHTS:
                found = load_file(card, folder, path, file, names, what)
                if part is not None:
                    pass_few(found, part.test)
            elif names is None:
                read_header(path)
            elif card.model.arch:
                network = check_weights(card, path, len(names))
                preprocessing_of(card.model, network)
                output_order(card.model.classes, names, what)
            else:
                load_file(card, folder, path, file, names, what)
        except HarnessError as error:
            problems.append(type(error)(f"{key}: {error}"))
    _raise_all(problems, card)
    return findings


def _check_predictions(card: EntryCard, folder: Path, suite: Any) -> list[str]:
    assert card.predictions is not None
    findings = _keys(card, card.predictions.files, suite, pools=True)
    problems: list[HarnessError] = []
    for key, file in card.predictions.files.items():
        try:
            path = checked_file(folder, file)
            if path.suffix.lower() not in FORMATS:
                read_arrays(path, None, None)
            pool = _pool(suite, key)
            if pool is not None:
                names = _part(suite, key).test.class_names
                notes = read_predictions(path, pool, names).numerics.get(NOTES, ())
                findings += [f"{key}: {note}" for note in notes]
            elif path.stat().st_size <= SMALL_FILE:
                read_arrays(path, None, None)
        except HarnessError as error:
            problems.append(type(error)(f"{key}: {error}"))
    _raise_all(problems, card)
    return findings


def _raise_all(problems: list[HarnessError], card: EntryCard) -> None:
    """Raise one error of all that is wrong, each file in its line, at most five of them."""
    if not problems:
        return
    more = f"\n… and {len(problems) - 5} more files of {card.name}." if len(problems) > 5 else ""
    raise type(problems[0])("\n".join(map(str, problems[:5])) + more)


def _part(suite: Any, key: str) -> Any:
    """Return the part of a suite that a file's key is about; None for another suite's key."""
    if key == ALL_CELLS and suite is not None:
        return suite.at(next(iter(suite.suite.cells)))
    cell = key.partition("/")[0].rpartition("-s")[0]
    return suite.at(cell) if suite is not None and cell in suite.suite.cells else None


def _pool(suite: Any, key: str) -> Any:
    """Return the pool that a file's key is about, training and validation rows included."""
    from harness.data.suites.open import pools_of  # with all readers of data: only for a check

    part = _part(suite, key)
    if part is None:
        return None
    job, _, name = key.partition("/")
    cell, _, seed = job.rpartition("-s")
    if name in ("train", "val"):
        split = part.split(cell, int(seed))
        return part.train_pool(split) if name == "train" else part.val_pool(split)
    if name.startswith("test@") and name.removeprefix("test@") in part.suite.views:
        return part.subsampled(part.split(cell, int(seed)), name.removeprefix("test@"))
    return pools_of(part).get(name)


def _datasets(suite: Any) -> list[str]:
    """Return the names of the data sets that a suite's cells are about."""
    return list(dict.fromkeys(suite.at(cell).dataset.name for cell in suite.suite.cells))


def _keys(card: EntryCard, files: Mapping[str, Any], suite: Any, *, pools: bool) -> list[str]:
    """Refuse keys that the suite's cells and seeds do not have; find cells without a file."""
    from harness.data.suites.open import pools_of  # with all readers of data: only for a check

    jobs, datasets, views = {}, [], []
    if suite is not None:
        jobs = {f"{c}-s{seed}": c for c in suite.suite.cells for seed in suite.suite.seeds}
        datasets = _datasets(suite)
        views = [f"test@{view}" for view in suite.suite.views]
    for key in files:
        if key == ALL_CELLS and not pools:
            continue
        job, _, pool = key.partition("/")
        if job not in jobs and key.partition("-")[0] in datasets:
            raise _no_such(card, key, job, jobs, suite, pools=pools)
        if pools and job in jobs:
            known = [*pools_of(suite.at(jobs[job])), "train", "val", *views]
            if pool not in known:
                raise _no_such(card, key, pool, known, suite, pools=pools)
    everywhere = ALL_CELLS in files and not pools
    wrong = wrong_key([key for key in files if not everywhere or key != ALL_CELLS], pools=pools)
    if wrong is not None:
        form = SCHEME.removesuffix(".npz") if pools else "<cell>-s<seed>"
        example = "digits-exp10-clean-s0" + ("/test" if pools else "")
        raise CardError(
            f"{card.name}: keys of [{card.kind}.files] are {form}, such as {example!r}; got "
            f"{wrong[:80]!r}. Rename it."
        )
    if suite is None:
        return [] if files else [f"[{card.kind}.files] names no file yet."]
    needed = [f"{job}/test" if pools else job for job in jobs]
    missing = [key for key in needed if key not in files and not everywhere]
    if not missing:
        return []
    return [
        f"{len(missing)} of {len(jobs)} jobs of {suite.suite.id} have no file, first "
        f"{missing[0]!r}; they will be marked failed."
    ]


def _no_such(
    card: EntryCard, key: str, wrong: str, known: Iterable[str], suite: Any, *, pools: bool
) -> CardError:
    names = list(known)
    near = closest(wrong, names)
    return CardError(
        f"{card.name}: {key!r} is not a cell and seed{' and pool' if pools else ''} of "
        f"{suite.suite.id}. "
        + (f"Did you mean {near!r}?" if near else f"Known: {', '.join(names[:6])}, …")
    )

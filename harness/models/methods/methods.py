"""The methods a card can name, and how a card and its recipe become one configuration.

`METHODS` is read from ``baselines/methods.toml``: nothing of a trainer is imported to list, check
or key it.
"""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from harness.errors import CardError
from harness.lookup import closest
from harness.types.models import EntryCard, FitContext, MethodPart, TrainedModel, TrainingData


class Method(BaseModel):
    """One row of `METHODS`: what trains an entry, and who described it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    trainer: str
    """``module:function`` of the fit function."""
    family: str
    """What it changes: ``control``, ``probe``, ``loss``, ``prior``, …"""
    title: str
    """As people write it."""
    paper: str = ""
    """Citation or URL; empty for textbook methods."""
    needs: tuple[str, ...] = ("torch",)
    """Optional packages it needs; without ``torch`` it always runs on the CPU."""


@dataclass(frozen=True)
class Trainer:
    """A trainer's code, imported: how it is configured, trains, and how its models come back."""

    fit: Callable[[TrainingData, FitContext], TrainedModel]
    """(training data, context) → trained model."""
    configure: Callable[[Mapping[str, Any]], dict[str, Any]]
    """Overrides → every setting, defaults filled in."""
    restore: Callable[[Mapping[str, Any], Mapping[str, Any]], TrainedModel]
    """(state, meta) → the model they describe."""


def trainer_of(part: MethodPart) -> str:
    """Return the ``module:function`` that a card's trainer names."""
    row = METHODS.get(part.trainer)
    return row.trainer if row is not None else part.trainer


def needs_of(part: MethodPart) -> tuple[str, ...]:
    """Return the optional packages of a card's trainer; torch when nothing is known of it."""
    rows = [row for name, row in METHODS.items() if part.trainer in (name, row.trainer)]
    return rows[0].needs if rows else ("torch",)


def trainer_problem(trainer: str, *, trust: bool = False) -> str | None:
    """Return why a trainer is refused, or None.

    Parameters
    ----------
    trainer : str
        What the card says: a name in METHODS or ``module:function``.
    trust : bool, default=False
        True: the user takes responsibility for running this code.
    """
    if trainer in METHODS:
        return None
    module, colon, function = trainer.partition(":")
    if not colon:
        near = closest(trainer, METHODS)
        hint = f"Did you mean {near!r}?" if near else f"Known: {', '.join(sorted(METHODS))}."
        return f"no method named {trainer!r}. {hint}"
    if not all(part.isidentifier() for part in [*module.split("."), function]):
        return f"must be 'module:function'; got {trainer!r}"
    if module.split(".")[0] == "baselines" or trust:
        return None
    return (
        f"{trainer!r} is code from outside this project and is not run unless you say so. "
        "Read it, then pass --trust."
    )


def package_folder(trainer: str) -> Path:
    """Return the folder of a trainer's top-level package, without importing anything.

    Raises
    ------
    CardError
        If there is no such package.
    """
    top = trainer.partition(":")[0].split(".")[0]
    spec = find_spec(top)
    if spec is None or spec.origin is None:
        raise CardError(
            f"The trainer {trainer!r} needs the package {top!r}, and Python finds none of that "
            "name. Install it, or run from the folder that holds it."
        )
    return Path(spec.origin).parent


def read_recipe(trainer: str, recipe: str, dataset: str) -> dict[str, Any]:
    """Return a recipe's settings for one data set.

    A recipe is ``<top package>/recipes/<recipe>.toml``: flat keys, and ``[dataset.<name>]``
    tables that override them for one data set.

    Raises
    ------
    CardError
        If the package has no such recipe or it is not TOML.
    """
    folder = package_folder(trainer) / "recipes"
    if Path(recipe).name != recipe or recipe.startswith("."):
        raise CardError(
            f"A recipe is a name of {folder.parent.name}/recipes, without a folder; got "
            f"{recipe[:80]!r}. Put the file there, or write its settings as overrides."
        )
    path = folder / f"{recipe}.toml"
    if not path.is_file():
        known = sorted(p.stem for p in folder.glob("*.toml"))
        near = closest(recipe, known)
        hint = f"Did you mean {near!r}?" if near else f"Known: {', '.join(known) or 'none'}."
        raise CardError(f"No recipe named {recipe!r} beside {trainer}. {hint}")
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise CardError(f"{path.name} is not TOML: {error}.") from None
    special: Mapping[str, Any] = settings.pop("dataset", {})
    return settings | dict(special.get(dataset, {}))


def settings_of(card: EntryCard, dataset: str) -> tuple[str, dict[str, Any]]:
    """Return a card's trainer and what recipe and overrides say, without importing the trainer.

    Parameters
    ----------
    card : EntryCard
        Of kind ``method``.
    dataset : str
        Name in DATASETS: chooses the recipe's ``[dataset.<name>]`` table.
    """
    assert card.method is not None
    trainer = trainer_of(card.method)
    recipe = card.method.recipe
    settings = read_recipe(trainer, recipe, dataset) if recipe else {}
    return trainer, settings | dict(card.method.overrides)


def load_trainer(trainer: str) -> Trainer:
    """Import a trainer's module and return its parts.

    `configure` and `restore` are attributes of the function, which all methods of ``baselines``
    have, or functions beside it in its module: ``configure(function, overrides)`` and
    ``restore(state, meta)``.

    Raises
    ------
    CardError
        If the module or one of the three does not exist.
    """
    name, _, function = trainer.partition(":")
    try:
        module = import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not name.startswith(error.name):
            raise CardError(
                f"The trainer {trainer!r} needs the package {error.name!r}, which is not "
                "installed. Run: pip install 'tailmark[torch]'"
            ) from None
        raise CardError(f"The trainer {trainer!r} names no module: {error}.") from None
    fit = getattr(module, function, None)
    if not callable(fit):
        near = closest(function, [n for n in dir(module) if n.startswith("fit")])
        hint = f" Did you mean {near!r}?" if near else ""
        raise CardError(f"{name} offers no function {function!r}.{hint}")
    if hasattr(fit, "configure") and hasattr(fit, "restore"):
        return Trainer(fit, fit.configure, fit.restore)
    for needed in ("configure", "restore"):
        if not callable(getattr(module, needed, None)):
            raise CardError(f"{name} offers no function {needed!r} beside {function!r}. Write it.")
    return Trainer(fit, lambda overrides: module.configure(function, overrides), module.restore)


def resolve_config(card: EntryCard, dataset: str) -> tuple[str, dict[str, Any]]:
    """Return a card's trainer and its whole configuration, defaults filled in.

    Order of precedence, last wins: the trainer's defaults, the recipe, the recipe's table for
    this data set, the card's overrides. Imports the trainer's module.

    Raises
    ------
    CardError
        If recipe, module, function or a setting does not exist.
    """
    trainer, settings = settings_of(card, dataset)
    return trainer, dict(load_trainer(trainer).configure(settings))


def read_methods(path: Path) -> dict[str, Method]:
    """Return the methods of a file: name on cards → what trains it.

    Raises
    ------
    CardError
        If the file is missing, is not TOML or a row lacks or adds a field.
    """
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8"))
        return {name: Method(**row) for name, row in rows.items()}
    except (OSError, tomllib.TOMLDecodeError, ValidationError, TypeError) as error:
        raise CardError(f"{path} should be the table of methods: {error}") from None


METHODS = read_methods(package_folder("baselines") / "methods.toml")
"""Name on cards → what trains it."""

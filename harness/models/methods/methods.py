"""The methods a card can name, and how a card and its recipe become one configuration.

`METHODS` is read from ``baselines/methods.toml``: nothing of a trainer is imported to list, check
or key it.
"""

import inspect
import tomllib
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from harness.errors import CardError, HarnessError, TrainingError
from harness.lookup import closest
from harness.models.methods.most import check_most
from harness.models.methods.own import make_importable, own_home, top_of
from harness.types.models import EntryCard, FitContext, MethodPart, TrainedModel, TrainingData

BACKBONE = "backbone"
"""Family of the methods that train nothing and hand out a pre-trained network's features."""


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
    fitted: bool = True
    """False: its model depends on its settings alone, not on rows, labels or seed. It is made once
    for all jobs of one number of classes, and so is what it says of a pool."""
    auxiliary: bool = False
    """Whether it trains against outliers that the card names (``method.auxiliary``)."""
    weights: bool = False
    """Whether a card may bring weights of its own (``method.weights``)."""


@dataclass(frozen=True)
class Trainer:
    """A trainer's code, imported: how it is configured, trains, and how its models come back."""

    fit: Callable[[TrainingData, FitContext], Any]
    """(training data, context) → trained model, or a plain one where there is no `restore`."""
    configure: Callable[[Mapping[str, Any]], dict[str, Any]]
    """Overrides → every setting, defaults filled in."""
    restore: Callable[[Mapping[str, Any], Mapping[str, Any]], TrainedModel] | None
    """(state, meta) → the model they describe; None: models are not kept, only what they said."""
    sandboxed: Any = None
    """Where it runs, for a trainer from outside; None: in this process."""


def trainer_of(part: MethodPart) -> str:
    """Return the ``module:function`` that a card's trainer names."""
    row = METHODS.get(part.trainer)
    return row.trainer if row is not None else part.trainer


def needs_of(part: MethodPart) -> tuple[str, ...]:
    """Return the optional packages of a card's trainer; torch when nothing is known of it."""
    row = _row_of(part.trainer)
    return ("torch",) if row is None else row.needs


def is_fitted(trainer: str) -> bool:
    """Return whether a trainer looks at its data; True when nothing is known of it."""
    row = _row_of(trainer)
    return row is None or row.fitted


def _row_of(trainer: str) -> Method | None:
    rows = [row for name, row in METHODS.items() if trainer in (name, row.trainer)]
    return rows[0] if rows else None


def trainer_problem(trainer: str, *, trust: bool = False) -> str | None:
    """Return why a trainer is refused, or None.

    Parameters
    ----------
    trainer : str
        What the card says: a name in METHODS or ``module:function``.
    trust : bool, default=False
        True: this code runs in a sandbox, or the user takes responsibility for it.
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
        f"{trainer!r} is code from outside this project, and this machine has no sandbox for it. "
        "Install bubblewrap (docs/sandbox.md); or read the code, then pass --trust."
    )


def package_folder(trainer: str, folder: Path | None = None) -> Path:
    """Return the folder of a trainer's code, without importing anything: its package or file.

    Parameters
    ----------
    trainer : str
        ``module:function``, or a module.
    folder : Path, optional
        The entry's, where its own files are looked for first.

    Raises
    ------
    CardError
        If there is no such package.
    """
    root, top = code_root(trainer, folder), top_of(trainer)
    return root / top if (root / top / "__init__.py").is_file() else root


def code_root(trainer: str, folder: Path | None = None) -> Path:
    """Return the folder that the names of a trainer's modules are relative to.

    Parameters
    ----------
    trainer, folder
        As in `package_folder`.

    Raises
    ------
    CardError
        If there is no such package.
    """
    top, home = top_of(trainer), own_home(trainer, folder)
    if home is not None:
        return home
    spec = find_spec(top)
    if spec is None or spec.origin is None:
        where = "" if folder is None else f" Put {top}.py into {folder.name}/,"
        raise CardError(
            f"The trainer {trainer!r} needs the package {top!r}, and Python finds none of that "
            f"name.{where or ' Install it,'} or run from the folder that holds it."
        )
    here = Path(spec.origin).parent
    return here.parent if spec.submodule_search_locations else here


def read_recipe(
    trainer: str, recipe: str, dataset: str, folder: Path | None = None
) -> dict[str, Any]:
    """Return a recipe's settings for one data set.

    A recipe is ``recipes/<recipe>.toml`` in the trainer's top package, or beside its file: flat
    keys, and ``[dataset.<name>]`` tables that override them for one data set.

    Raises
    ------
    CardError
        If the package has no such recipe or it is not TOML.
    """
    home = package_folder(trainer, folder) / "recipes"
    if Path(recipe).name != recipe or recipe.startswith("."):
        raise CardError(
            f"A recipe is a name of {home.parent.name}/recipes, without a folder; got "
            f"{recipe[:80]!r}. Put the file there, or write its settings as overrides."
        )
    path = home / f"{recipe}.toml"
    if not path.is_file():
        known = sorted(p.stem for p in home.glob("*.toml"))
        near = closest(recipe, known)
        hint = f"Did you mean {near!r}?" if near else f"Known: {', '.join(known) or 'none'}."
        raise CardError(f"No recipe named {recipe!r} beside {trainer}. {hint}")
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise CardError(f"{path.name} is not TOML: {error}.") from None
    special: Mapping[str, Any] = settings.pop("dataset", {})
    return settings | dict(special.get(dataset, {}))


def settings_of(
    card: EntryCard, dataset: str, folder: Path | None = None
) -> tuple[str, dict[str, Any]]:
    """Return a card's trainer and what recipe and overrides say, without importing the trainer.

    Where the card brings weights, the setting ``weights`` is their sha256.

    Parameters
    ----------
    card : EntryCard
        Of kind ``method``.
    dataset : str
        Name in DATASETS: chooses the recipe's ``[dataset.<name>]`` table.
    folder : Path, optional
        The entry's.

    Raises
    ------
    CardError
        If the recipe cannot be read, or a setting asks for more than `MOST`.
    """
    assert card.method is not None
    trainer = trainer_of(card.method)
    recipe = card.method.recipe
    settings = read_recipe(trainer, recipe, dataset, folder) if recipe else {}
    settings |= dict(card.method.overrides)
    if card.method.weights is not None:
        settings["weights"] = card.method.weights.sha256
    check_most(card.name, settings)
    return trainer, settings


def load_trainer(trainer: str, folder: Path | None = None) -> Trainer:
    """Import a trainer's module and return its parts.

    `configure` and `restore` are attributes of the function, which all methods of ``baselines``
    have, or functions beside it in its module: ``configure(function, overrides)`` and
    ``restore(state, meta)``. Neither is needed: without the first every setting of recipe and
    card is handed on as it is, without the second models are not kept.

    Parameters
    ----------
    trainer : str
        ``module:function``.
    folder : Path, optional
        The entry's, where its own files are looked for first.

    Raises
    ------
    CardError
        If the module or the function does not exist, or the module cannot be imported.
    TrainingError
        If the code is no longer what this process imported.
    """
    name, _, function = trainer.partition(":")
    module = _imported(trainer, folder)
    fit = getattr(module, function, None)
    if not callable(fit):
        near = closest(function, [n for n in dir(module) if n.startswith("fit")])
        hint = f" Did you mean {near!r}?" if near else ""
        raise CardError(f"{name} offers no function {function!r}.{hint}")
    if hasattr(fit, "configure") and hasattr(fit, "restore"):
        return Trainer(fit, fit.configure, fit.restore)
    if (wrong := _wrong_arguments(fit)) is not None:
        raise CardError(f"{trainer} must take two arguments, (train, ctx); it takes {wrong}.")
    configure = getattr(module, "configure", None)
    return Trainer(
        fit,
        dict if configure is None else lambda overrides: configure(function, overrides),
        getattr(module, "restore", None),
    )


def _wrong_arguments(fit: Callable[..., Any]) -> str | None:
    """Return the arguments of a function that cannot be called with two, else None."""
    try:
        signature = inspect.signature(fit)
        signature.bind(None, None)
    except TypeError:
        return str(signature)
    except ValueError:  # nothing is known of it
        return None
    return None


def _imported(trainer: str, folder: Path | None) -> ModuleType:
    """Return a trainer's module, whose code is what the keys say it is."""
    from harness.models.methods.code import code_sha256

    name, home = trainer.partition(":")[0], own_home(trainer, folder)
    if home is not None:
        make_importable(home, code_sha256(trainer, folder))
    code_root(trainer, folder)  # names what is missing better than an import does
    try:
        module = import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not name.startswith(error.name):
            raise CardError(
                f"The trainer {trainer!r} needs the package {error.name!r}, which is not "
                "installed. Run: pip install 'tailmark[torch]'"
            ) from None
        raise CardError(f"The trainer {trainer!r} names no module: {error}.") from None
    except Exception as error:  # whatever foreign code does when it is read
        raise CardError(f"The trainer {trainer!r} cannot be imported: {where(error)}.") from error
    if home is None:
        code = code_sha256(trainer, folder)
        if _READ.setdefault(trainer, code) != code:
            raise TrainingError(
                f"The code of {trainer} changed since this process imported it, so what it trains "
                "is not what the file says. Start Python again, or run the command again."
            )
    return module


_READ: dict[str, str] = {}
"""Trainer → identity of its code when it was imported."""


def where(error: BaseException) -> str:
    """Return what happened in foreign code, and in which line of which file, in one clause.

    Examples
    --------
    >>> where(ValueError("no such thing"))
    'ValueError: no such thing'
    """
    first = (str(error).splitlines() or [""])[0]
    said = f"{type(error).__name__}: {first}" if first else type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)
    if isinstance(error, SyntaxError):
        return f"{said} ({error.filename})"
    if not frames:
        return said
    return f"{said} ({Path(frames[-1].filename).name}, line {frames[-1].lineno})"


def resolve_config(
    card: EntryCard, dataset: str, folder: Path | None = None, parts: Trainer | None = None
) -> tuple[str, dict[str, Any]]:
    """Return a card's trainer and its whole configuration, defaults filled in.

    Order of precedence, last wins: the trainer's defaults, the recipe, the recipe's table for
    this data set, the card's overrides. Imports the trainer's module.

    Parameters
    ----------
    card : EntryCard
        Of kind ``method``.
    dataset : str
        Name in DATASETS.
    folder : Path, optional
        The entry's.
    parts : Trainer, optional
        The trainer's functions; default: imported here.

    Raises
    ------
    CardError
        If recipe, module, function or a setting does not exist.
    """
    trainer, settings = settings_of(card, dataset, folder)
    configure = (parts or load_trainer(trainer, folder)).configure
    try:
        return trainer, dict(configure(settings))
    except HarnessError:
        raise
    except Exception as error:  # a foreign function refuses in its own way
        raise CardError(f"{card.name}: {trainer} refuses its settings: {where(error)}.") from error


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

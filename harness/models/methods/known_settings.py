"""What can be known of a trainer from its text alone: whether it exists, and its settings' names.

No trainer is imported, so a card can be checked without trusting or waiting for its code.
"""

import ast
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError

from harness.errors import CardError
from harness.lookup import closest
from harness.models.methods.code import closure


def check_settings(trainer: str, settings: Mapping[str, Any], folder: Path | None = None) -> None:
    """Refuse a trainer that does not exist, or a setting that it has not.

    A fit function's settings are known where it is decorated with their class, as in
    ``baselines``: ``@neural(Settings)``. Elsewhere only its existence is.

    Parameters
    ----------
    trainer : str
        ``module:function``.
    settings : mapping
        Of recipe and card.
    folder : Path, optional
        The entry's, where its own files are looked for first.

    Raises
    ------
    CardError
        With the closest name that exists.
    """
    module, _, function = trainer.partition(":")
    modules = closure(module, folder)
    tree = _tree(modules[module])
    defined = _defined(tree)
    if function not in defined:
        near = closest(function, [n for n in defined if not n.startswith("_")])
        hint = f" Did you mean {near!r}?" if near else ""
        raise CardError(f"{module} offers no function {function!r}.{hint}")
    _check_arguments(tree, trainer)
    kind = _settings_class(tree, function)
    known = None if kind is None else _fields(kind, module, modules)
    if known is None:
        return
    for name, value in settings.items():
        if name not in known:
            near = closest(name, known)
            hint = f"Did you mean {near!r}?" if near else f"Known: {', '.join(sorted(known))}."
            raise CardError(f"{function} has no setting {name!r}. {hint}")
        if module.split(".")[0] == VOCABULARY.split(".")[0]:  # annotations of others are not run
            _check_value(name, value, known[name])


VOCABULARY = "baselines.settings"
"""Module whose names for ranges (`Positive`, `Share`, …) annotations of settings use: it holds no
trainer, and so may be imported."""


def _check_value(name: str, value: Any, annotation: str) -> None:
    """Refuse a value of another type or range than its annotation, where that is of plain words."""
    module = import_module(VOCABULARY)
    words = {"Annotated": Annotated, "Literal": Literal, **vars(module)}
    try:
        kind = eval(annotation, {"__builtins__": _PLAIN}, words)  # text of our own package
    except (NameError, AttributeError, TypeError):
        return  # a word of the method's own module: said when it is configured
    given = tuple(value) if isinstance(value, list) else value
    try:
        strict = ConfigDict(strict=True, allow_inf_nan=False)
        adapter: Any = TypeAdapter(kind, config=strict)
        adapter.validate_python(given)
    except ValidationError as error:
        said = error.errors(include_url=False)[0]["msg"]
        raise CardError(
            f"{name}: {said[0].lower()}{said[1:]}; got {str(value)[:80]!r}. Correct it."
        ) from None
    except PydanticUserError:
        return


_PLAIN = {kind.__name__: kind for kind in (bool, int, float, str, tuple, list, dict)}


def can_restore(trainer: str, folder: Path | None = None) -> bool:
    """Return whether models of a trainer can be made again from what was kept of them.

    Parameters
    ----------
    trainer, folder
        As in `check_settings`.
    """
    module, _, function = trainer.partition(":")
    tree = _tree(closure(module, folder)[module])
    decorated = any(bool(node.decorator_list) for node in _functions(tree, function))
    return decorated or "restore" in _defined(tree)


def _functions(tree: ast.Module, name: str) -> list[ast.FunctionDef]:
    return [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == name]


def _check_arguments(tree: ast.Module, trainer: str) -> None:
    """Refuse a function that cannot be called with training data and context."""
    for node in _functions(tree, trainer.partition(":")[2]):
        taken = node.args
        most = len(taken.posonlyargs) + len(taken.args)
        least = most - len(taken.defaults)
        named = any(default is None for default in taken.kw_defaults)
        enough = least <= 2 and (most >= 2 or taken.vararg is not None)
        if not node.decorator_list and (named or not enough):
            raise CardError(
                f"{trainer} must take two arguments, (train, ctx); it takes "
                f"({ast.unparse(taken)}). Give the others defaults."
            )


def _tree(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, OSError) as error:
        raise CardError(f"{path} is not Python: {error}.") from None


def _defined(tree: ast.Module) -> set[str]:
    """Return the names that a module binds at its top level."""
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {t.id for t in node.targets if isinstance(t, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
    return names


def _settings_class(tree: ast.Module, function: str) -> str | None:
    """Return the class that a fit function's decorator names, or None."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == function:
            for decorator in node.decorator_list:
                if isinstance(decorator, ast.Call) and decorator.args:
                    first = decorator.args[0]
                    return first.id if isinstance(first, ast.Name) else None
    return None


def _fields(kind: str, module: str, modules: Mapping[str, Path]) -> dict[str, str] | None:
    """Return the fields of a class and its bases with their annotations' text, None if unknown."""
    if kind == "BaseModel":
        return {}
    tree = _tree(modules[module])
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == kind:
            found: dict[str, str] = {}
            for base in node.bases:
                above = _fields(base.id, module, modules) if isinstance(base, ast.Name) else None
                if above is None:
                    return None
                found |= above
            return found | {
                item.target.id: ast.unparse(item.annotation)
                for item in node.body
                if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
            }
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module in modules:
            for alias in node.names:
                if (alias.asname or alias.name) == kind:
                    return _fields(alias.name, str(node.module), modules)
        if isinstance(node, ast.ImportFrom) and kind in {a.asname or a.name for a in node.names}:
            return {} if kind == "BaseModel" else None
    return None

"""The identity of a trainer's code: its module and what that reaches by import, read by `ast`.

Nothing is imported or run, so a card can be keyed and checked without trusting its code.
"""

import ast
import hashlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from harness.errors import CardError
from harness.models.methods.methods import package_folder


def code_sha256(trainer: str) -> str:
    """Return the sha256 over (path, bytes) of all code of the trainer's package it can reach.

    Reached are the trainer's module, every module of the same top-level package that is
    imported anywhere in a reached one (also inside functions), and the ``__init__`` of each
    package on the way. Other packages are not part of it: their versions are recorded instead.

    Parameters
    ----------
    trainer : str
        ``module:function``; the function does not matter.

    Returns
    -------
    str
        64 hexadecimal digits.

    Raises
    ------
    CardError
        If there is no such module or it is not Python.
    """
    digest = hashlib.sha256()
    for name, path in sorted(closure(trainer.partition(":")[0]).items()):
        relative = name.replace(".", "/") + ("/__init__" if path.name == "__init__.py" else "")
        digest.update(f"{relative}\0{_read(*_stamp(path))[0]}\n".encode())
    return digest.hexdigest()


def closure(module: str) -> dict[str, Path]:
    """Return the modules of the same top-level package that `module` reaches: name → file."""
    top = module.split(".")[0]
    root = package_folder(module).parent
    found: dict[str, Path] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in found or name.split(".")[0] != top:
            continue
        path = _locate(root, name)
        if path is None:
            if name == module:
                raise CardError(f"The trainer's module {module!r} has no file below {root / top}.")
            continue  # a name inside a module: `from package.module import function`
        found[name] = path
        waiting += _ancestors(name)
        waiting += _absolute(_read(*_stamp(path))[1], name, is_package=path.name == "__init__.py")
    return found


def _locate(root: Path, name: str) -> Path | None:
    stem = root.joinpath(*name.split("."))
    for path in (stem / "__init__.py", stem.with_name(stem.name + ".py")):
        if path.is_file():
            return path
    return None


def _ancestors(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:k]) for k in range(1, len(parts))]


def _absolute(
    imports: tuple[tuple[int, str], ...], name: str, *, is_package: bool
) -> Iterator[str]:
    """Yield imports as absolute module names; ``(level, dotted)`` as `ast` gives them."""
    package = name.split(".") if is_package else name.split(".")[:-1]
    for level, dotted in imports:
        if level == 0:
            yield dotted
        else:
            above = package[: len(package) - (level - 1)]
            yield ".".join([*above, dotted] if dotted else above)


def _stamp(path: Path) -> tuple[Path, int, int]:
    status = path.stat()
    return path, status.st_mtime_ns, status.st_size


@lru_cache(maxsize=4096)
def _read(path: Path, mtime: int, size: int) -> tuple[str, tuple[tuple[int, str], ...]]:
    """Return a file's sha256 and what it imports; read again only when the file changed."""
    source = path.read_bytes()
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise CardError(f"{path} is not Python: {error.msg} in line {error.lineno}.") from None
    return hashlib.sha256(source).hexdigest(), tuple(_imports(tree))


def _imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((0, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            yield node.level, module
            for alias in node.names:  # each may be a module or a name inside one
                yield node.level, f"{module}.{alias.name}" if module else alias.name

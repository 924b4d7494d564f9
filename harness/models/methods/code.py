"""The identity of code: the syntax trees of a module and of what it reaches by import.

Nothing is imported or run, so a card can be keyed and checked without trusting its code.
Docstrings, comments, blank lines and what only type checkers read are not part of it: a corrected
sentence changes no key.
"""

import ast
import hashlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from harness.errors import CardError
from harness.models.methods.methods import code_root
from harness.models.methods.own import OURS, holds, own_home, top_of


def code_sha256(trainer: str, folder: Path | None = None) -> str:
    """Return the sha256 over (path, syntax tree) of all code of its package that it can reach.

    Reached are the trainer's module, every module of the same top-level package that is
    imported anywhere in a reached one (also inside functions, but not under
    ``if TYPE_CHECKING:``), and the ``__init__`` of each package on the way. A trainer of an
    entry's own also reaches the files beside it, and whatever it takes from ``baselines``. Other
    packages are not part of it: their versions are recorded instead.

    Parameters
    ----------
    trainer : str
        ``module:function``; the function does not matter.
    folder : Path, optional
        The entry's, where its own files are looked for first.

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
    for name, path in sorted(closure(trainer.partition(":")[0], folder).items()):
        relative = name.replace(".", "/") + ("/__init__" if path.name == "__init__.py" else "")
        digest.update(f"{relative}\0{_read(*_stamp(path))[0]}\n".encode())
    return digest.hexdigest()


def imported_packages(trainer: str, folder: Path | None = None) -> set[str]:
    """Return the top-level packages that a trainer's own code imports, found without running it.

    Parameters
    ----------
    trainer, folder
        As in `code_sha256`.
    """
    found = set()
    for name, path in closure(trainer.partition(":")[0], folder).items():
        imports = _read(*_stamp(path))[1]
        package = path.name == "__init__.py"
        found |= {dotted.split(".")[0] for dotted in _absolute(imports, name, is_package=package)}
    return found - {""}


def closure(module: str, folder: Path | None = None) -> dict[str, Path]:
    """Return the modules that `module` reaches as in `code_sha256`: name → file."""
    top, home = top_of(module), own_home(module, folder)
    roots: dict[str, Path | None] = {top: code_root(module, folder)}
    if top in OURS:  # of two of our packages the other one is recorded, not keyed
        roots |= dict.fromkeys(OURS - {top})
    found: dict[str, Path] = {}
    waiting, met = [module], set[str]()
    while waiting:
        name = waiting.pop()
        if name in met:
            continue
        met.add(name)
        first = name.split(".")[0]
        if first not in roots:
            roots[first] = _root_of(first, home)
        root = roots[first]
        if root is None:
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


def _root_of(top: str, home: Path | None) -> Path | None:
    """Return where a package lies whose code is part of a foreign trainer's, else None."""
    if top == "baselines":
        return code_root(top)
    return home if home is not None and top not in OURS and holds(home, top) else None


def _locate(root: Path, name: str) -> Path | None:
    stem = name.replace(".", "/")
    for path in (root / f"{stem}/__init__.py", root / f"{stem}.py"):
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
    """Return the sha256 of a file's syntax and what it imports; read again only when it changed."""
    try:
        tree = ast.parse(path.read_bytes())
    except SyntaxError as error:
        raise CardError(f"{path} is not Python: {error.msg} in line {error.lineno}.") from None
    return hashlib.sha256(syntax(tree).encode()).hexdigest(), tuple(_imports(tree))


def syntax(tree: ast.AST) -> str:
    r"""Return one text of what a program does, whatever its layout, comments and docstrings.

    Written here and not by `ast.dump`, whose form changes with the version of Python: the same
    file has the same text under each.

    Parameters
    ----------
    tree : ast.AST
        Of a module, or a part of one.

    Examples
    --------
    >>> one = ast.parse("def f(x):\n    'Says what f does.'\n    return x+1  # why")
    >>> syntax(one) == syntax(ast.parse("def f(x): return (x + 1)"))
    True
    """
    fields = []
    for name, value in ast.iter_fields(tree):
        if name in _NO_MEANING or value is None or value == []:
            continue
        if isinstance(value, list):
            parts = [_part(item) for item in value if not _is_unread(item)]
            fields.append(f"{name}=[{','.join(parts)}]")
        else:
            fields.append(f"{name}={_part(value)}")
    return f"{type(tree).__name__}({' '.join(fields)})"


_NO_MEANING = {"ctx", "kind", "type_comment", "type_ignores"}
"""Fields of nodes that follow from the others, or that nothing reads at run time."""


def _part(value: object) -> str:
    return syntax(value) if isinstance(value, ast.AST) else f"{type(value).__name__}:{value!r}"


def _is_unread(node: object) -> bool:
    """Return whether a statement does nothing at run time: text, or for type checkers."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    return _is_for_type_checkers(node) and isinstance(node, ast.If) and not node.orelse


def _is_for_type_checkers(node: object) -> bool:
    if not isinstance(node, ast.If):
        return False
    test = node.test
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", "")
    return name == "TYPE_CHECKING"


def _imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield what is imported at run time as ``(level, dotted name)``."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and _is_for_type_checkers(node):
            waiting += node.orelse
            continue
        # An expression holds no import, and most nodes are below expressions.
        waiting += (n for n in ast.iter_child_nodes(node) if not isinstance(n, ast.expr))
        if isinstance(node, ast.Import):
            yield from ((0, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            yield node.level, module
            for alias in node.names:  # each may be a module or a name inside one
                yield node.level, f"{module}.{alias.name}" if module else alias.name

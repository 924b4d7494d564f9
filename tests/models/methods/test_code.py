"""The identity of code: what a trainer reaches changes it, everything else does not."""

import ast
import sys
from pathlib import Path

import pytest

import harness
from harness.errors import CardError
from harness.models.methods.code import closure, code_sha256, syntax

FILES = {
    "__init__.py": "",
    "main.py": "from boxed import near\nfrom boxed.deep.inner import thing\nimport numpy\n",
    "near.py": "def f():\n    from . import lazy\n",
    "lazy.py": "from .deep import *\n",
    "unrelated.py": "",
    "deep/__init__.py": "from ..cousin import x\n",
    "deep/inner.py": "thing = 1\n",
    "cousin.py": "import boxed.main\nx = 1\n",
}


@pytest.fixture
def boxed(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "boxed"
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    assert "boxed" not in sys.modules, "keying must not import"


def test_the_closure_follows_every_form_of_import(boxed):
    assert sorted(closure("boxed.main")) == [
        "boxed",
        "boxed.cousin",
        "boxed.deep",
        "boxed.deep.inner",
        "boxed.lazy",
        "boxed.main",
        "boxed.near",
    ]


@pytest.mark.parametrize("name", [name for name in FILES if name != "unrelated.py"])
def test_every_reached_file_changes_the_identity(boxed, name):
    before = code_sha256("boxed.main:fit")
    (boxed / name).write_text(FILES[name] + "y = 2\n")
    assert code_sha256("boxed.main:fit") != before


WORDS = {
    "comment": ("x = 1\n", "# why\nx = 1  # one\n"),
    "layout": ("def f(a, b):\n    return a + b\n", "def f(\n    a,\n    b,\n): return (a+b)\n"),
    "docstring of a module": ("x = 1\n", '"""Says what x is."""\n\nx = 1\n'),
    "docstring of a function": (
        "def f():\n    return 1\n",
        'def f():\n    """One."""\n    return 1\n',
    ),
    "docstring of a class": ("class A:\n    x = 1\n", 'class A:\n    """An A."""\n    x = 1\n'),
    "docstring of a field": ("class A:\n    x = 1\n", 'class A:\n    x = 1\n    """One."""\n'),
    "quotes": ("x = 'a'\n", 'x = "a"\n'),
    "import for type checkers": (
        "from typing import TYPE_CHECKING\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from boxed import unrelated\n",
    ),
}


@pytest.mark.parametrize("what", WORDS)
def test_words_and_layout_are_no_part_of_it(boxed, what):
    before, after = WORDS[what]
    (boxed / "near.py").write_text(before)
    identity = code_sha256("boxed.main:fit")
    (boxed / "near.py").write_text(after)
    assert code_sha256("boxed.main:fit") == identity


ACTS = [
    ("x = 1\n", "x = 2\n"),
    ("x = 1\n", "x = 1.0\n"),
    ("x = 1\n", "x = True\n"),
    ("x = 'a'\n", "x = b'a'\n"),
    ("x = 'a'\n", "x = 'a' 'b'\n"),
    ("x = a + b\n", "x = a - b\n"),
    ("x = a + b\n", "x = b + a\n"),
    ("x = a < b < c\n", "x = a < b\n"),
    ("def f(a=1): return a\n", "def f(*, a=1): return a\n"),
    ("def f(a, b=1): return a\n", "def f(a, *, b=1): return a\n"),
    ("def f(a: int): return a\n", "def f(a: float): return a\n"),
    ("@g\ndef f(): return 1\n", "def f(): return 1\n"),
    ("x = [1]\n", "x = (1,)\n"),
    ("x = {**a, 'b': 1}\n", "x = {a: 'b', 1: 1}\n"),
    ("print('said')\n", "'said'\n"),
    ("import a.b\n", "import a.b as b\n"),
    ("from . import x\n", "from .. import x\n"),
    ("x = f'{a!r}'\n", "x = f'{a!s}'\n"),
    ("if a:\n    b()\nelse:\n    c()\n", "if a:\n    b()\nc()\n"),
    ("for a in b:\n    c()\n", "async def f():\n    async for a in b:\n        c()\n"),
]
"""Pairs of programs that do not do the same."""


@pytest.mark.parametrize(("one", "other"), ACTS)
def test_whatever_is_done_is_part_of_it(one, other):
    assert syntax(ast.parse(one)) != syntax(ast.parse(other))


def test_a_guard_of_type_checkers_reaches_only_its_other_branch(boxed):
    guard = (
        "if TYPE_CHECKING:\n    from boxed import unrelated\nelse:\n    from boxed import lazy\n"
    )
    (boxed / "near.py").write_text(f"import typing\nfrom typing import TYPE_CHECKING\n{guard}")
    assert "boxed.lazy" in closure("boxed.near") and "boxed.unrelated" not in closure("boxed.near")
    (boxed / "near.py").write_text(
        "import typing\nif typing.TYPE_CHECKING:\n    import boxed.lazy\n"
    )
    assert sorted(closure("boxed.near")) == ["boxed", "boxed.near"]


def test_every_syntax_tree_of_ours_has_its_own_text():
    """No two modules of the project collide, and every node kind in use is written."""
    root = Path(harness.__file__).parent.parent
    trees = {path: ast.parse(path.read_text()) for path in root.glob("harness/**/*.py")}
    texts = {syntax(tree) for tree in trees.values() if len(tree.body) > 1}
    assert len(texts) == sum(len(tree.body) > 1 for tree in trees.values())


def test_an_unreached_file_does_not(boxed):
    before = code_sha256("boxed.main:fit")
    (boxed / "unrelated.py").write_text("y = 2\n")
    assert code_sha256("boxed.main:fit") == before


def test_the_place_of_the_package_does_not_matter(boxed, tmp_path, monkeypatch):
    before = code_sha256("boxed.main:fit")
    moved = tmp_path / "elsewhere" / "boxed"
    moved.parent.mkdir()
    boxed.rename(moved)
    monkeypatch.syspath_prepend(moved.parent)
    assert code_sha256("boxed.main:fit") == before


def test_a_missing_module_or_package_is_named(boxed):
    with pytest.raises(CardError, match="'boxed.nothing' has no file"):
        code_sha256("boxed.nothing:fit")
    with pytest.raises(CardError, match="needs the package 'nowhere_at_all'"):
        code_sha256("nowhere_at_all.x:fit")


def test_code_that_is_not_python_is_refused(boxed):
    (boxed / "near.py").write_text("def (:\n")
    with pytest.raises(CardError, match="is not Python: .* in line 1"):
        code_sha256("boxed.main:fit")

"""The identity of code: what a trainer reaches changes it, everything else does not."""

import sys
from pathlib import Path

import pytest

from harness.errors import CardError
from harness.models.methods.code import closure, code_sha256

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
    (boxed / name).write_text(FILES[name] + "# a changed comment\n")
    assert code_sha256("boxed.main:fit") != before


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

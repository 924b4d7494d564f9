"""What a user says about a data set of their own, and whether two of one name are the same."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from harness.data.pools.decoding import DECODING
from harness.data.sets.hub import split_reference
from harness.errors import DataError
from harness.types import DatasetSpec, Identity

READING: Mapping[str, int] = {"image": DECODING, "table": 3}
"""Modality → version of what reading means; raised when the same file gives other inputs.

Sets that were prepared by an older reading are refused, so that no number is made from them.
"""
_COLUMNS = ("table", "openml", "hf")
_IMAGES = ("folder", "hf")
_TABLES = ("table", "openml")
_FILES = ("table",)
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Options:
    """What a user may say about a data set of their own.

    Every field but `name` belongs to the identity of the prepared set: a new option is one field
    with the flag that sets it and, where it is not for all, the kinds of source that it is for.
    """

    name: str = ""
    """What to call it in split ids; empty: made from the reference."""
    target: str = field(default="", metadata={"flag": "--target", "kinds": _COLUMNS})
    """Column to predict; empty: the one that the source names, the last one of a CSV file."""
    size: int | None = field(default=None, metadata={"flag": "--size", "kinds": _IMAGES})
    """Side in pixels that images are scaled to; None: as they are."""
    near: tuple[str, ...] = field(default=(), metadata={"flag": "--near"})
    """Sources of near-OOD sets: ``folder:``, ``hf:`` or ``table:`` and where they lie."""
    far: tuple[str, ...] = field(default=(), metadata={"flag": "--far"})
    """Sources of far-OOD sets."""
    background: str = field(default="white", metadata={"flag": "--background", "kinds": _IMAGES})
    """Colour that transparent images are laid over."""
    header: bool = field(default=True, metadata={"flag": "--header", "kinds": _FILES})
    """Whether the first line of a CSV file has names."""
    separator: str = field(default="", metadata={"flag": "--separator", "kinds": _FILES})
    """What stands between values of a text file; empty: found out."""
    decimal: str = field(default="", metadata={"flag": "--decimal", "kinds": _TABLES})
    """Decimal sign of numbers in text; empty: found out."""
    encoding: str = field(default="", metadata={"flag": "--encoding", "kinds": _FILES})
    """Encoding of a text file; empty: found out."""
    missing: tuple[str, ...] = field(default=(), metadata={"flag": "--missing", "kinds": _TABLES})
    """Words for a missing value in a table, in place of the usual ones."""
    text: tuple[str, ...] = field(default=(), metadata={"flag": "--text", "kinds": _TABLES})
    """Columns of a table to take as categories."""
    drop: tuple[str, ...] = field(default=(), metadata={"flag": "--drop", "kinds": _TABLES})
    """Columns of a table to leave out."""
    force: bool = field(default=False, metadata={"flag": "--force", "kinds": _TABLES})
    """Whether to accept names and a target of a table that look wrong."""
    split: str = field(default="", metadata={"flag": "--split", "kinds": _TABLES})
    """Column of a table that says which rows are for training and which for the test."""
    test: str = field(default="", metadata={"flag": "--test", "kinds": _FILES})
    """File with the test rows of a table."""
    test_rows: str = field(default="", metadata={"flag": "--test-rows", "kinds": _TABLES})
    """Test rows of a table, counted from 1, or a file that lists them."""
    folds: str = field(default="", metadata={"flag": "--folds", "kinds": _TABLES})
    """Number of folds of a table, or the column that numbers them."""
    leave_one_out: bool = field(
        default=False, metadata={"flag": "--leave-one-out", "kinds": _TABLES}
    )
    """Whether each row of a table, or each group, is the test once."""
    group: str = field(default="", metadata={"flag": "--group", "kinds": _TABLES})
    """Column of a table whose equal values stay together."""
    ordered: bool = field(default=False, metadata={"flag": "--ordered", "kinds": _TABLES})
    """Whether the classes of a table are numbers in an order, one step apart."""


def said(options: Options) -> dict[str, str]:
    """Return the options that a user set, as the command line spells them.

    Examples
    --------
    >>> said(Options(name="mine", size=8, header=False))
    {'--size': '8', '--header': 'no'}
    """
    spoken: dict[str, str] = {}
    for option in fields(options):
        flag, value = option.metadata.get("flag"), getattr(options, option.name)
        if flag is not None and value != option.default:
            spoken[flag] = _word(value)
    return spoken


def refuse_unused(kind: str, options: Options) -> None:
    """Refuse options that say nothing about a kind of source; ignored, they would mislead.

    Parameters
    ----------
    kind : str
        First word of a reference: ``hf``, ``openml``, ``table`` or ``folder``.
    options : Options
        What the user said.

    Raises
    ------
    DataError
        Naming the first such option and what it is for.
    """
    spoken = said(options)
    for option in fields(options):
        flag, kinds = option.metadata.get("flag"), option.metadata.get("kinds")
        if flag in spoken and kinds is not None and kind not in kinds:
            listed = " and ".join(f"{each}:" for each in kinds)
            raise DataError(
                f"Expected options that {kind}: can use; {flag} is for {listed} alone. Leave "
                "it out."
            )


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def identity(source: str, digest: str, modality: str, options: Options) -> Identity:
    """Return what a data set is made from.

    Parameters
    ----------
    source : str
        Where it lies: an absolute path or an address.
    digest : str
        sha256 of what lies there; empty where it cannot be known.
    modality : {"image", "table"}
        Whose reading it is.
    options : Options
        What the user said.
    """
    return Identity(source, digest, READING[modality], said(options))


def differences(there: Identity, asked: Identity) -> list[str]:
    """Return in words where two sets of one name differ; empty when they are the same.

    Parameters
    ----------
    there, asked : Identity
        Of the prepared set, and of what is to be prepared.

    Examples
    --------
    >>> first = Identity("/a/x.csv", "", 1, {"--target": "label"})
    >>> differences(first, Identity("/b/x.csv", "", 1, {}))
    ['source /a/x.csv there, /b/x.csv asked for', '--target label there, none asked for']
    """
    found = []
    if there.source != asked.source:
        found.append(f"source {there.source} there, {asked.source} asked for")
    elif there.digest and asked.digest and there.digest != asked.digest:
        found.append(
            f"content {there.digest[:12]}… there, {asked.digest[:12]}… in the source by now"
        )
    for flag in sorted({*there.options, *asked.options}):
        before, now = there.options.get(flag, "none"), asked.options.get(flag, "none")
        if before != now:
            found.append(f"{flag} {before} there, {now} asked for")
    if there.reading != asked.reading:
        found.append(f"read by version {there.reading} there, version {asked.reading} by now")
    return found


def check_reading(spec: DatasetSpec, folder: Path) -> DatasetSpec:
    """Return the facts of an own set, refused when an earlier version read it in another way.

    Parameters
    ----------
    spec : DatasetSpec
        Facts of a data set that this project does not ship.
    folder : Path
        Where its prepared form lies.

    Raises
    ------
    DataError
        If its inputs may not be what its source says by now.
    """
    reading = READING.get(spec.modality)
    if spec.identity is None or spec.identity.reading != reading:
        before = "an earlier one" if spec.identity is None else f"version {spec.identity.reading}"
        raise DataError(
            f"Expected {spec.name} in {folder} as version {reading} of the reader makes it; it was "
            f"prepared by {before}. Delete that folder and prepare it again from {spec.source}."
        )
    return spec


def named(reference: str) -> str:
    """Return the name that is made from a reference.

    Parameters
    ----------
    reference : str
        ``<kind>:<what>``.

    Raises
    ------
    DataError
        If nothing of it can stand in a name.

    Examples
    --------
    >>> named("folder:/data/My Textures")
    'folder_my_textures'
    """
    kind, _, what = reference.partition(":")
    if kind == "hf":
        name, config, _ = split_reference(what)
        folder = Path(name)
        what = folder.resolve().name if folder.is_dir() else name
        what += "" if config is None else f"_{config}"
    elif kind in ("table", "folder"):
        what = Path(what).resolve().name
        what = what.partition(".")[0] if kind == "table" else what
    slug = re.sub(r"[^a-z0-9]+", "_", what.lower()).strip("_")
    if not slug:
        example = "openml:310" if kind == "openml" else f"{kind}:mine"
        raise DataError(
            f"Expected something to call the data set after {kind!r}; got {reference!r}. Write "
            f"for example {example}, or name it with --name."
        )
    return f"{kind}_{slug}"


def _written_so(name: str) -> str:
    """Return the name nearest to a refused one that would be taken."""
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    return plain if _NAME.fullmatch(plain) else f"set_{plain}".rstrip("_")


def check_name(name: str, taken: Mapping[str, Any]) -> str:
    """Return a name that a user gave, refused where split ids cannot hold it.

    Parameters
    ----------
    name : str
        As the user wrote it.
    taken : mapping
        Names of the data sets that are shipped.

    Raises
    ------
    DataError
        If it is not lower case with underscores, or is a shipped data set's.
    """
    if _NAME.fullmatch(name) is None:
        raise DataError(
            f"Expected a name of lower-case letters, digits and underscores, a letter first; got "
            f"{name!r}. Write for example: --name {_written_so(name)}"
        )
    if name in taken:
        raise DataError(
            f"Expected a name of your own; {name!r} is a data set that is shipped. Write for "
            f"example: --name my_{name}"
        )
    return name

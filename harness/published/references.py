"""Published numbers, each with its protocol, its source and how far to believe it."""

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Literal

from pydantic import Field

from harness.data.splits.ids import parse_split_id
from harness.errors import SpecError
from harness.types.models import Strict

Trust = Literal["measured", "read", "memory"]
TRUSTS: dict[Trust, str] = {
    "measured": "recomputed from published code or files",
    "read": "stands in a readable copy of the source",
    "memory": "remembered, not read: never judged",
}
"""How far to believe a published number."""
MIN_BAND = 0.015
"""Narrowest band: sources of one protocol lie a point and a half apart (PROTOCOL, sources)."""


class Published(Strict):
    """How a published number was made; what the source leaves unsaid is None or empty."""

    profile: tuple[str, ...] = ()
    """Imbalance profiles of PROTOCOL section 2 that its generator equals, native order."""
    noise: tuple[str, ...] = ()
    """Noise kinds of PROTOCOL section 3 that its generator equals."""
    backbone: str | None = None
    """Architecture."""
    epochs: int | None = None
    """Passes over the training data, of the first stage where there are two; 0 for a method that
    makes none."""
    augmentation: str | None = None
    """Names, in order."""
    selection: str | None = None
    """Which epoch was scored."""
    settings: str | None = None
    """The method's own values, as a card sets them: ``k 1, scale standard``; None: as in its
    paper."""
    same_rows: bool = False
    """Whether it trained and tested on the very rows of our cell: then the choice of rows is no
    source of difference, and only seeds are."""


class Table(Strict):
    """Numbers of one source under one protocol."""

    source: str
    """Where they stand."""
    protocol: str
    """Key of the protocol."""
    trust: Trust
    """``memory`` is never judged."""
    band: float = Field(ge=MIN_BAND, lt=0.5)
    """How far a faithful run may lie off, as a fraction."""
    key: str
    """Metric key of ours that it is compared with."""
    values: dict[str, dict[str, float]]
    """Method → cell → published value in [0, 1]."""


class References(Strict):
    """The whole file."""

    protocol: dict[str, Published]
    """Protocol key → what it is."""
    table: tuple[Table, ...]
    """All published numbers."""


def load_references(path: Path | None = None) -> References:
    """Return the published numbers.

    Parameters
    ----------
    path : Path, optional
        Default: the file in this package.

    Raises
    ------
    SpecError
        If the file has another form, or a table names a protocol that is not described, or a cell
        that the protocol does not make.
    """
    path = path or Path(str(files("harness.published") / "references.toml"))
    try:
        references = References.model_validate(tomllib.loads(path.read_text("utf-8")))
    except ValueError as error:
        raise SpecError(
            f"{path} should be tables of published numbers; reading it says: {error}. "
            "Correct the field it names."
        ) from error
    for table in references.table:
        if table.protocol not in references.protocol:
            raise SpecError(
                f"references.toml: the numbers of {table.source!r} name the protocol "
                f"{table.protocol!r}, which is not described. Add [protocol.{table.protocol}]."
            )
        for cell in {c for values in table.values.values() for c in values}:
            _check_cell(cell, table, references.protocol[table.protocol])
    return references


def _check_cell(cell: str, table: Table, protocol: Published) -> None:
    """Refuse a number that stands in a cell of another profile or noise than its own protocol's."""
    spec = parse_split_id(cell)
    pairs = ((spec.imbalance, protocol.profile), (spec.noise, protocol.noise))
    for found, made in pairs:
        if made and found not in made:
            raise SpecError(
                f"references.toml: {table.source!r} gives a number for {cell}, but its protocol "
                f"{table.protocol!r} makes {', '.join(made)}, not {found}. Correct one of the two."
            )

"""New cards: a commented one from a template, or one as TOML from what is known."""

import re
from pathlib import Path

from harness.atomic import write_text
from harness.errors import CardError
from harness.lookup import closest
from harness.models.cards.cards import CARD, name_sentence, read_card
from harness.models.cards.rules import PARTS
from harness.models.cards.templates import card_text
from harness.models.cards.toml import toml_lines
from harness.types.models import NAME, EntryCard


def write_card(folder: Path, card: EntryCard) -> Path:
    """Write a card as TOML that `read_card` reads back as the same card; return its path.

    Fields at their defaults are left out.

    Parameters
    ----------
    folder : Path
        Created if it does not exist.
    card : EntryCard
        What to write.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / CARD
    data = card.model_dump(mode="json", exclude_defaults=True, exclude_none=True)
    data.setdefault(card.kind, {})
    write_text(path, "\n".join(toml_lines(data)) + "\n")
    return path


def new_home(folder: Path, name: str) -> Path:
    """Return the folder of a new entry, refusing a name that is not allowed or taken.

    Raises
    ------
    CardError
        If the name is not allowed, or the entry has a card.
    """
    if re.fullmatch(NAME, name) is None:
        raise CardError(name_sentence(name))
    home = folder / name
    if (home / CARD).exists():
        raise CardError(f"{home / CARD} exists and is not overwritten. Choose another name.")
    return home


def new_entry(
    folder: Path,
    name: str,
    kind: str,
    *,
    trainer: str = "cross-entropy",
    recipe: str | None = None,
    arch: str = "resnet18",
) -> Path:
    """Write a commented card for a new entry; return its path.

    Parameters
    ----------
    folder : Path
        The folder of all entries; the card goes to ``<folder>/<name>/entry.toml``.
    name : str
        The entry's name.
    kind : {"method", "model", "predictions"}
        What the entry hands over.
    trainer, recipe : str
        Of a method.
    arch : str
        Of a model.

    Raises
    ------
    CardError
        If the kind is unknown, the name is not allowed or the entry exists.
    """
    if kind not in PARTS:
        near = closest(kind, PARTS)
        raise CardError(
            f"kind must be one of {', '.join(PARTS)}; got {kind!r}."
            + (f" Did you mean {near!r}?" if near else "")
        )
    home = new_home(folder, name)
    text = card_text(name, kind, trainer=trainer, recipe=recipe, arch=arch)
    fresh = not home.exists()
    home.mkdir(parents=True, exist_ok=True)
    try:
        write_text(home / CARD, text)
        read_card(home)
    except (CardError, OSError):
        (home / CARD).unlink(missing_ok=True)
        if fresh:
            home.rmdir()
        raise
    return home / CARD

"""The most that a card may ask of a machine: beyond it is a slip of the keyboard, or worse."""

from collections.abc import Mapping
from typing import Any

from harness.errors import CardError

MOST: dict[str, float] = {
    "threads": 256,
    "epochs": 100_000,
    "rounds": 100_000,
    "max_iter": 10_000_000,
    "batch_size": 1 << 20,
    "width": 1_024,
    "branch_width": 1_024,
    "bags": 10_000,
    "codebooks": 100_000,
    "keys": 1_000_000,
}
"""Setting → its largest value. What a job really takes is bounded by ``tailmark run``'s
``--time-limit`` and ``--memory-limit``."""


def check_most(name: str, settings: Mapping[str, Any]) -> None:
    """Refuse settings that no machine here could do, before any job starts.

    Parameters
    ----------
    name : str
        The entry's.
    settings : mapping
        Of recipe and card.

    Raises
    ------
    CardError
        With the setting, its value and the most.
    """
    for setting, most in MOST.items():
        value = settings.get(setting)
        if isinstance(value, (int, float)) and value > most:
            raise CardError(
                f"{name}: {setting} may be {most:,} at most; got {value:.6g}. Lower it on the card "
                "or in its recipe."
            )

"""Whether a pre-trained backbone was fed with what its weights were trained with."""

from collections.abc import Mapping, Sequence
from typing import Any

from harness.models.obtain.backbones import BACKBONES, FAMILY, Backbone
from harness.types.results import Asked


def wrongly_fed(asked: Sequence[Asked]) -> str | None:
    """Return a sentence when images reached a backbone otherwise than its weights expect.

    Nothing else shows it: with another mean and std the network answers without complaint, only
    worse. On 500 Tiny-ImageNet images at 128 pixels lite0 falls from 29.6 to 17.2 % top-1.

    Parameters
    ----------
    asked : sequence of Asked
        What a record says was asked of an entry that is a backbone, or reads the features of one.
    """
    for each in asked:
        for settings in (each.settings, each.parent or {}):
            found = _difference(settings)
            if found is not None:
                return found
    return None


def _difference(settings: Mapping[str, Any]) -> str | None:
    family, _, name = str(settings.get("network", "")).partition("/")
    known: Backbone | None = BACKBONES.get(name) if family == FAMILY else None
    for what in ("mean", "std", "interpolation"):
        given = settings.get(what)
        right = getattr(known, what) if known else settings.get(f"trained_{what}")
        if given is not None and right and _plain(given) != _plain(right):
            return (
                f"{name} was fed with {what} {_plain(given)}; its weights were trained with "
                f"{_plain(right)}"
            )
    return None


def _plain(value: Any) -> Any:
    return [float(v) for v in value] if isinstance(value, list | tuple) else value

"""Whether weights are an architecture's: names and shapes of its tensors, and what is wrong."""

from collections.abc import Collection, Mapping
from typing import Any

from harness.errors import CardError

Shapes = Mapping[str, tuple[int, ...]]


def check_shapes(
    header: Mapping[str, tuple[str, tuple[int, ...]]],
    expected: Shapes,
    *,
    what: str,
    classifier: str | None = None,
    num_classes: int | None = None,
    check: str = "",
) -> None:
    """Refuse weights whose names or shapes are not those of the architecture.

    Parameters
    ----------
    header : mapping of str
        As `read_header` returns it.
    expected : mapping of str to shape
        The architecture's parameters and buffers.
    what : str
        File's name, for the sentence.
    classifier : str, optional
        Name of the last layer's weight: another number of rows gets its own sentence.
    num_classes : int, optional
        C of the suite.
    check : str, optional
        What to do when names or shapes differ; default: look at the card's ``[model]``.

    Raises
    ------
    CardError
        With the first difference.
    """
    names = check or "Check model.arch and model.kwargs."
    shapes = check or "Check model.kwargs (in_chans, img_size, …)."
    if classifier is not None and classifier in header and classifier in expected:
        rows = header[classifier][1][0] if header[classifier][1] else 0
        if num_classes is not None and rows != num_classes:
            raise CardError(
                f"{what} is for {rows:,} classes ({classifier} has {rows:,} rows), the suite has "
                f"{num_classes:,}. Train the last layer on the suite's classes."
            )
    if copies := _copies(header, expected):
        shown, kept = ", ".join(repr(prefix) or "''" for prefix in copies), copies[0]
        raise CardError(
            f"{what} holds the network {len(copies)} times, with {shown} before the architecture's "
            "own names, as weights beside their moving average are. Save the one that is to be "
            f"scored: {{k.removeprefix({kept!r}): v for k, v in state.items() if "
            f"k.startswith({kept!r})}}"
        )
    if prefix := foreign_prefix(header, expected):
        raise CardError(
            f"{what} names every tensor with {prefix!r} before the architecture's own name, as "
            f"{_WRAPPERS.get(prefix, 'a wrapper')} does. Strip it before saving: "
            f"{{k.removeprefix({prefix!r}): v for k, v in state.items()}}"
        )
    if missing := sorted(set(expected) - set(header)):
        raise CardError(
            f"{what} lacks {len(missing)} of the architecture's {len(expected)} tensors, first "
            f"{missing[0]!r}{_perhaps(missing, header, expected)}. {names}"
        )
    if extra := sorted(set(header) - set(expected)):
        raise CardError(
            f"{what} holds {len(extra)} tensors that the architecture has not, first "
            f"{extra[0]!r}. {names} Where they are no part of the network, leave them out when you "
            "save."
        )
    for name, shape in expected.items():
        if header[name][1] != tuple(shape):
            raise CardError(
                f"{what}: {name} has shape {header[name][1]}, the architecture's is "
                f"{tuple(shape)}. {shapes}"
            )


def _copies(names: Mapping[str, Any], expected: Mapping[str, Any]) -> list[str]:
    """Return the prefixes under which a state holds the whole network more than once."""
    if not expected or len(names) < 2 * len(expected):
        return []
    first = max(expected)
    prefixes = [name.removesuffix(first) for name in names if f".{name}".endswith(f".{first}")]
    whole = [p for p in sorted(prefixes) if all(p + name in names for name in expected)]
    return whole if len(whole) > 1 else []


def _perhaps(
    missing: Collection[str],
    header: Mapping[str, tuple[str, tuple[int, ...]]],
    expected: Mapping[str, tuple[int, ...]],
) -> str:
    """Return the words for tensors of the same shapes that stand there under other names."""
    extra = sorted(set(header) - set(expected))
    wanted = sorted(tuple(expected[name]) for name in missing)
    if not extra or sorted(tuple(header[name][1]) for name in extra) != wanted:
        return ""
    return (
        f"; it holds as many of the same shapes under other names, first {extra[0]!r}: rename them"
    )


_WRAPPERS = {
    "module.": "torch.nn.DataParallel",
    "_orig_mod.": "torch.compile",
    "model.": "a training module that holds the network as .model",
    "backbone.": "a training module that holds the network as .backbone",
    "module._orig_mod.": "torch.compile inside torch.nn.DataParallel",
    "_orig_mod.module.": "torch.nn.DataParallel inside torch.compile",
}
"""Common prefixes of saved states → what writes them."""


def foreign_prefix(names: Mapping[str, Any], expected: Mapping[str, Any]) -> str:
    """Return what stands before the architecture's own names in a state, or nothing.

    Parameters
    ----------
    names : mapping
        Tensors of the file, by name.
    expected : mapping
        Tensors of the architecture.

    Examples
    --------
    >>> foreign_prefix({"module.fc.weight": 0, "module.fc.bias": 0}, {"fc.weight": 0, "fc.bias": 0})
    'module.'
    """
    if not names or not expected or set(names) & set(expected):
        return ""
    first = min(expected)
    for name in names:
        if name.endswith("." + first):
            prefix = name.removesuffix(first)
            mine = {n.removeprefix(prefix) for n in names if n.startswith(prefix)}
            if len(mine & set(expected)) * 2 > len(expected):
                return prefix
    return ""

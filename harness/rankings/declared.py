"""What nobody declared of an entry: such a row is shown by its value and compared with none."""

from collections.abc import Mapping
from typing import Any

from harness.types.models import DECLARED, ONE_MODEL


def undeclared(facets: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the facets that a record holds open, in words.

    Parameters
    ----------
    facets : mapping
        Of a row. None stands for what nobody declared; records of before that was noted have no
        such facet.

    Examples
    --------
    >>> undeclared({"extra_data": None, "saw_clean_labels": False, "parameters": None})
    ('extra data',)
    """
    return tuple(
        name.replace("_", " ").replace("ood", "OOD")
        for name in DECLARED
        if name in facets and facets[name] is None
    )


def declaration_flags(facets: Mapping[str, Any]) -> tuple[str, ...]:
    """Return sentences about what a row's facets leave open or say of its training.

    Parameters
    ----------
    facets : mapping
        Of a row.
    """
    flags = []
    if lacking := undeclared(facets):
        flags.append(
            f"not declared: {', '.join(lacking)}; it is shown beside the ranking until the card "
            "says them under [facets]"
        )
    if facets.get(ONE_MODEL):
        flags.append(
            "one model for all cells: the training rows of the cells are not what it was trained on"
        )
    return tuple(flags)

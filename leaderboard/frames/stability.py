"""How far an order would have come out the same, as a frame of texts."""

from collections.abc import Sequence

import pandas as pd

from harness.rankings.stability import Stability

ABOUT = {
    "seeds": "the same entries trained again with another seed, cells averaged",
    "cells": "another kind of imbalance and noise, seeds averaged",
    "halves of the test images": "one half of the test images against the other, from the stored "
    "replicates",
    "clean and noisy labels": "cells with clean labels against cells with noisy ones",
    "entries and their +la variants": "entries as they are against themselves under logit "
    "adjustment",
    "epochs": "the scored epoch against others",
}
"""What differs between orders → in words."""


def stability_frame(found: Sequence[Stability]) -> pd.DataFrame:
    """Return each thing that could have been otherwise, and what of the order is left.

    Parameters
    ----------
    found : sequence of Stability
        From `harness.rankings.stability.order_stability`.

    Returns
    -------
    DataFrame
        Columns ``between``, ``about``, ``tau`` (number, or NaN), ``text`` (as the command line
        writes it; a dash where it has no value), ``orders``, ``entries`` and ``reason``.
    """
    lines = [
        (
            each.between,
            ABOUT.get(each.between, ""),
            float("nan") if each.tau is None else each.tau,
            "–" if each.tau is None else f"{each.tau:.3f}",
            each.orders,
            each.entries,
            each.reason or "",
        )
        for each in found
    ]
    names = ["between", "about", "tau", "text", "orders", "entries", "reason"]
    return pd.DataFrame(lines, columns=names)

"""What the board's charts (altair) share: sizes, and names in the frame's order.

No background and no text colour is set: the page's theme gives them, in light and in dark.
Colours are Okabe and Ito's for kinds, one hue for amounts, two for signed differences.
"""

import altair as alt
import pandas as pd

ROW = 30
"""Height of one row of a chart in pixels."""
PANEL = 330
"""Height of a square picture."""
FOOT = 64
"""Height of an axis with its title below rows."""


def in_order(frame: pd.DataFrame, column: str) -> list[str]:
    """Return a column's values once each, in the frame's order."""
    return list(dict.fromkeys(frame[column]))


def named() -> alt.Axis:
    """Return an axis of names, which need no title."""
    return alt.Axis(title=None, labelLimit=190)

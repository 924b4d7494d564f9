"""The board's hues, once: Okabe and Ito's for kinds, one hue for amounts, two for differences."""

BLUE, ORANGE, GREEN, PINK, RED = ("#2f8fc9", "#e69f00", "#009e73", "#cc79a7", "#d55e00")
"""Kinds; the blue is light enough for a dark page."""
HUES = (BLUE, ORANGE, GREEN, PINK, "#9aa5b1", RED)
"""Kinds without an order, in turn."""
PALE, DEEP, WHITE, INK = "#eef4f9", "#2583c4", "#f3f4f6", "#000000"
"""Amounts from pale to deep, the middle of differences, and the text on all of them: black has a
contrast of at least 4.5 on every shade, which no white text has."""
PALEST = "#b9c4cf"
"""What a tie class's hue goes towards down the ranking; light and dark pages show it."""
NEUTRAL = "#8a8f98"
"""For rows beside the ranking."""


VERDICT_HUES = {
    "holds": GREEN,
    "does not hold": RED,
    "inside": GREEN,
    "above": BLUE,
    "below": RED,
    "better": GREEN,
    "same": NEUTRAL,
    "worse": RED,
    "cannot tell": ORANGE,
    "protocol differs": PINK,
    "protocol unknown": NEUTRAL,
    "not judged": NEUTRAL,
    "not run": NEUTRAL,
}
"""What is said of a claim, a published number or a difference → its hue; it stands there in words,
too."""


def step_hue(tie_class: int, classes: int) -> str:
    """Return a tie class's hue: deep for the best class, paler down the ranking, grey for none.

    Parameters
    ----------
    tie_class : int
        From 1; 0 stands for no class.
    classes : int
        Number of classes of the ranking.
    """
    if tie_class < 1:
        return NEUTRAL
    share = 1 - 0.65 * (tie_class - 1) / max(classes - 1, 1)
    ends = ([int(end[i : i + 2], 16) for i in (1, 3, 5)] for end in (DEEP, PALEST))
    return "#" + "".join(
        f"{round(share * deep + (1 - share) * pale):02x}" for deep, pale in zip(*ends, strict=True)
    )

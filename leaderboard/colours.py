"""The board's hues, once: Okabe and Ito's for kinds, one hue for amounts, two for differences."""

BLUE, ORANGE, GREEN, PINK, RED = ("#2f8fc9", "#e69f00", "#009e73", "#cc79a7", "#d55e00")
"""Kinds; the blue is light enough for a dark page."""
HUES = (BLUE, ORANGE, GREEN, PINK, "#9aa5b1", RED)
"""One per tie class, in turn."""
PALE, DEEP, WHITE, INK = "#eef4f9", "#0072b2", "#f3f4f6", "#20242b"
"""Amounts from pale to deep, the middle of differences, and text on pale."""
NEUTRAL = "#8a8f98"
"""For rows beside the ranking."""

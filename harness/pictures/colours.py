"""The hues of pictures for paper, once: Okabe and Ito's palette (2008) and two neutrals."""

BLUE, ORANGE, GREEN, PINK, SKY, RED = (
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00",
)  # fmt: skip
GREY, INK = "#8a8f98", "#20242b"
"""What is not compared, and text."""

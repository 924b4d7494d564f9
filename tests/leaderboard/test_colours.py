"""Text on shades can be read: contrast by the formula of WCAG 2, on every share of every hue."""

import pytest

from leaderboard.colours import DEEP, INK, NEUTRAL, PALE, RED, WHITE, step_hue


def luminance(colour: str) -> float:
    """Relative luminance of an sRGB colour, as WCAG 2 defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("shade", [DEEP, PALE, RED, WHITE])
def test_text_on_both_ends_of_a_shade_has_enough_contrast(shade):
    # What lies between two ends is lighter than the darker of them.
    assert contrast(shade, INK) >= 4.5


def test_classes_go_from_deep_to_pale_and_none_is_grey():
    assert step_hue(0, 5) == NEUTRAL
    hues = [step_hue(k, 4) for k in (1, 2, 3, 4)]
    assert hues[0] == DEEP == step_hue(1, 1)
    lights = [luminance(hue) for hue in hues]
    assert lights == sorted(set(lights))

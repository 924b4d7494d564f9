"""A backbone fed otherwise than its weights expect is flagged, and nothing else is."""

import pytest

from harness.rankings.feeding import wrongly_fed
from harness.types.results import Asked

IMAGENET = [0.485, 0.456, 0.406]
RIGHT = {
    "network": "package/efficientnet-lite0",
    "mean": [0.5, 0.5, 0.5],
    "std": [0.5, 0.5, 0.5],
    "interpolation": "bicubic",
}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (RIGHT, None),
        ({**RIGHT, "mean": IMAGENET}, "mean [0.485, 0.456, 0.406]"),
        ({**RIGHT, "std": [0.229, 0.224, 0.225]}, "std [0.229"),
        ({**RIGHT, "interpolation": "nearest"}, "interpolation nearest"),
        ({"network": "small-cnn", "mean": IMAGENET}, None),
        ({"network": "timm/resnet18", "mean": IMAGENET}, None),
        ({}, None),
    ],
)
def test_what_differs_from_the_weights_own_is_named(settings, said):
    own = Asked(cells=(0,), settings=settings)
    read = Asked(cells=(0,), settings={"c": 1.0}, parent=settings)
    for found in (wrongly_fed([own]), wrongly_fed([read])):
        assert found is None if said is None else said in found


def test_a_record_without_settings_is_not_flagged():
    assert wrongly_fed([]) is None

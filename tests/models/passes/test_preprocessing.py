"""Preprocessing is what models were trained with: Pillow and torchvision are the oracles."""

import numpy as np
import pytest
from PIL import Image

from harness.errors import PredictionsError
from harness.models.passes.preprocessing import prepare
from harness.types import Preprocessing


def how(size, channels=3, **more):
    return Preprocessing(
        size=size, channels=channels, mean=(0.0,) * channels, std=(1.0,) * channels, **more
    )


def pixels(prepared):
    return np.rint(prepared * 255).astype(int).transpose(0, 2, 3, 1)


@pytest.fixture
def photo(rng):
    """Smooth colour images: resizing of pure noise is not what anybody measures."""
    small = rng.integers(0, 256, (2, 5, 6, 3)).astype(np.uint8)
    return np.stack([np.asarray(Image.fromarray(s).resize((48, 40), 3)) for s in small])


def test_without_a_change_of_size_only_scale_mean_and_std_are_applied():
    images = np.array([[[[0], [255]]]], dtype=np.uint8)
    found = prepare(images, Preprocessing(size=(1, 2), channels=1, mean=(0.5,), std=(0.25,)))
    assert found.tolist() == [[[[-2.0, 2.0]]]]
    assert found.dtype == np.float32


def test_grey_is_repeated_and_colour_becomes_pillows_grey(photo):
    grey = photo[..., :1]
    assert (pixels(prepare(grey, how((40, 48)))) == grey).all()
    expected = [np.asarray(Image.fromarray(image).convert("L")) for image in photo]
    assert (pixels(prepare(photo, how((40, 48), 1)))[..., 0] == expected).all()


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "nearest"])
@pytest.mark.parametrize("size", [(20, 24), (80, 96)])
def test_resizing_is_pillows_to_the_last_grey_value(photo, interpolation, size):
    filters = {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC, "nearest": Image.NEAREST}
    found = pixels(prepare(photo, how(size, interpolation=interpolation)))
    expected = [
        np.asarray(Image.fromarray(image).resize(size[::-1], filters[interpolation]))
        for image in photo
    ]
    assert (found == np.array(expected, dtype=int)).all()


def test_the_crop_is_timms_evaluation_transform(photo):
    from harness.models.obtain.vision import timm

    timm()
    from timm.data import create_transform

    transform = create_transform((3, 28, 28), interpolation="bicubic", crop_pct=0.875)
    found = prepare(
        photo,
        Preprocessing(
            size=(28, 28), channels=3, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225),
            interpolation="bicubic", crop_pct=0.875,
        ),
    )  # fmt: skip
    expected = np.stack([transform(Image.fromarray(image)).numpy() for image in photo])
    assert np.abs(found - expected).max() < 1e-6


def test_sharp_edges_are_enlarged_as_pillow_enlarges_them(rng):
    """Bicubic overshoots at edges: what is clipped between the two passes shows in the result."""
    noise = rng.integers(0, 2, (8, 16, 16, 3)).astype(np.uint8) * 255
    found = pixels(prepare(noise, how((32, 32), interpolation="bicubic")))
    expected = [np.asarray(Image.fromarray(n).resize((32, 32), Image.BICUBIC)) for n in noise]
    assert (found == np.array(expected, dtype=int)).all()


def test_two_channels_are_refused():
    with pytest.raises(PredictionsError, match="must have 1 or 3 channels .* got 2"):
        prepare(np.zeros((1, 4, 4, 2), np.uint8), how((4, 4)))

import pytest
import torch

from baselines.augment import AUGMENTATIONS, augment
from baselines.autoaugment import OPERATIONS, magnitude
from harness.errors import UnknownNameError


@pytest.fixture
def images():
    generator = torch.Generator().manual_seed(0)
    return torch.randint(1, 256, (40, 3, 32, 32), dtype=torch.uint8, generator=generator)


@pytest.fixture(autouse=True)
def own_random_state():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


@pytest.mark.parametrize("name", sorted(AUGMENTATIONS))
def test_augmentations_keep_shape_and_type_and_change_something(name, images):
    changed = augment(images, [name])
    assert (changed.shape, changed.dtype) == (images.shape, torch.uint8)
    assert not torch.equal(changed, images)


@pytest.mark.parametrize("name", sorted(AUGMENTATIONS))
def test_the_same_random_state_gives_the_same_images(name, images):
    torch.manual_seed(3)
    first = augment(images, [name])
    torch.manual_seed(3)
    assert torch.equal(first, augment(images, [name]))


def test_flip_mirrors_about_half_of_the_images(images):
    changed = augment(images, ["flip"])
    mirrored = [torch.equal(c, i.flip(2)) for c, i in zip(changed, images, strict=True)]
    same = [torch.equal(c, i) for c, i in zip(changed, images, strict=True)]
    assert sum(mirrored) + sum(same) == 40
    assert 10 <= sum(mirrored) <= 30


def test_crop_moves_each_image_by_at_most_an_eighth_of_its_side(images):
    changed = augment(images, ["crop"])
    padded = torch.nn.functional.pad(images, (4, 4, 4, 4))
    windows = padded.unfold(2, 32, 1).unfold(3, 32, 1)  # (40, 3, 9, 9, 32, 32)
    found = (windows == changed[:, :, None, None]).all(dim=(1, 4, 5))  # (40, 9, 9)
    assert found.any(dim=(1, 2)).all()
    assert found.float().mean(0).gt(0).sum() > 20  # many different shifts


def test_cutout_blackens_a_square_of_at_most_half_a_side(images):
    black = (augment(images, ["cutout"]) == 0).all(1)  # (40, 32, 32)
    areas = black.sum(dim=(1, 2))
    assert areas.max() == 16 * 16
    assert areas.min() >= 8 * 8  # centres lie inside, a quarter at least remains


def test_magnitudes_by_hand():
    assert magnitude("Rotate", 9, 10, 32) == 30.0
    assert magnitude("ShearX", 3, 10, 32) == pytest.approx(0.1)
    assert magnitude("TranslateY", 9, 10, 331) == pytest.approx(150)
    assert magnitude("Posterize", 9, 10, 32) == 4.0
    assert magnitude("Solarize", 9, 10, 32) == 0.0
    assert magnitude("Contrast", 15, 31, 32) == pytest.approx(0.45)


def test_every_operation_of_the_published_policies_is_there():
    from baselines.autoaugment import _policies

    names = {step[0] for policy in _policies() for step in policy}
    assert names <= set(OPERATIONS)


def test_an_unknown_augmentation_names_the_closest_one(images):
    with pytest.raises(UnknownNameError, match="'autoagument'. Did you mean 'autoaugment'"):
        augment(images, ["autoagument"])

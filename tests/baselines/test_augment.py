import pytest
import torch

from baselines import autoaugment
from baselines.augment import AUGMENTATIONS, augment, shifted_hue
from baselines.autoaugment import OPERATIONS, SIGNED, magnitude
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


@pytest.mark.parametrize("name", sorted(SIGNED))
def test_randaugment_turns_its_magnitude_both_ways_about_equally_often(name, monkeypatch):
    """Every image draws its own sign: plus for about half of them, minus for the others."""
    seen = []

    def record(functional, images, strength):
        seen.extend([strength] * len(images))
        return images + 1

    monkeypatch.setitem(autoaugment.OPERATIONS, name, record)
    monkeypatch.setattr(autoaugment, "RANDAUGMENT", (name,))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        images = autoaugment.randaugment(torch.zeros(400, 3, 8, 8, dtype=torch.uint8), number=1)
    assert (images == 1).all()  # each image once, under its own sign
    full = magnitude(name, 9, 31, 8)
    assert sorted(set(seen)) == [-full, full]
    assert 150 < sum(s > 0 for s in seen) < 250


@pytest.mark.parametrize("name", ["Posterize", "Solarize"])
def test_randaugment_never_turns_a_magnitude_that_has_no_sign(name, monkeypatch):
    seen = []

    def record(functional, images, strength):
        seen.append(strength)
        return images

    monkeypatch.setitem(autoaugment.OPERATIONS, name, record)
    monkeypatch.setattr(autoaugment, "RANDAUGMENT", (name,))
    autoaugment.randaugment(torch.zeros(50, 3, 8, 8, dtype=torch.uint8), number=1)
    assert seen == [magnitude(name, 9, 31, 8)]


def test_a_rotation_stays_within_fifteen_degrees_and_keeps_the_middle():
    image = torch.zeros(200, 1, 33, 33, dtype=torch.uint8)
    image[:, :, 16, 4:29] = 200  # a line through the middle
    with torch.random.fork_rng():
        torch.manual_seed(0)
        turned = augment(image, ["rotate"])
    assert (turned[:, 0, 16, 16] == 200).all()
    reach = torch.nonzero(turned[:, 0].amax((0, 2))).flatten() - 16
    assert 2 <= int(reach.abs().max()) <= round(12 * 0.259) + 1  # 12 pixels · sin 15°
    assert {-1, 1} <= set(reach.sign().tolist())


def test_hue_turned_a_third_changes_places_of_colours_and_grey_stays():
    red = torch.tensor([255.0, 0.0, 0.0]).view(1, 3, 1, 1)
    third = shifted_hue(red, torch.tensor([1 / 3]))
    torch.testing.assert_close(third.flatten(), torch.tensor([0.0, 255.0, 0.0]), atol=1e-3, rtol=0)
    same = torch.full((1, 3, 1, 1), 77.0)
    torch.testing.assert_close(shifted_hue(same, torch.tensor([0.2])), same)
    mixed = torch.tensor([200.0, 120.0, 30.0]).view(1, 3, 1, 1)
    torch.testing.assert_close(shifted_hue(mixed, torch.tensor([0.0])), mixed, atol=1e-3, rtol=0)


@pytest.mark.parametrize(("name", "share"), [("jitter", 0.8), ("grey", 0.2), ("blur", 0.2)])
def test_colour_and_blur_change_the_published_share_of_images(name, share):
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (600, 3, 12, 12), dtype=torch.uint8, generator=generator)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        changed = (augment(images, [name]) != images).flatten(1).any(1)
    # a blur of less than a third of a pixel rounds to nothing: up to a tenth of the blurred
    assert float(changed.float().mean()) == pytest.approx(share, abs=0.05)


def test_a_grey_image_is_jittered_and_blurred_in_its_one_channel():
    images = torch.randint(0, 256, (50, 1, 8, 8), dtype=torch.uint8)
    for name in ("jitter", "grey", "blur"):
        assert augment(images, [name]).shape == images.shape
    assert torch.equal(augment(images, ["grey"]), images)

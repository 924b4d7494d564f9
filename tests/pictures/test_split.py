"""Pictures of splits: every part is there, wrong labels are framed, and the terminal has it too."""

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.patches import Rectangle

from harness.data.suites.open import open_suite
from harness.pictures.images import BLUE, EACH, RED, wrong_rows
from harness.pictures.split import shown_classes, split_figure, split_text


@pytest.fixture(scope="module")
def opened():
    return open_suite("digits-v1")


def test_the_picture_has_counts_matrix_images_and_every_ood_set(opened):
    split = opened.split("digits-exp50-symmetric0.4", 0)
    figure = split_figure(opened, split)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles[0].startswith("Class counts") and titles[1].startswith("Clean (rows)")
    assert titles[2].startswith("Training images")
    assert titles[3:] == ["ood/near/digits89: 354 images", "ood/far/photo_patches: 600 images"]


def test_as_many_images_are_framed_as_shown_ones_are_wrong(opened):
    split = opened.split("digits-exp50-symmetric0.4", 0)
    frames = [p for p in split_figure(opened, split).axes[2].patches if isinstance(p, Rectangle)]
    wrong = 0
    for k in range(8):
        rows = np.flatnonzero(split.observed == k)
        if len(rows) > EACH:
            rows = rows[np.linspace(0, len(rows) - 1, EACH).astype(int)]
        wrong += int(split.flipped[rows].sum())
    assert len(frames) == wrong > 0


def test_a_clean_split_has_no_frame(opened):
    figure = split_figure(opened, opened.split("digits-exp10-clean", 1))
    assert not figure.axes[2].patches


def test_the_terminal_shows_counts_and_matrix_in_a_hundred_columns(opened):
    split = opened.split("digits-exp50-symmetric0.4", 0)
    text = split_text(opened, split)
    assert max(map(len, text.splitlines())) <= 100
    assert "228 training rows, 39.9% with a wrong label" in text
    for k in range(8):
        line = next(x for x in text.splitlines() if x.startswith(f"{k} "))
        assert f" {split.clean_counts[k]} " in line and f" {split.observed_counts[k]} " in line


def test_many_classes_are_shown_by_ten_from_head_to_tail():
    counts = np.arange(100, 0, -1)
    shown = shown_classes(counts)
    assert len(shown) == 10 and shown[0] == 0 and shown[-1] == 99
    assert shown_classes(np.array([1, 5, 2])).tolist() == [0, 1, 2]


def test_images_of_another_pool_count_as_wrong(opened):
    from dataclasses import replace

    split = opened.split("digits-exp10-clean", 0)
    foreign = np.full(len(split.indices), -1)
    foreign[3] = 0
    assert np.flatnonzero(wrong_rows(replace(split, foreign=foreign))).tolist() == [3]


def test_a_table_has_counts_and_matrix_of_its_own_classes_and_no_images(data_root):
    tables = open_suite("tabular-v1", data_root)
    cell = next(c for c in tables.suite.cells if c.startswith("breast_cancer-"))
    split = tables.split(cell, 0)
    assert len(split_figure(tables, split).axes) == 2
    assert "malignant" in split_text(tables, split)


def _frames(axes):
    patches = [p for p in axes.patches if isinstance(p, Rectangle)]
    red, blue = (sum(p.get_edgecolor() == to_rgba(c) for p in patches) for c in (RED, BLUE))
    assert red + blue == len(patches)
    return red, blue


def _shown(split):
    rows = [np.flatnonzero(split.observed == k) for k in range(8)]
    return np.concatenate([r[np.linspace(0, len(r) - 1, EACH).astype(int)] for r in rows])


def test_images_whose_square_disagrees_are_framed_and_the_test_is_shown_by_agreement():
    planted = open_suite("digits-spurious-v1")
    split = planted.split("digits-balanced~planted0.9-symmetric0.4", 0)
    figure = split_figure(planted, split)
    rows = _shown(split)
    wrong, disagrees = split.flipped[rows], (split.attributes != split.clean)[rows]
    assert _frames(figure.axes[2]) == (wrong.sum(), (disagrees & ~wrong).sum())
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles[2].endswith("; red: wrong; blue: square disagrees")
    agreeing = int((planted.test_groups % 2).sum())
    assert titles[3] == f"test, square agrees with the class: {agreeing} images"
    assert titles[4] == f"test, square disagrees: {481 - agreeing} images"
    text = split_text(planted, split)
    assert f"{(split.attributes == split.clean).mean():.1%} of the squares" in text


def test_revealed_images_are_framed_in_blue_and_the_patched_test_is_shown():
    unlearn = open_suite("digits-unlearn-v1")
    split = unlearn.split("digits-balanced-patch_poison0.1~known0.3", 0)
    figure = split_figure(unlearn, split)
    rows = _shown(split)
    known = np.isin(rows, split.known)
    assert _frames(figure.axes[2]) == ((split.flipped[rows] & ~known).sum(), known.sum())
    assert figure.axes[3].get_title(loc="left") == "test@patched: 481 images"
    assert "24 of 80 corrupted rows are revealed" in split_text(unlearn, split)


def test_corruptions_are_a_row_each_with_severities_beside_the_original():
    shifted = open_suite("digits-shift-v1")
    split = shifted.split("digits-exp50-clean", 0)
    axes = split_figure(shifted, split).axes[3]
    assert [label.get_text() for label in axes.get_yticklabels()][:2] == [
        "gaussian_noise",
        "shot_noise",
    ]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["as it is", *"135"] * 3
    pixels = axes.images[0].get_array()
    row = np.linspace(0, 480, 5).astype(int)[1:2]
    assert np.array_equal(pixels[:8, :8, :1], shifted.test.inputs.take(row)[0])
    third = shifted.covariate["test@shot_noise-3"].inputs.take(row)[0]
    assert np.array_equal(pixels[10:18, 20:28, :1], third)
    text = split_text(shifted, split)
    assert max(map(len, text.splitlines())) <= 100
    assert "48 copies of it (gaussian_noise, shot_noise," in text.replace("\n", " ")

"""Bad images and folders on the command line: exit code 2, one sentence, nothing half-written."""

import json

import numpy as np
import pytest
from PIL import Image

from tests.data.pools.test_decoding import BAD as BAD_IMAGES
from tests.data.sets.test_image_folders import BAD as BAD_FOLDERS
from tests.data.sets.test_image_folders import BOTH, lists, tree


def refused(answer, root):
    assert answer.code == 2, answer.out + answer.err
    assert "Traceback" not in answer.err + answer.out
    assert answer.err.startswith("tailmark: ") and answer.err.strip().count("\n") == 0, answer.err
    assert not root.exists() or list(root.iterdir()) == []


@pytest.mark.parametrize("kind", BAD_IMAGES)
def test_a_bad_image_ends_with_code_two(kind, tailmark, home):
    folder = lists(home / "mine", BOTH, BOTH)
    (folder / "test_b.png").write_bytes(BAD_IMAGES[kind][0])
    answer = tailmark("data", "prepare", "folder:mine", "--data-root", "root", "--size", "4")
    refused(answer, home / "root")
    assert "test_b.png" in answer.err


@pytest.mark.parametrize("kind", BAD_FOLDERS)
def test_a_bad_folder_ends_with_code_two(kind, tailmark, home):
    (home / "mine").mkdir()
    place = BAD_FOLDERS[kind][0](home / "mine")
    refused(tailmark("data", "prepare", f"folder:{place}", "--data-root", "root"), home / "root")


WRONG_WORDS = {
    "size zero": ("folder:mine", "--size", "0"),
    "negative size": ("folder:mine", "--size", "-4"),
    "size in words": ("folder:mine", "--size", "big"),
    "background": ("folder:mine", "--background", "red"),
    "name": ("folder:mine", "--name", "My Set"),
    "shipped name": ("folder:mine", "--name", "digits"),
    "one name for two": ("folder:mine", "folder:mine", "--name", "twice"),
    "kind": ("foldr:mine",),
    "nothing": ("folder:",),
    "near of another kind": ("folder:mine", "--near", "table:x.csv"),
    "near of no kind": ("folder:mine", "--near", "mine"),
    "far that is not there": ("folder:mine", "--far", "folder:none"),
}


@pytest.mark.parametrize("kind", WRONG_WORDS)
def test_a_wrong_word_ends_with_code_two(kind, tailmark, home):
    tree(home / "mine")
    answer = tailmark("data", "prepare", *WRONG_WORDS[kind], "--data-root", "root")
    assert answer.code == 2 and "Traceback" not in answer.err + answer.out
    assert not (home / "root" / "prepared").exists()


def test_another_size_under_a_taken_name_is_refused_and_its_advice_ends_well(tailmark, home):
    """Case 05: "already there" with exit code 0."""
    tree(home / "mine")
    words = ("data", "prepare", "folder:mine", "--data-root", "root")
    assert tailmark(*words).code == 0
    answer = tailmark(*words, "--size", "8")
    assert answer.code == 2 and "--size none there, 8 asked for" in answer.err
    assert tailmark(*words, "--size", "8", "--name", "folder_mine_2").code == 0
    shapes = {
        path.parent.name: json.loads(path.read_text())["image_shape"]
        for path in (home / "root" / "prepared").glob("*/facts.json")
    }
    assert shapes == {"folder_mine": [4, 4, 3], "folder_mine_2": [8, 8, 3]}


def test_what_hides_in_the_background_is_seen_over_the_other(tailmark, home):
    """The advice of the refusal, followed."""
    folder = lists(home / "mine", BOTH, BOTH)
    alpha = np.zeros((4, 4), dtype=np.uint8)
    alpha[1] = 255
    for path in folder.glob("*.png"):
        image = Image.new("RGBA", (4, 4), "white")
        image.putalpha(Image.fromarray(alpha))
        image.save(path)
    words = ("data", "prepare", "folder:mine", "--data-root", "root")
    answer = tailmark(*words)
    assert answer.code == 2 and answer.err.strip().endswith("--background black")
    assert "laid over black" in tailmark(*words, "--background", "black").out

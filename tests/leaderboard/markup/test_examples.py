"""Examples as HTML: images where there are some, and nothing from a name can act."""

from leaderboard.markup.examples import examples_html


def example(image):
    return {"row": 3, "truth": "<b>", "candidate": "a", "reference": "c", "image": image}


def test_images_have_words_and_classes_are_text():
    found = examples_html({"candidate": "x", "reference": "y", "examples": [example("iVBO==")]})
    assert "alt='Test image 3 of class &lt;b&gt;'" in found
    assert "data:image/png;base64,iVBO==" in found
    assert "<b><b>" not in found


def test_rows_without_images_or_with_a_strange_one_are_a_table():
    for image in (None, "x' onerror='y"):
        found = examples_html({"candidate": "x", "reference": "y", "examples": [example(image)]})
        assert "<img" not in found
        assert "onerror" not in found
        assert "&lt;b&gt;" in found

"""What a card says is shown as words: escaped, cut, and empty where there is no card."""

from dataclasses import replace

import pytest

from harness.rankings.field import suite_rows
from leaderboard.cards import MOST, CardWords, card_words, code_html, paper_html, title_html
from tests.leaderboard.made import made, write_field


@pytest.fixture
def row(tmp_path):
    root = write_field(tmp_path)
    return next(r for r in suite_rows("digits-v1", roots=[root]) if r.name == "cnn-bs")


def test_the_words_are_the_cards(row):
    assert card_words(row).title == "CNN-BS"


def test_a_variant_has_the_words_of_its_entry(tmp_path):
    rows = {r.name: r for r in suite_rows("digits-v1", roots=[write_field(tmp_path)])}
    assert card_words(rows["cnn-ce+la"]) == card_words(rows["cnn-ce"])


def test_no_card_and_a_damaged_one_are_no_words(row):
    card = row.recorded.path.parents[1] / "entry.toml"
    card.write_text("title = [")
    assert card_words(row) == CardWords()
    card.unlink()
    assert card_words(row) == CardWords()
    assert card_words(replace(row, recorded=made("x", 0.9))) == CardWords()


def test_long_texts_are_cut_and_other_types_are_not_texts(row):
    card = row.recorded.path.parents[1] / "entry.toml"
    card.write_text(f'title = "{"x" * 1000}"\nsummary = 3\n')
    assert card_words(row) == CardWords(title="x" * MOST)
    card.write_text("[method]\ntrainer = 3\n")
    assert card_words(row) == CardWords()


def test_a_citation_cannot_bring_markup_and_arxiv_is_linked():
    found = paper_html("<script> arXiv:2107.09249")
    assert "<script" not in found
    assert "href='https://arxiv.org/abs/2107.09249'" in found


def test_a_title_leads_to_its_paper_and_only_https_is_linked():
    assert title_html(CardWords("<T>", "", "X 2020, arXiv:2107.09249")) == (
        "&lt;T&gt; · <a href='https://arxiv.org/abs/2107.09249'>arXiv:2107.09249</a>"
    )
    assert title_html(CardWords("T", "", "javascript:alert(1)")) == "T"
    assert "onmouseover" not in title_html(CardWords("", "", "https://a.b/' onmouseover='x"))


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "http://a.b", "https://a.b/' onmouseover='x", "https:// a", "x"],
)
def test_only_an_https_address_of_code_is_linked(row, address):
    card = row.recorded.path.parents[1] / "entry.toml"
    card.write_text(f'title = "T"\ncode = "{address}"\n')
    assert card_words(row) == CardWords(title="T")
    assert code_html(CardWords(address=address)) == ""


def test_the_authors_code_is_linked_from_the_title(row):
    card = row.recorded.path.parents[1] / "entry.toml"
    card.write_text('title = "T"\ncode = "https://example.org/a&b"\n')
    found = card_words(row)
    assert found.address == "https://example.org/a&b"
    assert title_html(found) == "T · <a href='https://example.org/a&amp;b'>code</a>"

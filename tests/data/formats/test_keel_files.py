"""KEEL's form: a declared head, then rows; what is wrong is said with its line."""

import pytest

from harness.data.formats.keel_files import read_keel
from harness.data.pools.tables import make_table
from harness.errors import DataError

GOOD = """@relation made
@attribute Sex {M, F}
@attribute 'Length' real [0.0, 1.0]
@attribute Class {positive, negative}
@inputs Sex, Length
@outputs Class
@data
M, 0.5,negative
F, 0.25, positive

M, <null>, negative
"""


def test_a_head_says_which_columns_are_categories_and_which_the_target(tmp_path):
    path = tmp_path / "made.dat"
    path.write_text(GOOD.replace("<null>", "?"))
    raw, reading = read_keel(path)
    pool = make_table(raw, reading=reading).pool
    assert pool.class_names == ("negative", "positive")
    assert pool.labels.tolist() == [0, 1, 0]
    assert pool.inputs.names == ("Length", "Sex")
    assert pool.inputs.categories == (("F", "M"),)
    assert pool.inputs.numeric[:2, 0].tolist() == [0.5, 0.25]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD.replace("@data", "@rows"), "declare attributes and then '@data'"),
        ("@relation x\n@data\n1,2\n", "declare attributes"),
        (GOOD.replace("F, 0.25, positive", "F, 0.25"), "3 values in line 9 of made.dat.*got 2"),
    ],
)
def test_what_is_wrong_is_a_sentence(tmp_path, text, said):
    path = tmp_path / "made.dat"
    path.write_text(text)
    with pytest.raises(DataError, match=said):
        read_keel(path)

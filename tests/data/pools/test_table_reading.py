"""What people bring in as tables: each form gives the right numbers, or is refused by its row."""

import bz2
import gzip
import lzma
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from harness.data.formats.raw_table import Reading
from harness.data.formats.table_files import read_table
from harness.data.pools.table_columns import in_order
from harness.data.pools.tables import make_table
from harness.errors import DataError

N = 24
X = [round(1.5 + 0.25 * k, 2) for k in range(N)]
LABELS = ["a" if k % 2 else "b" for k in range(N)]


def table_of(path, target="", **options):
    reading = Reading(**options)
    return make_table(read_table(path, reading), target, reading)


def lines(values, separator=",", head="x,label"):
    """A table of one column and the labels."""
    rows = [head.replace(",", separator)]
    rows += [f"{v}{separator}{label}" for v, label in zip(values, LABELS, strict=True)]
    return "\n".join(rows) + "\n"


def comma(value):
    return str(value).replace(".", ",")


PLAIN = lines(X)
SAME = {
    "semicolon": lines(X, ";"),
    "tab": lines(X, "\t"),
    "bar": lines(X, "|"),
    "blanks": lines(X, "   "),
    "a line for Excel": "sep=;\n" + lines(X, ";"),
    "CR LF": PLAIN.replace("\n", "\r\n"),
    "CR alone": PLAIN.replace("\n", "\r"),
    "no last line end": PLAIN.rstrip("\n"),
    "blank lines": PLAIN.replace("\n", "\n\n"),
    "lines of separators": PLAIN + ",\n,\n",
    "a separator at every end": PLAIN.replace("\n", ",\n"),
    "a separator at the ends of values only": PLAIN.replace("b\n", "b,\n").replace("a\n", "a,\n"),
    "comments": "# made in May\n" + PLAIN + "# the end, of it, all\n",
    "names after a # as numpy writes them": "# " + PLAIN,
    "a comment as wide as the table": "# made in May, 2024\n" + PLAIN,
    "comments above names after a #": "# made in May, 2024\n#x,label\n" + PLAIN.partition("\n")[2],
    "the line of names ends with a separator": PLAIN.replace("x,label\n", "x,label,\n"),
    "two files joined": PLAIN[: PLAIN.index("4.0,")] + "x,label\n" + PLAIN[PLAIN.index("4.0,") :],
    "a unit": lines([f"{x} kg" for x in X]),
    "a unit without a blank": lines([f"{comma(x)}°C" for x in X], ";"),
    "a currency's code": lines([f"USD {x}" for x in X]),
    "quoted": lines([f'"{x}"' for x in X]),
    "blanks around": lines([f"  {x} " for x in X], head=" x , label "),
    "decimal comma, quoted": lines([f'"{comma(x)}"' for x in X]),
    "decimal comma": lines([comma(x) for x in X], ";"),
    "decimal comma and tab": lines([comma(x) for x in X], "\t"),
    "percent": lines([f"{x} %" for x in X]),
    "dollars": lines([f"${x}" for x in X]),
    "euros": lines([f"{comma(x)} €" for x in X], ";"),
    "exponents": lines([f"{x * 10}E-1" for x in X]),
    "Fortran's exponents": lines([f"{x * 10}D-1" for x in X]),
    "plus signs": lines([f"+{x}" for x in X]),
    "an unnamed index": "\n".join(
        f"{k - 1 if k else ''},{line}" for k, line in enumerate(PLAIN.splitlines())
    ),
    "an unnamed index of drawn rows": "\n".join(
        f"{7 * k % 101 if k else ''},{line}" for k, line in enumerate(PLAIN.splitlines())
    ),
    "an unnamed index of words": "\n".join(
        f"{f'id{k}' if k else ''},{line}" for k, line in enumerate(PLAIN.splitlines())
    ),
    "names of rows as R writes them": "\n".join(
        f"{k},{line}" if k else line for k, line in enumerate(PLAIN.splitlines())
    ),
    "pandas' name for an index": "\n".join(
        f"{k - 1 if k else 'Unnamed: 0'},{line}" for k, line in enumerate(PLAIN.splitlines())
    ),
    "an identifier that counts": "\n".join(
        f"{k or 'ID'},{line}" for k, line in enumerate(PLAIN.splitlines())
    ),
    "an empty column": lines([f"{x}," for x in X], head="x,nothing,label"),
}


@pytest.mark.parametrize("form", SAME)
def test_every_form_of_one_table_is_the_same_table(form, tmp_path):
    (tmp_path / "t.csv").write_text(SAME[form], encoding="utf-8", newline="")
    pool = table_of(tmp_path / "t.csv", "label").pool
    assert pool.inputs.names == ("x",)
    np.testing.assert_allclose(pool.inputs.numeric[:, 0], X, rtol=1e-15)
    assert pool.class_names == ("a", "b")
    assert [pool.class_names[k] for k in pool.labels] == LABELS


ENCODED = {
    "UTF-8 with a mark": ("utf-8-sig", ""),
    "UTF-16": ("utf-16", ""),
    "UTF-16 big, marked": ("utf-16-be", "\ufeff"),
    "UTF-16 without a mark": ("utf-16-le", ""),
    "UTF-32": ("utf-32", ""),
    "Windows-1252": ("cp1252", ""),
    "Latin-1": ("latin-1", ""),
}


@pytest.mark.parametrize("form", ENCODED)
def test_encodings_are_found_out(form, tmp_path):
    """Case 22: the mark at the beginning became part of the first name."""
    encoding, mark = ENCODED[form]
    text = mark + "größe,label\n1,Zürich\n2,Genève\n3,Zürich\n"
    (tmp_path / "t.csv").write_bytes(text.encode(encoding))
    table = table_of(tmp_path / "t.csv", "label")
    assert table.pool.inputs.names == ("größe",)
    assert table.pool.class_names == ("Genève", "Zürich")
    assert any("Windows-1252" in note for note in table.notes) == (
        encoding in ("cp1252", "latin-1")
    )


def test_the_first_column_may_be_the_target_behind_a_mark(tmp_path):
    (tmp_path / "t.csv").write_bytes(b"\xef\xbb\xbflabel,x\na,1\nb,2\n")
    assert table_of(tmp_path / "t.csv", "label").pool.class_names == ("a", "b")


def test_other_encodings_are_named_or_refused(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes("x,label\n1,привет\n2,мир\n".encode("cp1251"))
    with pytest.raises(DataError, match="UTF-8 in .*; line 2 is not.* --encoding cp1251"):
        table_of(path)
    assert table_of(path, encoding="cp1251").pool.class_names == ("мир", "привет")
    with pytest.raises(DataError, match="name of an encoding; got --encoding klingon"):
        table_of(path, encoding="klingon")


def test_names_are_compared_in_one_form(tmp_path):
    """``é`` may be one sign or two; both are one name and one category."""
    (tmp_path / "t.csv").write_text("cafe\u0301,label\ncafe\u0301,a\ncaf\u00e9,b\n", "utf-8")
    pool = table_of(tmp_path / "t.csv").pool
    assert pool.inputs.names == ("caf\u00e9",) and pool.inputs.categories == (("caf\u00e9",),)


PACKED = {
    "t.csv.gz": gzip.compress,
    "t.csv.xz": lzma.compress,
    "t.csv.bz2": bz2.compress,
    "t.csv": gzip.compress,  # the name does not say so
}


@pytest.mark.parametrize("name", PACKED)
def test_packed_files_are_unpacked(name, tmp_path):
    (tmp_path / name).write_bytes(PACKED[name](PLAIN.encode()))
    assert table_of(tmp_path / name).pool.inputs.numeric[:, 0].tolist() == X


def test_an_archive_of_one_file_is_read(tmp_path):
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        archive.writestr("inner.csv", PLAIN)
    assert table_of(tmp_path / "t.zip").pool.inputs.numeric[:, 0].tolist() == X


NUMBERS = {
    "commas between thousands": (["1,234.5", "999", "1,000,000"], '"{}"', ",", [1234.5, 999, 1e6]),
    "commas between thousands alone": (["1,234", "999", "2,000"], '"{}"', ",", [1234, 999, 2000]),
    "points between thousands": (["1.234,5", "999", "1.000.000"], "{}", ";", [1234.5, 999, 1e6]),
    "blanks between thousands": (["1 234,5", "999", "1 000 000"], "{}", ";", [1234.5, 999, 1e6]),
    "hard blanks": (["1\u00a0234.5", "999", "1\u202f000"], "{}", ",", [1234.5, 999, 1000]),
    "Swiss": (["1'234.5", "999", "1’000"], "{}", ",", [1234.5, 999, 1000]),
    "minus signs of print": (["−1.5", "2", "−3"], "{}", ",", [-1.5, 2, -3]),
    "brackets": (["(1.5)", "2", "(1,000)"], '"{}"', ",", [-1.5, 2, -1000]),
    "dollars with thousands": (["$1,234.50", "$2", "-$3"], '"{}"', ",", [1234.5, 2, -3]),
    "holes": (["1.5", "NA", "n/a"], "{}", ",", [1.5, np.nan, np.nan]),
    "days": (["1970-01-02", "1970-01-03", ""], "{}", ",", [86400, 172800, np.nan]),
    "moments": (
        ["1970-01-01T00:00:05Z", "1970-01-01 01:00:00+01:00", ""],
        "{}",
        ",",
        [5, 0, np.nan],
    ),
    "German days": (
        ["02.01.1970", "03.01.1970", "31.01.1970"],
        "{}",
        ",",
        [86400, 172800, 2592000],
    ),
    "American days": (
        ["01/02/1970", "01/03/1970", "01/31/1970"],
        "{}",
        ",",
        [86400, 172800, 2592000],
    ),
    "months by name": (
        ["02 Jan 1970", "03 Jan 1970", "31 Jan 1970"],
        "{}",
        ",",
        [86400, 172800, 2592000],
    ),
    "clocks of twelve hours": (
        ["12:01 AM", "1:00:05 am", "12:00 PM", "11:59 p.m."],
        "{}",
        ",",
        [60, 3605, 43200, 86340],
    ),
    "American moments": (
        ["01/02/1970 12:00 AM", "01/31/1970 1:00 PM"],
        "{}",
        ",",
        [86400, 2592000 + 46800],
    ),
    "units that stand alone": (["1,000 km", "999 km"], '"{}"', ",", [1000, 999]),
    "clocks": (["00:01", "01:00:05", "23:59"], "{}", ",", [60, 3605, 86340]),
}


@pytest.mark.parametrize("form", NUMBERS)
def test_numbers_are_read_as_they_are_written(form, tmp_path):
    words, quote, separator, expected = NUMBERS[form]
    body = [f"{quote.format(word)}{separator}{'ab'[k % 2]}" for k, word in enumerate(words)]
    (tmp_path / "t.csv").write_text(f"x{separator}label\n" + "\n".join(body), "utf-8")
    table = table_of(tmp_path / "t.csv", "label")
    np.testing.assert_array_equal(table.pool.inputs.numeric[:, 0], expected)


def test_values_that_would_become_equal_are_said(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(lines(["1", "01", *range(2, N)]))
    with pytest.raises(DataError, match="'1' and '01' would become equal.*--text x"):
        table_of(path)
    assert len(table_of(path, text=("x",)).pool.inputs.categories[0]) == N
    path.write_text(lines([f"0.1234567890123456{k:04d}" for k in range(N)]))
    distinct = len({float(f"0.1234567890123456{k:04d}") for k in range(N)})
    note = f"{N - distinct} values are equal to another as 64-bit numbers"
    assert distinct < N and any(note in said for said in table_of(path).notes)
    path.write_text(lines([10**18 + 1000 * k for k in range(N)]))  # large, but all apart
    assert len(set(table_of(path).pool.inputs.numeric[:, 0].tolist())) == N


def test_commas_and_semicolons_in_every_row_are_told_apart(tmp_path):
    """Both fit every row; one of them leaves more numbers."""
    (tmp_path / "t.csv").write_text("1,5;2,5;a\n2,5;4,5;b\n3,5;6,5;a\n")
    inputs = table_of(tmp_path / "t.csv", header=False).pool.inputs
    assert inputs.numeric.tolist() == [[1.5, 2.5], [2.5, 4.5], [3.5, 6.5]]
    (tmp_path / "t.csv").write_text("1,u;v,a\n2,u;w,b\n3,t;v,a\n")
    inputs = table_of(tmp_path / "t.csv", header=False).pool.inputs
    assert inputs.names == ("c1", "c2") and inputs.numeric[:, 0].tolist() == [1, 2, 3]


def test_equal_numbers_are_in_order_of_their_spelling():
    spellings = ["+1", "01", "1", "1.0", "1.00", "1e0", "1e00", "2"]
    assert in_order(set(spellings)) == spellings


def test_time_stamps_keep_every_second(tmp_path):
    """Case 16: as float32 three distinct values were left of 240."""
    stamps = list(range(1_700_000_000, 1_700_000_000 + N))
    (tmp_path / "t.csv").write_text(lines(stamps))
    pool = table_of(tmp_path / "t.csv").pool
    assert pool.inputs.numeric.dtype == np.float64
    assert pool.inputs.take(np.arange(N))[:, 0].tolist() == stamps


def test_columns_of_one_name_are_all_kept(tmp_path):
    """Case 14: only the last of two columns was left."""
    (tmp_path / "t.csv").write_text("x,x,label\n1,5,a\n2,6,b\n")
    table = table_of(tmp_path / "t.csv")
    assert table.pool.inputs.names == ("x", "x.2")
    assert table.pool.inputs.numeric.tolist() == [[1, 5], [2, 6]]
    assert "2 columns are named 'x'; the later ones are called 'x.2'." in table.notes


def test_words_for_missing_are_classes_in_the_target(tmp_path):
    """Case 12: a class called none was refused as missing."""
    (tmp_path / "t.csv").write_text("x,label\n1,none\n2,NA\n3,severe\n4,none\n")
    table = table_of(tmp_path / "t.csv")
    assert table.pool.class_names == ("NA", "none", "severe")
    assert any("'none' is a class of 2 rows" in note for note in table.notes)
    with pytest.raises(DataError, match=r"missing in 2, first in row 0 \(line 2\), where 'none'"):
        table_of(tmp_path / "t.csv", missing=("none",))


def test_none_is_a_word_like_others_among_words(tmp_path):
    (tmp_path / "t.csv").write_text("x,label\nnone,a\nNA,b\nlow,a\n?,b\n")
    table = table_of(tmp_path / "t.csv")
    assert table.pool.inputs.categories == (("low", "none"),)
    assert table.pool.inputs.categorical[:, 0].tolist() == [1, -1, 0, -1]
    assert any("'?', 'NA' means missing, in 2 rows" in note for note in table.notes)
    kept = table_of(tmp_path / "t.csv", missing=("?",)).pool
    assert kept.inputs.categories == (("NA", "low", "none"),)


def test_equal_numbers_are_one_class(tmp_path):
    (tmp_path / "t.csv").write_text("x,label\n1,1\n2,1.0\n3,2\n4,2.0\n")
    table = table_of(tmp_path / "t.csv")
    assert table.pool.class_names == ("1", "2") and table.pool.labels.tolist() == [0, 0, 1, 1]
    assert any("'1', '1.0' are one class, '1'" in note for note in table.notes)
    (tmp_path / "t.csv").write_text("x,label\n1,1\n2,01\n3,2\n")
    with pytest.raises(DataError, match=r"'01' in row 1 \(line 3\) and '1' in row 0 .*same number"):
        table_of(tmp_path / "t.csv")


def test_whole_numbers_beyond_float64_are_classes_of_their_own(tmp_path):
    """Compared as float64 they were one class."""
    classes = [2**53, 2**53 + 1, 2**53]
    (tmp_path / "t.csv").write_text(
        "x,label\n" + "".join(f"{k},{c}\n" for k, c in enumerate(classes))
    )
    pool = table_of(tmp_path / "t.csv", text=("x",)).pool
    assert pool.class_names == tuple(map(str, sorted(set(classes))))
    assert pool.labels.tolist() == [0, 1, 0]


@pytest.mark.parametrize("other", ["new york", "New  York", "New\u200b York"])
def test_classes_that_look_alike_are_said(other, tmp_path):
    body = "".join(f"{k}.5,{c}\n" for k, c in enumerate(["New York", other, "Paris"] * 2))
    (tmp_path / "t.csv").write_text("x,label\n" + body, "utf-8")
    table = table_of(tmp_path / "t.csv")
    assert len(table.pool.class_names) == 3
    assert any("count as different" in note for note in table.notes)


def test_a_comment_above_words_is_not_taken_for_their_names(tmp_path):
    """It became the line of names, and the real one a row with a class of its own."""
    body = "".join(f"{'uvw'[k % 3]},{LABELS[k]}\n" for k in range(N))
    for head in ("# by me, in May\ncolour,label\n", "# colour, label\n"):
        (tmp_path / "t.csv").write_text(head + body)
        pool = table_of(tmp_path / "t.csv").pool
        assert pool.inputs.names == ("colour",) and len(pool.inputs) == N
        assert pool.class_names == ("a", "b")


def test_words_that_look_like_numbers_are_said(tmp_path):
    values = [f"{2000 + k}-{k + 1:02d}" for k in range(12)] * 2
    (tmp_path / "t.csv").write_text(lines(values))
    assert any(
        "though they look like numbers" in note for note in table_of(tmp_path / "t.csv").notes
    )


def test_nines_that_stand_for_missing_are_said_and_can_be_named(tmp_path):
    (tmp_path / "t.csv").write_text(lines([-999.0 if k % 6 == 0 else x for k, x in enumerate(X)]))
    assert any("--missing -999" in note for note in table_of(tmp_path / "t.csv").notes)
    table = table_of(tmp_path / "t.csv", missing=("-999",))
    assert np.isnan(table.pool.inputs.numeric[:, 0]).sum() == 4
    assert not any("--missing" in note for note in table.notes)
    (tmp_path / "t.csv").write_text(lines([99 if k % 6 == 0 else 90 + x for k, x in enumerate(X)]))
    assert not any("--missing" in note for note in table_of(tmp_path / "t.csv").notes)


def test_an_index_of_drawn_rows_is_no_input(tmp_path):
    """Drawn or filtered rows keep the numbers they had, which tell how the file was sorted."""
    for name, numbers in {
        "index": [7 * k % 101 for k in range(N)],
        "X": range(3, 3 * N, 3),
    }.items():
        body = [f"{n},{line}" for n, line in zip(numbers, PLAIN.splitlines()[1:], strict=False)]
        (tmp_path / "t.csv").write_text(f"{name},x,label\n" + "\n".join(body) + "\n")
        assert table_of(tmp_path / "t.csv").pool.inputs.names == ("x",)
    (tmp_path / "t.csv").write_text(lines([7 * k % 101 for k in range(N)], head="X,label"))
    assert table_of(tmp_path / "t.csv").pool.inputs.names == ("X",)  # may be a measurement


def test_an_item_of_a_list_with_the_name_of_a_column_is_refused(tmp_path):
    """The later of the two was lost without a word."""
    (tmp_path / "t.csv").write_text('v,v[1],label\n"[1, 2.5]",7,a\n"[3, 4]",9,b\n')
    with pytest.raises(DataError, match=r"'v\[1\]' is a column and an item of column 'v'.*--drop"):
        table_of(tmp_path / "t.csv")


def test_lists_are_spread(tmp_path):
    """Case 18, as text: pandas and NumPy print lists so."""
    (tmp_path / "t.csv").write_text('v,label\n"[1, 2.5]",a\n"[3, 4]",b\n')
    assert table_of(tmp_path / "t.csv").pool.inputs.numeric.tolist() == [[1, 2.5], [3, 4]]
    (tmp_path / "t.csv").write_text("v,label\n[1. 2.5],a\n[3. 4. ],b\n")
    assert table_of(tmp_path / "t.csv").pool.inputs.names == ("v[0]", "v[1]")
    (tmp_path / "t.csv").write_text('v,label\n"[1, 2]",a\n"[3, 4]",b\n"[5]",b\n')
    with pytest.raises(
        DataError, match=r"lists of 2 items in column 'v' .*; row 2 \(line 4\) has 1"
    ):
        table_of(tmp_path / "t.csv")


def test_a_matrix_is_spread_row_by_row(tmp_path):
    (tmp_path / "n.csv").write_text('v,label\n"[[1, 2], [3, 4]]",a\n"[[5, 6], [7, 8]]",b\n')
    assert table_of(tmp_path / "n.csv").pool.inputs.numeric.tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]


def test_a_quoted_line_end_is_part_of_a_value(tmp_path):
    (tmp_path / "t.csv").write_text('x,label\n"a\nb",1\nc,2\nd,1,3\n')
    with pytest.raises(DataError, match="Expected 2 values in line 5 .*; got 3"):
        table_of(tmp_path / "t.csv")
    (tmp_path / "t.csv").write_text('x,label\n"a\nb",1\nc,2\n')
    assert table_of(tmp_path / "t.csv").pool.inputs.categories == (("a\nb", "c"),)


def test_a_value_may_be_longer_than_the_librarys_limit(tmp_path):
    long = "y" * 200_000
    (tmp_path / "t.csv").write_text(f"x,label\n{long},a\nz,b\n")
    assert table_of(tmp_path / "t.csv").pool.inputs.categories == ((long, "z"),)


def test_numbers_of_rows_that_are_inputs_are_said(tmp_path):
    (tmp_path / "t.csv").write_text("age,label\n0,a\n1,b\n2,a\n")
    table = table_of(tmp_path / "t.csv")
    assert table.pool.inputs.names == ("age",)
    assert any("--drop age" in note for note in table.notes)
    with pytest.raises(DataError, match="columns beside the target"):
        table_of(tmp_path / "t.csv", drop=("age",))


CLASSES = """
from pathlib import Path
from harness.data.formats.table_files import read_table
from harness.data.pools.tables import make_table
pool = make_table(read_table(Path("t.csv"))).pool
print(pool.class_names, pool.inputs.categories, pool.fingerprint)
"""


def test_the_order_of_classes_is_the_same_in_every_process(tmp_path):
    """Equal numbers were ordered by the hash of their spelling."""
    words = ["1", "1.0", "2", "nan", "b", "1e0", "-0", "0"]
    body = "\n".join(f"{word},{other}" for word, other in zip(words, reversed(words), strict=True))
    (tmp_path / "t.csv").write_text(f"x,label\n{body}\n")
    root = Path(__file__).resolve().parents[3]
    said = {
        subprocess.run(
            [sys.executable, "-c", CLASSES],
            cwd=tmp_path,
            env=os.environ | {"PYTHONHASHSEED": str(seed), "PYTHONPATH": str(root)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in range(4)
    }
    assert len(said) == 1

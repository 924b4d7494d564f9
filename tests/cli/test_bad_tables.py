"""Tables that cannot be read: exit code 2, one sentence with what to do, nothing left behind."""

import gzip
import io
import os
import pickle
import zipfile

import numpy as np
import pytest

LABELS = ["ab"[k % 2] for k in range(24)]


def rows(values, head="x,label", separator=","):
    """A table of one column and the labels."""
    lines = [f"{value}{separator}{label}" for value, label in zip(values, LABELS, strict=True)]
    return "\n".join([head, *lines]) + "\n"


def with_one(value, at=6):
    return [value if k == at else k + 0.5 for k in range(24)]


def target(values):
    return "x,label\n" + "\n".join(f"{k + 0.5},{value}" for k, value in enumerate(values)) + "\n"


def zipped(*names):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name in names:
            archive.writestr(name, rows(range(24)))
    return held.getvalue()


def saved(value):
    held = io.BytesIO()
    np.save(held, value)
    return held.getvalue()


GOOD = rows(k + 0.5 for k in range(24))
BAD = {
    # what is not a table
    "empty": ("", "Expected rows of values"),
    "blank lines only": ("\n \n\n", "Expected rows of values"),
    "a mark only": (b"\xef\xbb\xbf", "Expected rows of values"),
    "names only": ("x,label\n", "Expected rows of values"),
    "comments only": ("# x\n# y\n", "Expected rows of values"),
    "a web page": ("<!DOCTYPE html><html></html>", "got a web page"),
    "XML": ("<?xml version='1.0'?><r/>", "holds XML, which is not read"),
    "JSON of rows": ('[{"x": 1, "label": "a"}]', "holds JSON, which is not read"),
    "JSON of columns": ('{"x": [1, 2], "label": ["a", "b"]}', "holds JSON, which is not read"),
    "lines of JSON": ('{"x": 1}\n{"x": 2}\n', "holds JSON, which is not read"),
    "ARFF": ("@RELATION r\n@ATTRIBUTE x NUMERIC\n@DATA\n1\n", "holds ARFF, which is not read"),
    "Excel": (zipped("[Content_Types].xml", "xl/workbook.xml"), "a sheet of Excel or OpenDocument"),
    "OpenDocument": (zipped("mimetype", "content.xml"), "a sheet of Excel or OpenDocument"),
    "old Excel": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" * 9, "an Excel file (.xls). Save the sheet"),
    "an archive of two files": (zipped("a.csv", "b.csv"), "Expected one file in"),
    "an archive of none": (zipped(), "Expected"),
    "half of Parquet": (b"PAR1\x15\x04\x15" + b"\0" * 40, "a file in the form of Parquet"),
    "half of Arrow": (b"ARROW1\x00\x00" + b"\0" * 40, "a file in the form of Arrow"),
    "half of an Arrow stream": (b"\xff\xff\xff\xff" + b"\0" * 40, "a file in the form of Arrow"),
    "packed twice": (gzip.compress(gzip.compress(b"x,label\n1,a\n")), "Unpack it and name what is"),
    "an archive of tar": (
        b"t.csv".ljust(257, b"\0") + b"ustar\0" + b"\0" * 249,
        "an archive of tar",
    ),
    "a pickle": (pickle.dumps([1, 2]), "a pickle, which is never opened"),
    "a NumPy array": (saved(np.arange(3)), "a NumPy array. Save it as CSV"),
    "HDF5": (b"\x89HDF\r\n\x1a\n" + b"\0" * 30, "an HDF5 file"),
    "SQLite": (b"SQLite format 3\x00" + b"\0" * 30, "an SQLite database"),
    "zstd": (b"(\xb5/\xfd" + b"\0" * 30, "packed with zstd. Unpack it"),
    "a PDF": (b"%PDF-1.7\n", "a PDF. Save the table as CSV"),
    "a pointer of Git LFS": ("version https://git-lfs.github.com/spec/v1\noid x\n", "git lfs pull"),
    "half a gzip": (gzip.compress(GOOD.encode() * 50)[:100], "Expected a whole CSV file"),
    "zero bytes": (b"x,label\n1,a\n2\x00,b\n", "line 3 has a zero byte"),
    # encodings
    "Cyrillic of Windows": ("x,label\n1,привет\n2,мир\n".encode("cp1251"), "--encoding cp1251"),
    "Japanese": ("x,label\n1,日本語\n2,東京\n".encode("shift_jis"), "Save the file as UTF-8"),
    "half of UTF-16": ("x,label\n1,a\n".encode("utf-16")[:-1], "Expected text in utf-16"),
    # rows
    "a row too long": ("x,label\n1,a\n2,b,c\n", "Expected 2 values in line 3"),
    "a row too short": ("x,y,label\n1,2,a\n2,b\n", "Expected 3 values in line 3"),
    "a quotation mark left open": ('x,label\n"1,a\n2,b\n', "quotation marks are closed"),
    "something after a quotation": ('x,label\n"1"0,a\n2,b\n', "quotation marks are closed"),
    "an open mark far above": ('x,label\n1,a\n"2,b\n3,a\n', "in line 3"),
    # names
    "no line of names": (GOOD.partition("\n")[2], "Say --no-header"),
    "no line of names, words": ("u,a\nv,b\nu,a\nv,b\n", "Say --no-header"),
    "a column without a name": ("x,,label\n1,5,a\n2,5,b\n", "Expected a name for column 2"),
    "a measurement without a name": (
        "\n".join([",x,label", *(f"{k / 3:.2f},{k % 4},{'ab'[k % 2]}" for k in range(24))]),
        "its values are no index, because one is 0.33",
    ),
    "the target twice": ("x,label,label\n1,a,a\n2,b,b\n", "several have that name"),
    # numbers
    "inf": (rows(with_one("inf")), "row 6 (line 8) is infinite"),
    "-Infinity": (rows(with_one("-Infinity")), "row 6 (line 8) is infinite"),
    "too large for a float": (rows(with_one("1e400")), "row 6 (line 8) is infinite or too large"),
    "a word among numbers": (rows(with_one("abc")), "row 6 (line 8) has 'abc'"),
    "a reference error": (rows(with_one("#REF!")), "row 6 (line 8) has '#REF!'"),
    "two currencies": (
        rows(f"{'$€'[k % 2]}{k}.50" for k in range(24)),
        "another value in every row",
    ),
    "percent here and there": (rows(with_one("50%")), "row 6 (line 8) has '50%'"),
    "two units": (rows(f"{k}.5 {'kg' if k % 5 else 'g'}" for k in range(24)), "looks like numbers"),
    "a line of units": (rows(with_one("[kg]", 0)), "delete it"),
    "a line of sums": (rows(with_one("Total", 23)), "delete it"),
    "the line of names again, words": (
        "\n".join(["c,label", *(f"{'uvw'[k % 3]},{'ab'[k % 2]}" for k in range(24)), "c,label"]),
        "delete what repeats them (line 26)",
    ),
    "a dash for missing": (rows(with_one("-")), "say --missing '-'"),
    "amounts with two codes": (
        rows(f"{'USD' if k % 5 else 'EUR'} {k}.5" for k in range(24)),
        "looks like numbers",
    ),
    "ranges": (rows(f"{k}-{k + 5}" for k in range(24)), "looks like numbers"),
    "codes with zeros": (rows(["1", "01", *range(2, 24)]), "'1' and '01' would become equal"),
    "a list cut short": (rows(['"[1 2 ... 9]"'] * 24), "was cut short with '...'"),
    "a title above the names": ("My rows\nx,label\n1,a\n2,b\n", "Delete the lines above the names"),
    "hexadecimal": (rows(hex(k) for k in range(100, 124)), "looks like numbers"),
    "commas of two kinds": (
        rows([999, *(f"{k},{100 + k}" for k in range(1, 24))], "x;label", ";"),
        "--decimal , or --decimal .",
    ),
    "numbers beyond 2^53": (rows(2**53 + k for k in range(24)), "beyond 2^53"),
    "either day or month": (
        rows(f"{k % 12 + 1:02}/{k // 2 + 1:02}/2023" for k in range(24)),
        "can be read in one way",
    ),
    "lists of two lengths": (
        rows(f'"{[0] * (2 + (k == 3))}"' for k in range(24)),
        "lists of 2 items",
    ),
    "two columns of parts": (
        "x,part,set,label\n"
        + "\n".join(
            f"{k}.5,{['train', 'test'][k % 3 == 2]},{['train', 'test'][k % 4 == 3]},{'ab'[k % 2]}"
            for k in range(24)
        ),
        "Say --split part --drop set where 'part' gives the test rows",
    ),
    # targets
    "an empty class": (target(["a", "", *"ba"]), "row 1 (line 3), where nothing is written"),
    "one class": (target(["a"] * 9), "at least two classes"),
    "a continuous target": (target(k / 7 for k in range(200)), "as of a continuous target"),
    "a whole-number target": (target(range(200)), "as of a continuous target"),
    "names as target": (target(f"n{k}" for k in range(30)), "as of names of rows"),
    "nan among numbers": (target([0, 1, "nan", 0, 1, 2]), "row 2 (line 4) has 'nan'"),
    "1 and 01": (target(["1", "01", "2"]), "'01' in row 1 (line 3) and '1' in row 0 (line 2)"),
    "the target alone": ("label\na\nb\n", "Expected columns beside the target"),
    "nothing but the target": ("x,label\n,a\n,b\n", "Expected columns with values"),
}
OPTIONS = {
    "no such target": (["--target", "lable"], "Did you mean 'label'?"),
    "no such column to leave out": (["--drop", "xx"], "column to leave out 'xx'"),
    "no such column of text": (["--text", "xx"], "column to take as text 'xx'"),
    "nothing left": (["--drop", "x"], "Expected columns beside the target"),
    "a decimal word": (["--decimal", "point"], "a comma or a point"),
    "the wrong decimal sign": (["--decimal", ","], "Expected numbers in column 'x'"),
    "a long separator": (["--separator", ";;"], "one character"),
    "the wrong separator": (["--separator", ";"], "Expected columns beside the target"),
    "no such encoding": (["--encoding", "utf8000"], "--encoding cp1252"),
    "another encoding": (["--encoding", "utf-32"], "Expected text in utf-32"),
    "names taken for values": (["--no-header"], "leave --no-header out"),
    "a class named missing": (["--missing", "a"], "where 'a' stands"),
    "no such split": (["--split", "part"], "column of parts 'part'"),
    "one fold": (["--folds", "1"], "at least 2 folds"),
    "too many folds": (["--folds", "25"], "at most as many as rows, 24"),
    "two rules": (["--folds", "3", "--leave-one-out"], "one rule for the test rows"),
    "rows beyond the end": (["--test-rows", "20-25"], "rows from 0 to 23"),
    "no test file": (["--test", "none.csv"], "Expected a table in a file at none.csv"),
    "no such group": (["--group", "site"], "column of groups 'site'|'site'"),
}


@pytest.fixture
def prepare(tailmark, home):
    """Prepare a table of some content on the command line."""

    def run(content, *words, name="t.csv"):
        data = content.encode() if isinstance(content, str) else content
        (home / name).write_bytes(data)
        return tailmark("data", "prepare", f"table:{name}", "--data-root", "data", *words)

    return run


def refused(answer, words, home):
    assert answer.code == 2, answer.out + answer.err
    said = answer.err.strip()
    assert said.startswith("tailmark: Expected ") and "\n" not in said
    assert "Traceback" not in said
    assert any(word in said for word in words.split("|")), said
    assert not answer.out
    assert not [*(home / "data").glob("*")] if (home / "data").exists() else True


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_table_gets_one_sentence(kind, prepare, home):
    content, words = BAD[kind]
    refused(prepare(content), words, home)


@pytest.mark.parametrize("kind", OPTIONS)
def test_a_bad_option_gets_one_sentence(kind, prepare, home):
    options, words = OPTIONS[kind]
    refused(prepare(GOOD, *options), words, home)


def test_what_is_no_file_is_refused_without_waiting(tailmark, home):
    os.mkfifo(home / "pipe.csv")
    (home / "folder.csv").mkdir()
    for name, words in (
        ("pipe.csv", "it is a pipe or a device"),
        ("folder.csv", "it is a folder"),
        ("none.csv", "there is none"),
        ("pipe.parquet", "there is none"),
    ):
        answer = tailmark("data", "prepare", f"table:{name}", "--data-root", "data")
        refused(answer, words, home)


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("openml:adult", "'openml:' and a number"),
        ("openml:", "Write for example openml:310"),
        ("openml:²", "Write for example openml:310"),
        ("openml:-3", "'openml:' and a number"),
    ],
)
def test_a_bad_number_of_openml_gets_one_sentence(reference, words, tailmark, home):
    refused(tailmark("data", "prepare", reference, "--data-root", "data"), words, home)


ADVICE = {
    "no line of names": ["--no-header"],
    "no line of names, words": ["--force"],
    "two columns of parts": ["--split", "part", "--drop", "set"],
    "inf": ["--drop", "x"],
    "a word among numbers": ["--text", "x"],
    "hexadecimal": ["--text", "x"],
    "two currencies": ["--text", "x"],
    "a dash for missing": ["--missing", "-"],
    "codes with zeros": ["--text", "x"],
    "commas of two kinds": ["--decimal", ","],
    "either day or month": ["--drop", "x"],
    "numbers beyond 2^53": ["--text", "x"],
    "lists of two lengths": ["--drop", "x"],
    "a continuous target": ["--force"],
    "a whole-number target": ["--force"],
    "names as target": ["--force"],
    "nan among numbers": ["--force"],
    "Cyrillic of Windows": ["--encoding", "cp1251"],
    "1 and 01": None,
    "an empty class": None,
}
"""What each sentence names → the words to add; None where it asks to change the file."""


@pytest.mark.parametrize("kind", [kind for kind, words in ADVICE.items() if words])
def test_following_the_sentence_ends_well(kind, prepare, home):
    content, words = BAD[kind]
    answer = prepare(content)
    refused(answer, words, home)
    asked = ADVICE[kind]
    assert all(word in answer.err for word in asked), answer.err
    if asked == ["--drop", "x"]:  # the table needs another column then
        text = content.replace("x,label", "y,x,label", 1)
        lines = text.splitlines()
        content = "\n".join([lines[0], *(f"{k + 0.5},{line}" for k, line in enumerate(lines[1:]))])
    assert prepare(content, *asked).code == 0


def test_a_file_changed_as_asked_ends_well(prepare, home):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pa.table({"x": [1, 2], "label": ["a", "b"]}), home / "p")
    stored = (home / "p").read_bytes()
    refused(prepare(target(["1", "01", "2"])), "Write one of them in every row", home)
    refused(prepare(target(["a", "", "b", "a"])), "Write the class there", home)
    refused(prepare(stored), "Name it with --target", home)
    assert prepare(target(["1", "1", "2"]), "--name", "one").code == 0
    assert prepare(target(["a", "b", "b", "a"]), "--name", "two").code == 0
    assert prepare(stored, "--target", "label", "--name", "three").code == 0

"""Name, source, content and options are the identity of a data set of the user's own."""

import json
import re
from dataclasses import fields

import pytest
from PIL import Image

from harness.data.sets.datasets import facts_of, load_part
from harness.data.sets.own_options import Options, said
from harness.data.sets.prepare import prepare
from harness.errors import DataError


def never():
    raise AssertionError("torchvision is not needed")


def got(reference, root, **options):
    return prepare(reference, root, never, Options(**options))


def table(folder, last="n"):
    folder.mkdir(exist_ok=True)
    lines = ["a,b,ok", *(f"{i},{'xy'[i % 2]},{'yn'[i % 3 == 0]}" for i in range(30))]
    (folder / "rows.csv").write_text("\n".join([*lines, f"31,x,{last}"]) + "\n")
    return f"table:{folder / 'rows.csv'}"


def images(folder):
    folder.mkdir()
    for part in ("train", "test"):
        (folder / part).mkdir()
        for k in (0, 1):
            Image.new("RGB", (8, 8), (90 * k, 10 * len(part), 0)).save(folder / part / f"{k}.png")
        (folder / f"{part}.txt").write_text(f"{part}/0.png 0\n{part}/1.png 1\n")
    return f"folder:{folder}"


def test_every_option_but_the_name_has_a_flag_and_so_belongs_to_the_identity():
    assert [o.name for o in fields(Options) if "flag" not in o.metadata] == ["name"]
    assert said(Options(name="x")) == {}
    assert said(Options(target="ok", size=4, header=False)) == {
        "--target": "ok",
        "--size": "4",
        "--header": "no",
    }


def test_the_same_source_content_and_options_are_already_there(tmp_path):
    got(table(tmp_path / "a"), tmp_path, target="b")
    again = got(table(tmp_path / "a"), tmp_path, target="b")
    assert again.startswith("table_rows: already there, from the same source with the same options")


CHANGES = {
    "another option": (lambda at: table(at / "a"), {"target": "b"}, "--target none there, b asked"),
    "no header": (
        lambda at: table(at / "a"),
        {"header": False, "text": ("c1",)},
        "--header none there, no asked",
    ),
    "another source": (
        lambda at: table(at / "b"),
        {},
        r"source .*/a/rows.csv there, .*/b/rows.csv",
    ),
    "another content": (lambda at: table(at / "a", "y"), {}, "content .{12}… there, .{12}… in the"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_anything_else_under_a_taken_name_is_refused_and_the_advice_ends_well(change, tmp_path):
    got(table(tmp_path / "a"), tmp_path)
    before = facts_of("table_rows", tmp_path)
    make, options, words = CHANGES[change]
    with pytest.raises(DataError, match=words) as refused:
        got(make(tmp_path), tmp_path, **options)
    assert facts_of("table_rows", tmp_path) == before
    named = re.search(r"--name (\w+)", str(refused.value))[1]
    assert named == "table_rows_2"
    said_then = got(make(tmp_path), tmp_path, name=named, **options)
    assert said_then.startswith("table_rows_2: ")
    assert facts_of("table_rows", tmp_path) == before
    assert "already there" in got(make(tmp_path), tmp_path, name=named, **options)


def test_a_folder_at_another_size_is_another_set(tmp_path):
    """Case 05: the option was ignored with exit code 0."""
    reference = images(tmp_path / "ok")
    got(reference, tmp_path)
    with pytest.raises(DataError, match="--size none there, 4 asked for"):
        got(reference, tmp_path, size=4)
    got(reference, tmp_path, size=4, name="folder_ok_2")
    assert load_part("folder_ok", "test", tmp_path).inputs.array.shape == (2, 8, 8, 3)
    assert load_part("folder_ok_2", "test", tmp_path).inputs.array.shape == (2, 4, 4, 3)


def test_a_changed_image_is_another_content(tmp_path):
    reference = images(tmp_path / "ok")
    got(reference, tmp_path)
    Image.new("RGB", (8, 8), (1, 2, 3)).save(tmp_path / "ok" / "test" / "0.png")
    with pytest.raises(DataError, match="content"):
        got(reference, tmp_path)


@pytest.mark.parametrize(
    ("wrong", "advice"),
    [
        ("Mine", "mine"), ("my-set", "my_set"), ("2nd", "set_2nd"), ("my set", "my_set"),
        ("../up", "up"), ("é", "set"),
    ],
)  # fmt: skip
def test_a_name_that_split_ids_cannot_hold_is_refused(wrong, advice, tmp_path):
    with pytest.raises(DataError, match=f"Expected a name of lower-case.*--name {advice}$"):
        got(table(tmp_path / "a"), tmp_path, name=wrong)
    assert not (tmp_path / "prepared").exists()
    assert got(table(tmp_path / "a"), tmp_path, name=advice).startswith(advice)


def test_the_name_of_a_shipped_set_is_refused(tmp_path):
    with pytest.raises(DataError, match="'mnist' is a data set that is shipped.*--name my_mnist"):
        got(table(tmp_path / "a"), tmp_path, name="mnist")
    assert got(table(tmp_path / "a"), tmp_path, name="my_mnist").startswith("my_mnist: 2 classes")


@pytest.mark.parametrize("reading", [None, 0])
def test_what_an_earlier_version_prepared_is_not_measured_on(reading, tmp_path):
    got(table(tmp_path / "a"), tmp_path)
    path = tmp_path / "prepared" / "table_rows" / "facts.json"
    facts = json.loads(path.read_text())
    if reading is None:
        del facts["identity"]
    else:
        facts["identity"]["reading"] = reading
    path.write_text(json.dumps(facts))
    with pytest.raises(DataError, match="Delete that folder and prepare it again from .*rows.csv"):
        load_part("table_rows", "all", tmp_path)
    with pytest.raises(DataError, match="earlier version|version 0 there"):
        got(table(tmp_path / "a"), tmp_path)


MISPLACED = {
    "folds of images": (
        images,
        {"folds": "3"},
        "folder: .*--folds is for table: and openml: alone",
    ),
    "target of a folder": (images, {"target": "x"}, "--target is for table: and openml: and hf:"),
    "size of a table": (table, {"size": 8}, "table: .*--size is for folder: and hf: alone"),
    "background of a table": (table, {"background": "black"}, "--background is for folder:"),
}


@pytest.mark.parametrize(("make", "options", "match"), MISPLACED.values(), ids=MISPLACED)
def test_an_option_that_a_source_cannot_use_is_refused(tmp_path, make, options, match):
    with pytest.raises(DataError, match=f"{match}.*Leave it out"):
        got(make(tmp_path / "a"), tmp_path / "root", **options)
    assert not (tmp_path / "root" / "prepared").exists()


@pytest.mark.parametrize("options", [{"size": 3}, {"name": "mine"}, {"folds": "3"}])
def test_a_shipped_data_set_takes_no_options(tmp_path, options):
    with pytest.raises(DataError, match=f"no options for digits.*--{next(iter(options))}"):
        got("digits", tmp_path, **options)
    assert got("digits", tmp_path).startswith("digits: nothing to do")

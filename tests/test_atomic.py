"""Writing so that a reader sees all or nothing."""

import stat

import pytest

from harness.atomic import MODE, replacing, write_folder, write_text


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_block_that_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    target = tmp_path / "a"
    target.write_text("old")
    with pytest.raises(RuntimeError, match="stop"), replacing(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError("stop")
    assert target.read_text() == "old" and names(tmp_path) == ["a"]


def test_the_old_file_is_read_until_the_block_ends(tmp_path):
    target = tmp_path / "a"
    target.write_text("old")
    with replacing(target, durable=False) as temporary:
        temporary.write_text("new")
        assert target.read_text() == "old" and temporary.parent == tmp_path
    assert target.read_text() == "new" and names(tmp_path) == ["a"]


def test_others_may_read_what_was_written(tmp_path):
    write_text(tmp_path / "a", "é\n")
    assert (tmp_path / "a").read_bytes() == "é\n".encode()
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == MODE


def test_a_link_is_replaced_and_not_followed(tmp_path):
    (tmp_path / "kept").write_text("kept")
    (tmp_path / "link").symlink_to("kept")
    write_text(tmp_path / "link", "new")
    assert (tmp_path / "kept").read_text() == "kept"
    assert not (tmp_path / "link").is_symlink() and (tmp_path / "link").read_text() == "new"


def test_a_folder_that_fails_is_not_there_and_leaves_nothing(tmp_path):
    def write(folder):
        (folder / "x").write_text("half")
        raise OSError("stop")

    with pytest.raises(OSError, match="stop"):
        write_folder(tmp_path / "goal", tmp_path / "staging", {}, write)
    assert not (tmp_path / "goal").exists() and names(tmp_path / "staging") == []


@pytest.mark.parametrize(("replace", "found"), [(False, "first"), (True, "second")])
def test_what_is_there_stands_unless_it_is_to_be_replaced(tmp_path, replace, found):
    def writing(text):
        return lambda folder: (folder / "x").write_text(text)

    for text in ("first", "second"):
        write_folder(tmp_path / "goal", tmp_path / "s", {"k": 1}, writing(text), replace=replace)
    assert (tmp_path / "goal" / "x").read_text() == found
    assert names(tmp_path / "goal") == ["meta.json", "x"] and names(tmp_path / "s") == []

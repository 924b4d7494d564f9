"""A store that cannot be written is found out before any work, and leaves no trace."""

import errno
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from harness.errors import StoreError
from harness.models.store.store import Store
from harness.models.store.writable import check_writable, writing

NOBODY = 65534


@pytest.fixture
def nobody():
    """A folder of root's that everybody may read, seen as somebody without rights."""
    if os.geteuid():
        pytest.skip("only root can become somebody else")
    folder = Path(tempfile.mkdtemp())
    (folder / "store" / "jobs").mkdir(parents=True)
    folder.chmod(0o755)
    os.seteuid(NOBODY)
    yield folder
    os.seteuid(0)
    shutil.rmtree(folder)


def refused(root, words):
    before = sorted(root.parent.rglob("*")) if root.parent.is_dir() else []
    with pytest.raises(StoreError, match=words) as found:
        check_writable(root)
    assert str(root) in str(found.value)
    assert (sorted(root.parent.rglob("*")) if root.parent.is_dir() else []) == before


def test_a_folder_of_somebody_else(nobody):
    refused(nobody / "store", "can be written; got Permission denied")
    refused(nobody / "no" / "store", "can be written; got Permission denied")


def test_a_room_of_somebody_else(nobody):
    os.seteuid(0)
    (nobody / "store").chmod(0o777)
    os.seteuid(NOBODY)
    refused(nobody / "store", r"got Permission denied: .*jobs\.")


def test_a_file_a_folder_below_one_and_a_link_to_nothing(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "no")
    refused(tmp_path / "file", "got Not a directory")
    refused(tmp_path / "file" / "store", "got Not a directory")
    refused(tmp_path / "link", "got No such file or directory")


@pytest.mark.parametrize("code", [errno.EROFS, errno.ENOSPC])
def test_a_disk_that_takes_nothing(tmp_path, monkeypatch, code):
    def full(folder):
        raise OSError(code, os.strerror(code), "a temporary name")

    monkeypatch.setattr("harness.models.store.writable._nameless", full)
    refused(tmp_path / "store", os.strerror(code))


def test_a_share_without_locks(tmp_path, monkeypatch):
    def no_locks(handle, how):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", no_locks)
    with pytest.raises(StoreError, match="file system with file locks.*No locks available"):
        check_writable(tmp_path / "store")
    assert not list(tmp_path.iterdir())


def test_a_file_system_without_nameless_files_is_tried_with_a_named_one(tmp_path, monkeypatch):
    """As NFS: the name is gone before anything else is done with the file."""
    made, asked = [], os.open

    def opened(path, flags, *more, **named):
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP), str(path))
        made.append(Path(path))
        return asked(path, flags, *more, **named)

    monkeypatch.setattr("os.open", opened)
    check_writable(tmp_path / "store")
    assert [path.parent for path in made] == [tmp_path] and not list(tmp_path.iterdir())


def test_a_good_store_is_left_as_it_was(tmp_path):
    store = Store(tmp_path / "store")
    check_writable(store.root)
    assert not list(tmp_path.iterdir())
    store.save_json("jobs", "a" * 64, {"x": 1}, note="")
    before = sorted(tmp_path.rglob("*"))
    check_writable(store.root)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_mistake_of_ours_is_not_blamed_on_the_store(tmp_path):
    with pytest.raises(OSError, match="Bad file"), writing(tmp_path):
        os.close(10**6)
    with pytest.raises(FileNotFoundError), writing(tmp_path):
        (tmp_path / "jobs" / "never" / "made").read_bytes()
    with pytest.raises(StoreError, match="No such file"), writing(tmp_path / "gone"):
        (tmp_path / "gone" / "jobs" / "x").read_bytes()

"""Pools of files: decoded as asked, fingerprinted by bytes, and every bad file has a sentence."""

import numpy as np
import pytest
from PIL import Image

from harness.data.pools.file_pools import (
    FileInputs,
    decode,
    file_pool,
    file_rows,
    fingerprint_files,
)
from harness.data.pools.index_lists import read_index
from harness.errors import DataError


@pytest.fixture
def folder(tmp_path, rng):
    """Twelve images of three sizes and two formats, and a list of them."""
    names = []
    for i in range(12):
        shape = [(40, 30), (30, 50), (20, 20)][i % 3]
        image = Image.fromarray(rng.integers(0, 256, (*shape, 3), dtype=np.uint8))
        name = f"class{i % 3}/{i}.{'png' if i % 2 else 'jpg'}"
        (tmp_path / name).parent.mkdir(exist_ok=True)
        image.save(tmp_path / name)
        names.append(f"{name} {i % 3}")
    (tmp_path / "list.txt").write_text("# a comment\n" + "\n".join(names) + "\n")
    return tmp_path


def _pool(folder, **options):
    paths, labels = read_index(folder / "list.txt")
    return file_pool("test", folder, paths, labels, ("a", "b", "c"), size=(20, 20), **options)


def test_rows_come_decoded_to_one_size_in_the_order_asked_for(folder):
    pool = _pool(folder)
    images = pool.inputs.take(np.array([5, 0, 7]))
    assert images.shape == (3, 20, 20, 3) and images.dtype == np.uint8
    assert np.array_equal(images[0], np.asarray(Image.open(folder / "class2/5.png")))
    assert np.array_equal(images[1], decode(folder / "class0/0.jpg", (20, 20)))
    assert pool.labels.tolist() == [0, 1, 2] * 4
    assert isinstance(pool.inputs, FileInputs)


def test_the_fingerprint_is_over_paths_bytes_and_labels_not_pixels(folder):
    pool = _pool(folder)
    assert pool.fingerprint == _pool(folder).fingerprint
    paths, labels = read_index(folder / "list.txt")
    larger = file_pool("test", folder, paths, labels, ("a", "b", "c"), size=(64, 64))
    assert larger.fingerprint == pool.fingerprint
    relabelled = file_pool("test", folder, paths, labels[::-1], ("a", "b", "c"))
    assert relabelled.fingerprint != pool.fingerprint
    with (folder / "class0/0.jpg").open("ab") as handle:
        handle.write(b"\0")
    assert _pool(folder).fingerprint != pool.fingerprint


def test_selected_rows_are_a_pool_of_their_own(folder):
    pool, rows = _pool(folder), np.array([3, 1])
    some = file_rows(pool, rows, "train")
    assert some.labels.tolist() == [0, 1] and len(some) == 2
    assert np.array_equal(some.inputs.take(np.arange(2)), pool.inputs.take(rows))
    paths = [pool.inputs.paths[i] for i in rows]
    assert some.fingerprint == fingerprint_files(paths, pool.inputs.digests[rows], some.labels)


def test_remembered_hashes_are_used_until_a_file_changes(folder, tmp_path):
    memory = tmp_path / "cache" / "hashes.tsv"
    pool = _pool(folder, hashes=memory)
    first = memory.read_text()
    assert _pool(folder, hashes=memory).fingerprint == pool.fingerprint
    assert memory.read_text() == first
    (folder / "class1/1.png").write_bytes((folder / "class1/1.png").read_bytes() + b"x")
    assert _pool(folder, hashes=memory).fingerprint != pool.fingerprint
    memory.write_text("garbage\n")
    assert _pool(folder, hashes=memory).fingerprint != pool.fingerprint


def test_csv_lists_are_read_by_column(folder):
    (folder / "list.csv").write_text("label,path\n2,class2/2.jpg\n0,class0/0.jpg\n")
    paths, labels = read_index(folder / "list.csv")
    assert paths == ("class2/2.jpg", "class0/0.jpg") and labels.tolist() == [2, 0]
    (folder / "bad.csv").write_text("file,label\na.jpg,1\n")
    with pytest.raises(DataError, match="columns 'path' and 'label'.*got file, label"):
        read_index(folder / "bad.csv")


BAD_LISTS = {
    "class0/0.jpg\n": "'path label' in line 1",
    "class0/0.jpg one\n": "'path label' in line 1",
    "# nothing\n": "names no image",
}


@pytest.mark.parametrize("text", BAD_LISTS)
def test_a_bad_index_list_names_the_line(text, tmp_path):
    (tmp_path / "list.txt").write_text(text)
    with pytest.raises(DataError, match=BAD_LISTS[text]):
        read_index(tmp_path / "list.txt")


def test_a_list_naming_missing_images_says_how_many_and_which(folder):
    paths = ("class0/0.jpg", "class0/none.jpg", "x/y.png")
    with pytest.raises(DataError, match="names 3 images; 2 of them are not below .*none.jpg"):
        file_pool("test", folder, paths, None)
    with pytest.raises(DataError, match="Write relative paths"):
        file_pool("test", folder, ("../secret.jpg",), None)


def test_a_truncated_or_vanished_image_is_named_with_the_remedy(folder):
    pool = _pool(folder)
    broken = folder / "class0/0.jpg"
    broken.write_bytes(broken.read_bytes()[:200])
    with pytest.raises(DataError, match=r"class0/0.jpg; got 200 bytes.*fetch this file again"):
        pool.inputs.take(np.array([0]))
    (folder / "class1/1.png").write_text("<html>")
    with pytest.raises(DataError, match=r"class1/1.png; got 6 bytes"):
        pool.inputs.take(np.array([1]))
    (folder / "class2/2.jpg").unlink()
    with pytest.raises(DataError, match=r"class2/2.jpg; there is none"):
        pool.inputs.take(np.array([2]))

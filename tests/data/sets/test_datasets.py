"""Reading data sets: the same pool whichever way the bytes arrived, and a sentence when not."""

import errno
import gzip
import pickle
import re
import shutil
import struct
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from harness.data.formats.files import data_root as chosen_root
from harness.data.formats.idx import read_idx
from harness.data.formats.pickles import read_pickle
from harness.data.sets import prepare as preparing
from harness.data.sets.cifar import CIFAR100, CIFAR100_COARSE, CIFAR100_SIMILAR
from harness.data.sets.datasets import DATASETS, SETS, load_part
from harness.data.sets.funnels import FUNNELS
from harness.data.sets.graded import GRADED
from harness.data.sets.image_files import FILE_SETS
from harness.data.sets.keel import KEEL
from harness.data.sets.prepared import save_prepared
from harness.data.sets.tabular import TABLES
from harness.errors import DataError, DownloadError, SpecError, UnknownNameError


def idx(array: np.ndarray) -> bytes:
    """The idx file of a uint8 array."""
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(np.uint8).tobytes()


def test_every_data_set_has_facts_and_what_reads_it():
    tables = {*TABLES, *KEEL, *FUNNELS, *GRADED}
    assert {*SETS, *FILE_SETS, *tables} == set(DATASETS)
    assert not set(SETS) & set(FILE_SETS)
    for name, spec in DATASETS.items():
        assert spec.name == name and re.fullmatch(r"[a-z0-9_]+", name)
        assert spec.source and spec.licence and spec.citation and spec.num_classes >= 2
        assert all(re.fullmatch(r"md5:[0-9a-f]{32}", sum_) for sum_ in spec.checksums.values())


def test_digits_are_scikit_learns_stretched_to_a_byte():
    from sklearn.datasets import load_digits

    pool = load_part("digits", "all")
    given = load_digits()
    assert np.array_equal(pool.labels, given.target)
    images = pool.inputs.take(np.arange(len(pool)))[..., 0]
    assert np.abs(images * (16 / 255) - given.images).max() < 0.032
    with pytest.raises(SpecError, match="has the parts 'all'; got 'test'"):
        load_part("digits", "test")


def test_cifar100_superclasses_hold_five_classes_each_and_similar_ones_stay_inside():
    assert np.bincount(CIFAR100_COARSE).tolist() == [5] * 20
    assert len(set(CIFAR100)) == 100 and sorted(CIFAR100_SIMILAR.values()) == list(range(100))
    assert all(CIFAR100_COARSE[k] == CIFAR100_COARSE[j] for k, j in CIFAR100_SIMILAR.items())
    assert CIFAR100[CIFAR100_SIMILAR[CIFAR100.index("beaver")]] == "dolphin"
    assert CIFAR100[CIFAR100_SIMILAR[CIFAR100.index("whale")]] == "beaver"


def test_idx_files_are_read_packed_or_not(tmp_path, rng):
    array = rng.integers(0, 256, (3, 4, 5)).astype(np.uint8)
    (tmp_path / "a").write_bytes(idx(array))
    (tmp_path / "a.gz").write_bytes(gzip.compress(idx(array)))
    assert np.array_equal(read_idx(tmp_path / "a"), array)
    assert np.array_equal(read_idx(tmp_path / "a.gz"), array)


WHOLE = idx(np.zeros((10, 4, 4), dtype=np.uint8))
DAMAGED = {
    "half.gz": (gzip.compress(np.random.default_rng(0).bytes(999))[:500], "ends early"),
    "half": (WHOLE[:-7], "Expected 160 bytes after the header.*got 153"),
    "longer": (WHOLE + b"x", "Expected 160 bytes after the header.*got 161"),
    "page.gz": (b"<!DOCTYPE html><html>Sign in</html>", "got a web page"),
    "other": (b"PK\x03\x04whatever", "begins with 504b0304"),
    "empty": (b"", "begins with nothing"),
    "floats": (bytes([0, 0, 13, 1]) + struct.pack(">I", 0), "begins with 00000d01"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_is_named_with_what_was_expected_and_received(name, tmp_path):
    raw, sentence = DAMAGED[name]
    (tmp_path / name).write_bytes(raw)
    with pytest.raises(DataError, match=f"(?s){sentence}") as caught:
        read_idx(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


def test_a_missing_file_says_where_it_should_lie_and_how_to_get_it(tmp_path):
    with pytest.raises(DataError, match="train-images-idx3-ubyte.gz of mnist") as caught:
        load_part("mnist", "train", tmp_path)
    assert str(tmp_path / "MNIST" / "raw") in str(caught.value)
    assert "tailmark data prepare mnist" in str(caught.value)
    with pytest.raises(DataError, match="data_batch_1 of cifar10"):
        load_part("cifar10", "train", tmp_path)
    with pytest.raises(UnknownNameError, match="Did you mean 'cifar10'"):
        load_part("cifar-10", "train", tmp_path)


def test_a_well_formed_file_of_other_content_is_refused(tmp_path):
    folder = tmp_path / "mnist"
    folder.mkdir()
    (folder / "t10k-images-idx3-ubyte").write_bytes(idx(np.zeros((5, 28, 28), dtype=np.uint8)))
    (folder / "t10k-labels-idx1-ubyte").write_bytes(idx(np.zeros(5, dtype=np.uint8)))
    with pytest.raises(DataError, match="Expected mnist test with fingerprint 2d30c51ccaa0"):
        load_part("mnist", "test", tmp_path)
    (folder / "t10k-labels-idx1-ubyte").write_bytes(idx(np.zeros(4, dtype=np.uint8)))
    with pytest.raises(DataError, match="4 labels for 5 images"):
        load_part("mnist", "test", tmp_path)


def test_a_batch_with_another_checksum_is_never_unpickled(tmp_path):
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    marker = tmp_path / "ran"
    (folder / "test_batch").write_bytes(pickle.dumps(Running(str(marker))))
    with pytest.raises(DataError, match="Expected .*test_batch with md5:40351d587109.*got md5:"):
        load_part("cifar10", "test", tmp_path)
    with pytest.raises(DataError, match="cannot be read safely .it names"):
        read_pickle(folder / "test_batch")
    assert not marker.exists()


class Running:
    """What a pickle would run: it creates a file."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


def test_pickles_of_arrays_are_read_and_truncated_ones_named(tmp_path, rng):
    array = rng.integers(0, 256, (4, 6)).astype(np.uint8)
    path = tmp_path / "batch"
    path.write_bytes(pickle.dumps({"data": array, "labels": [1, 2]}, protocol=2))
    found = read_pickle(path)
    assert np.array_equal(found["data"], array) and found["labels"] == [1, 2]
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(DataError, match=str(path)):
        read_pickle(path)


def test_cifar10_is_the_same_pool_from_columns_and_from_the_prepared_form(data_root, tmp_path):
    pool = load_part("cifar10", "test", data_root)
    assert pool.fingerprint == DATASETS["cifar10"].contents["test"]
    assert np.bincount(pool.labels).tolist() == [1000] * 10
    images = pool.inputs.take(np.arange(len(pool)))
    save_prepared(tmp_path, "cifar10", "test", images, pool.labels)
    assert load_part("cifar10", "test", tmp_path).fingerprint == pool.fingerprint
    (tmp_path / "prepared" / "cifar10" / "test-labels.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(DataError, match="Delete the folder and run: tailmark data prepare cifar10"):
        load_part("cifar10", "test", tmp_path)


def test_cifar10_official_files_give_the_same_pool(data_root, tmp_path):
    """Rebuild one official file from the columns; its MD5 is checked by what reads it."""
    import importlib.util

    tool = data_root / "tools" / "cifar_rebuild.py"
    if not tool.is_file():
        pytest.skip("no tool that rebuilds the official files")
    spec = importlib.util.spec_from_file_location("cifar_rebuild", tool)
    rebuild = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(rebuild)
    names = gzip.decompress((data_root / "cifar10" / "filenames_test.txt.gz").read_bytes())
    images, labels = rebuild.load(str(data_root / "cifar10"), "test")
    planes = np.ascontiguousarray(images.transpose(0, 3, 1, 2)).reshape(10000, 3072)
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    (folder / "test_batch").write_bytes(
        rebuild.batch("testing batch 1 of 1", labels, planes, names.decode().split())
    )
    pool = load_part("cifar10", "test", tmp_path)
    assert pool.fingerprint == DATASETS["cifar10"].contents["test"]


def test_the_data_root_is_the_argument_then_the_environment_then_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TAILMARK_DATA", str(tmp_path / "env"))
    assert chosen_root(tmp_path) == tmp_path
    assert chosen_root() == tmp_path / "env"
    monkeypatch.delenv("TAILMARK_DATA")
    assert chosen_root().parts[-3:] == (".cache", "tailmark", "data")


def _offline(folder, *, train, download):
    """Do what torchvision does on a machine without a network: begin, then raise."""
    (folder / "MNIST" / "raw").mkdir(parents=True, exist_ok=True)
    (folder / "MNIST" / "raw" / "train-images-idx3-ubyte.gz").write_bytes(b"half")
    raise RuntimeError("Error downloading train-images-idx3-ubyte.gz:\nTried …")


def nowhere() -> ModuleType:
    """Return a torchvision whose downloads fail."""
    module = ModuleType("torchvision")
    module.datasets = SimpleNamespace(MNIST=_offline)
    return module


def test_a_failed_download_leaves_nothing_behind(tmp_path):
    with pytest.raises(DownloadError, match="Expected to download mnist from https.*Check the net"):
        preparing.prepare("mnist", tmp_path, nowhere)
    assert list(tmp_path.iterdir()) == []


def _full(folder, *, train, download):
    """Do what torchvision does on a full disk."""
    (folder / "MNIST" / "raw").mkdir(parents=True, exist_ok=True)
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_and_a_root_that_cannot_be_written_are_named_and_leave_nothing(tmp_path):
    module = ModuleType("torchvision")
    module.datasets = SimpleNamespace(MNIST=_full)
    with pytest.raises(DataError, match="disk of .* is full; nothing of mnist was kept"):
        preparing.prepare("mnist", tmp_path, lambda: module)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="Expected a data root that can be written.*--data-root"):
        preparing.prepare("mnist", tmp_path / "file" / "root", nowhere)
    with pytest.raises(DownloadError, match="inat18 below .*cannot be downloaded.*inat_comp"):
        preparing.prepare("inat18", tmp_path, nowhere)


def test_preparing_what_is_there_checks_it_and_embedded_data_need_nothing(data_root, tmp_path):
    assert "nothing to do" in preparing.prepare("digits", tmp_path, nowhere)
    shutil.copytree(data_root / "mnist", tmp_path / "mnist", copy_function=shutil.copyfile)
    tmp_path.joinpath("mnist").chmod(0o755)
    assert "already there" in preparing.prepare("mnist", tmp_path, nowhere)
    labels = tmp_path / "mnist" / "t10k-labels-idx1-ubyte.gz"
    labels.write_bytes(labels.read_bytes()[:-9])
    with pytest.raises(DataError, match="not whole.*expected md5:ec29112d.*got md5:"):
        preparing.prepare("mnist", tmp_path, nowhere)

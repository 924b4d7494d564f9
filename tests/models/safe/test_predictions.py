"""Predictions files: hostile ones are refused before reading, wrong ones with their sentence."""

import io
import tracemalloc
import zipfile

import numpy as np
import pytest

from harness.errors import PredictionsError
from harness.models.safe.given import read_predictions
from harness.models.safe.npz import read_npz
from harness.models.safe.predictions import from_arrays, place_columns, validate
from harness.types import ArrayInputs, Pool


@pytest.fixture
def pool():
    labels = np.zeros(4, dtype=np.int64)
    return Pool("test", "features", ArrayInputs(np.zeros((4, 2), "f4")), labels, ("a", "b"), "f")


def npz(path, **arrays):
    np.savez(path, **arrays)
    return path


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def test_good_predictions_are_read_as_float32(tmp_path, pool, rng):
    logits = rng.normal(size=(4, 2))
    found = read_predictions(npz(tmp_path / "p.npz", logits=logits), pool, ("a", "b"))
    np.testing.assert_array_equal(found.values, logits.astype("f4"))
    np.testing.assert_array_equal(found.row, np.arange(4))
    assert found.kind == "logits"


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        (
            {"probs": np.full((3, 2), 0.5)},
            "p.npz: probs has 3 rows, the test set has 4. Write one row per test input, in "
            "dataset order.",
        ),
        ({"logits": np.zeros((4, 3))}, "logits has 3 columns, the suite has 2 classes"),
        (
            {"logits": np.array([[0, 1], [0, np.nan], [0, 1], [0, 1]])},
            "logits must be finite; 1 rows hold NaN or infinity, the first is row 1",
        ),
        ({"logits": np.full((4, 2), np.inf)}, "4 rows hold NaN or infinity"),
        (
            {"probs": np.full((4, 2), 7.1)},
            "probs rows must sum to 1; row 0 sums to 14.2. Apply softmax before saving",
        ),
        ({"probs": np.tile([-0.5, 1.5], (4, 1))}, "probs must lie in .0, 1.; row 0 holds -0.5"),
        ({"logits": np.zeros((4, 2)), "probs": np.zeros((4, 2))}, "either 'logits' or 'probs'"),
        ({"row": np.arange(4)}, "or 'pred' alone; got row"),
        ({"logits": np.zeros(4)}, "logits must have 2 dimensions; got shape"),
        ({"logits": np.zeros((4, 2), int)}, "logits must be of dtype float; got int64"),
        (
            {"logits": np.zeros((4, 2)), "row": np.array([0, 2, 2, 3])},
            "row 2 stands 2 times, at places 1, 2, and row 1 is missing",
        ),
        ({"logits": np.zeros((4, 2)), "row": np.array([1, 2, 3, 4])}, "subtract 1 from row"),
        ({"logits": np.zeros((4, 2)), "labels": np.zeros(4)}, "must hold only .*'labels.npy'"),
    ],
)
def test_each_mistake_has_its_sentence(tmp_path, pool, arrays, sentence):
    with pytest.raises(PredictionsError, match=sentence):
        read_predictions(npz(tmp_path / "p.npz", **arrays), pool, ("a", "b"))


def test_softmax_in_float16_passes(tmp_path, pool, rng):
    wide = Pool("test", "features", pool.inputs, pool.labels, tuple("abcdefgh"), "f")
    probs = rng.dirichlet(np.ones(8), 4).astype(np.float16)
    assert (
        read_predictions(npz(tmp_path / "p.npz", probs=probs), wide, tuple("abcdefgh")).kind
        == "probs"
    )


def test_a_pickled_array_is_refused_unopened(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("the pickle was opened",))

    path = tmp_path / "p.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("logits.npy", npy(np.array([[Bomb()]], dtype=object)))
    with pytest.raises(PredictionsError, match="Pickled and other arrays are not opened"):
        read_npz(path)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, pool):
    """200 MB of zeros in 200 kB: refused from the header, having allocated next to nothing."""
    path = tmp_path / "p.npz"
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f4", "fortran_order": False, "shape": (25_000_000, 2)}
    )
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("logits.npy", "w") as member,
    ):
        member.write(header.getvalue())
        for _ in range(200):
            member.write(bytes(1_000_000))
    assert path.stat().st_size < 1_000_000
    tracemalloc.start()
    with pytest.raises(PredictionsError, match="logits has 25,000,000 rows, the test set has 4"):
        read_npz(path, pool=pool)
    with pytest.raises(PredictionsError, match="would unpack to 200,000,000 bytes"):
        read_npz(path, max_bytes=1_000_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


def test_a_header_that_lies_about_its_size_is_refused(tmp_path):
    path = tmp_path / "p.npz"
    lying = npy(np.zeros((2, 2), "f4")) + bytes(1000)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("logits.npy", lying)
    with pytest.raises(PredictionsError, match="declares 144 bytes and the archive 1,144"):
        read_npz(path)


@pytest.mark.parametrize("keep", [0, 10, 200])
def test_a_truncated_file_is_refused(tmp_path, keep):
    path = npz(tmp_path / "p.npz", logits=np.zeros((20, 2)))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(PredictionsError, match="p.npz must be an npz file"):
        read_npz(path)


def test_columns_follow_classes_and_absent_ones_lie_far_below():
    values = np.array([[1.0, 3.0]], dtype="f4")
    logits = place_columns(values, np.array([2, 0]), 4, "logits")
    assert logits.tolist() == [[3.0, -49.0, 1.0, -49.0]]
    probs = place_columns(np.array([[0.25, 0.75]]), np.array([2, 0]), 4, "probs")
    assert probs.tolist() == [[0.75, 0.0, 0.25, 0.0]]


def test_a_subset_of_rows_passes_only_when_asked_for(pool):
    some = from_arrays({"logits": np.zeros((2, 2), "f4"), "row": np.array([1, 3])})
    validate(some, pool, 2, whole=False)
    with pytest.raises(PredictionsError, match="logits has 2 rows, the test set has 4"):
        validate(some, pool, 2)


def flagged(path, *, encrypted: bool = False, method: int | None = None) -> None:
    """Set the encryption flag or another compression method in both headers of a zip."""
    raw = bytearray(path.read_bytes())
    for signature, flags, kind in ((b"PK\x03\x04", 6, 8), (b"PK\x01\x02", 8, 10)):
        at = raw.index(signature)
        if encrypted:
            raw[at + flags] |= 1
        if method is not None:
            raw[at + kind : at + kind + 2] = method.to_bytes(2, "little")
    path.write_bytes(bytes(raw))


def test_an_encrypted_member_is_refused(tmp_path):
    path = npz(tmp_path / "p.npz", logits=np.zeros((4, 2)))
    flagged(path, encrypted=True)
    with pytest.raises(PredictionsError, match="p.npz must be an npz file.*encrypted"):
        read_npz(path)


def test_an_unknown_compression_is_refused(tmp_path):
    path = npz(tmp_path / "p.npz", logits=np.zeros((4, 2)))
    flagged(path, method=99)
    with pytest.raises(PredictionsError, match="p.npz must be an npz file"):
        read_npz(path)


def test_a_bomb_without_a_suite_is_refused_before_it_is_unpacked(tmp_path):
    """A 4 MB file of 2 GB of zeros: nothing says how many rows are right, its packing does."""
    path = tmp_path / "p.npz"
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f4", "fortran_order": False, "shape": (62_500_000, 8)}
    )
    chunk = bytes(1 << 20)
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("logits.npy", "w", force_zip64=True) as member,
    ):
        member.write(header.getvalue())
        left = 62_500_000 * 8 * 4
        while left:
            left -= member.write(chunk[: min(len(chunk), left)])
    tracemalloc.start()
    with pytest.raises(PredictionsError, match="would unpack to 2,000,000,000 bytes from"):
        read_npz(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-2, -3)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (10**30, 2)}",
        "(" * 5000,
        "{'descr': '<f4', 'fortran_order': False, 'shape': " + "(" * 3000 + ")" * 3000 + "}",
        "__import__('os').getcwd()",
    ],
)
def test_a_hostile_npy_header_is_refused(tmp_path, header):
    text = header.encode() + b"\n"
    raw = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(24)
    path = tmp_path / "p.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("logits.npy", raw)
    with pytest.raises(PredictionsError, match="p.npz must be an npz file"):
        read_npz(path)

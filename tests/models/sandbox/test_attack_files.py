"""Files that attack whoever opens them: refused unread outside, and harmless when opened inside."""

import io
import json
import pickle
import struct
import zipfile

import numpy as np
import pytest

from harness.errors import CardError, HarnessError, PredictionsError
from harness.models.cards.toml import read_toml
from harness.models.passes.numerics import Numerics
from harness.models.passes.steady import check_steady
from harness.models.safe.given import read_arrays
from harness.models.safe.weights import read_header
from harness.models.sandbox import backends
from harness.models.sandbox.limits import MIB, Limits
from harness.models.sandbox.programs import Program, Sandbox
from harness.types.data import ArrayInputs, Pool

pytestmark = pytest.mark.skipif(backends.chosen() is None, reason="no sandbox on this machine")
LIMITS = Limits(memory_bytes=6 << 30, scratch_bytes=4 * MIB)
OPENERS = """
import io, pickle, zipfile
import numpy as np

def plain(path): return pickle.loads(path.read_bytes())
def array(path): return np.load(path, allow_pickle=True)
def zipped(path): return pickle.loads(zipfile.ZipFile(path).read("data.pkl"))
def joblib(path):
    import joblib
    return joblib.load(path)
def torch(path):
    import torch
    return torch.load(path, weights_only=False)
def onnx(path):
    import onnxruntime
    return onnxruntime.InferenceSession(str(path))
FILES = {FILES}
def load(files):
    def model(x):
        name, opener = FILES[int(x[0, 0])]
        opened = globals()[opener](files / name)
        raise SystemError(f"opened {name}")
    return model
"""
FILES = [
    ("weights.pkl", "plain"), ("array.npy", "array"), ("model.joblib", "joblib"),
    ("archive.zip", "zipped"), ("renamed.safetensors", "plain"), ("renamed.npz", "plain"),
    ("weights.pt", "torch"),
]  # fmt: skip


class Payload:
    """Runs code when it is unpickled."""

    def __init__(self, marker: str) -> None:
        self.code = f"open({marker!r}, 'w').write('ran')"

    def __reduce__(self):
        return exec, (self.code,)


@pytest.fixture(scope="module")
def poisoned(tmp_path_factory):
    """Files whose pickles write a marker outside of the sandbox."""
    folder = tmp_path_factory.mktemp("poisoned")
    marker = folder.parent / "ran.txt"
    payload = pickle.dumps(Payload(str(marker)))
    for name in ("weights.pkl", "model.joblib", "renamed.safetensors", "renamed.npz"):
        (folder / name).write_bytes(payload)
    np.save(folder / "array.npy", np.array([Payload(str(marker))], dtype=object))
    for name, member in (("archive.zip", "data.pkl"), ("weights.pt", "archive/data.pkl")):
        with zipfile.ZipFile(folder / name, "w") as archive:
            archive.writestr(member, payload)
            archive.writestr("archive/version", "3")
    return folder, marker


@pytest.fixture(scope="module")
def opener(poisoned, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    (home / "opener.py").write_text(OPENERS.replace("{FILES}", repr(FILES)))
    files = {name: poisoned[0] / name for name, _ in FILES}
    with Sandbox(Program("opener:load", 2, files, folder=home), LIMITS) as sandbox:
        yield sandbox


@pytest.mark.parametrize("name", [name for name, _ in FILES])
def test_a_pickle_that_is_opened_inside_cannot_reach_what_is_outside(opener, poisoned, name):
    number = [each for each, _ in FILES].index(name)
    with pytest.raises(HarnessError, match="(No such file|Read-only file).*ran.txt"):
        opener(np.array([[number]]))
    assert not poisoned[1].exists()


@pytest.mark.parametrize("name", ["array.npy", "renamed.npz", "renamed.safetensors"])
def test_a_pickle_is_never_opened_outside(poisoned, name):
    path = poisoned[0] / name
    with pytest.raises((PredictionsError, CardError)):
        read_header(path) if path.suffix == ".safetensors" else read_arrays(path, None, None)
    assert not poisoned[1].exists()


def bomb(path, kind):
    if kind == "safetensors":
        path.write_bytes(struct.pack("<Q", 1 << 40) + b"{" * 1000)
    elif kind == "safetensors nested":
        text = b"[" * 500_000
        path.write_bytes(struct.pack("<Q", len(text)) + text)
    elif kind == "safetensors shape":
        entry = {"w": {"dtype": "F32", "shape": [1 << 40, 1 << 40], "data_offsets": [0, 4]}}
        text = json.dumps(entry).encode()
        path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(4))
    elif kind == "npz":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            small = io.BytesIO()
            np.save(small, np.zeros((1, 2), np.float32))
            archive.writestr("logits.npy", small.getvalue() + bytes(64 << 20))
    elif kind == "toml nested":
        path.write_text("a = " + "[" * 100_000)
    else:
        path.write_text("x = 1\n" * 2_000_000)
    return path


BOMBS = {
    "safetensors": (read_header, "a header of 1,099,511,627,776 bytes"),
    "safetensors nested": (read_header, "safetensors"),
    "safetensors shape": (read_header, "safetensors|bytes|shape"),
    "npz": (lambda path: read_arrays(path, None, None), "unpack|declare|larger|bytes"),
    "toml nested": (lambda path: read_toml(path, CardError), "TOML|nested|deep"),
    "toml long": (lambda path: read_toml(path, CardError), "long|large|bytes|characters"),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, kind):
    read, sentence = BOMBS[kind]
    suffix = {"s": "bomb.safetensors", "n": "bomb.npz", "t": "bomb.toml"}[kind[0]]
    with pytest.raises(HarnessError, match=sentence):
        read(bomb(tmp_path / suffix, kind))


def test_onnx_with_external_data_outside_its_folder_is_refused_outside_and_blind_inside(tmp_path):
    onnx = pytest.importorskip("onnx", reason="an extra")
    pytest.importorskip("onnxruntime", reason="an extra")
    (tmp_path / "secret.bin").write_bytes(np.ones(4, np.float32).tobytes())
    folder = tmp_path / "entry"
    folder.mkdir()
    weight = onnx.numpy_helper.from_array(np.ones((2, 2), np.float32), "w")
    weight.ClearField("raw_data")
    weight.data_location = onnx.TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="../secret.bin")
    rows = [onnx.helper.make_tensor_value_info(n, 1, ["n", 2]) for n in ("x", "y")]
    node = onnx.helper.make_node("MatMul", ["x", "w"], ["y"])
    graph = onnx.helper.make_graph([node], "g", rows[:1], rows[1:], [weight])
    (folder / "model.onnx").write_bytes(onnx.helper.make_model(graph).SerializeToString())
    home = tmp_path / "home"
    home.mkdir()
    (home / "opener.py").write_text(OPENERS.replace("{FILES}", "[('model.onnx', 'onnx')]"))
    program = Program("opener:load", 2, {"model.onnx": folder / "model.onnx"}, folder=home)
    with Sandbox(program, LIMITS) as sandbox, pytest.raises(HarnessError) as raised:
        sandbox(np.array([[0]]))
    assert (
        "opened model.onnx" not in str(raised.value) and "model.onnx" not in str(raised.value)[:9]
    )


COUNTING = """
import numpy as np
def load(files):
    calls = []
    def model(x):
        calls.append(x)
        return np.full((len(x), 2), [0.0, len(calls)])
    return model
"""


def test_a_model_that_changes_its_answer_is_refused_before_it_is_scored(tmp_path):
    (tmp_path / "counting.py").write_text(COUNTING)
    pool = Pool("test", "features", ArrayInputs(np.ones((9, 3))), None, (), "0" * 64)
    with (
        Sandbox(Program("counting:load", 2, folder=tmp_path), LIMITS) as sandbox,
        pytest.raises(PredictionsError, match="answers differently to the same 8 inputs"),
    ):
        check_steady(sandbox.model, pool, Numerics())

"""Models by address: fetched once, verified, resumed, and refused when anything is not as said."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from harness.errors import CardError, DownloadError, HarnessError
from harness.models.loaders.addresses import model_file
from harness.models.loaders.hub import hub_model
from harness.models.obtain.obtain import obtain
from harness.types import EntryCard, Job
from harness.types.models import Preprocessing, WeightFile
from tests.models.loaders import made
from tests.models.loaders.serving import serving
from tests.models.tiny_suite import CELL

CONTENT = np.random.default_rng(0).bytes(300_000)
SHA = hashlib.sha256(CONTENT).hexdigest()
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("TAILMARK_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "weights"


def kept(cache: Path) -> list[str]:
    """Names of all files in the cache but locks."""
    found = [p.name for p in cache.rglob("*") if p.is_file() and p.suffix != ".lock"]
    return sorted(found)


def at(address: str, sha256: str = SHA, **more) -> WeightFile:
    return WeightFile(path="model.pt2", sha256=sha256, address=address, **more)


def test_a_file_is_fetched_once_and_checked_each_time(tmp_path, cache):
    with serving(CONTENT) as (host, asked):
        path = model_file(tmp_path, at(f"{host}/redirect/model.pt2"))
        assert path.read_bytes() == CONTENT
        assert model_file(tmp_path, at(f"{host}/redirect/model.pt2")) == path
        assert len(asked) == 2  # the redirect and the file
        path.write_bytes(b"damaged")
        assert model_file(tmp_path, at(f"{host}/plain/model.pt2")).read_bytes() == CONTENT
    assert kept(cache) == ["model.pt2"]


def test_a_broken_download_goes_on_where_it_ended(tmp_path):
    with serving(CONTENT) as (host, asked):
        assert model_file(tmp_path, at(f"{host}/drops/model.pt2")).read_bytes() == CONTENT
    starts = [int(given.removeprefix("bytes=").rstrip("-")) for _, given in asked if given]
    assert starts == [100_000, 200_000]


def test_a_part_of_an_earlier_run_is_used_or_replaced(tmp_path, cache):
    with serving(CONTENT) as (host, _):
        path = model_file(tmp_path, at(f"{host}/plain/model.pt2"))
        path.unlink()
        path.with_name("model.pt2.part").write_bytes(CONTENT[:5000])
        assert model_file(tmp_path, at(f"{host}/plain/model.pt2")).read_bytes() == CONTENT
        path.unlink()
        path.with_name("model.pt2.part").write_bytes(b"x" * 5000)
        assert model_file(tmp_path, at(f"{host}/whole/model.pt2")).read_bytes() == CONTENT


FAULTS = {
    "missing": "answered 404",
    "away": "An address of a file is https",
    "local": "file:///etc/hostname|An address of a file",
    "circle": "could not be fetched|answered 302",
    "other": "should have sha256",
    "silent": "could not be fetched",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_a_server_does_wrong_is_one_sentence(fault, tmp_path, cache):
    with (
        serving(CONTENT) as (host, _),
        pytest.raises(DownloadError, match=FAULTS[fault]) as caught,
    ):
        model_file(tmp_path, at(f"{host}/{fault}/model.pt2"))
    assert "\n" not in str(caught.value)
    assert "model.pt2" not in kept(cache)


WRONG = {
    "http://example.org/m.pt2": "https://",
    "https://user:secret@example.org/m.pt2": "without a password",
    "ftp://example.org/m.pt2": "begins with one of",
    "http://127.0.0.1:1/m.pt2": "could not be fetched",
    "https://": "https://",
    "https://[": "https://",
    "file:///nowhere/m.pt2": "is no file here",
    "file://relative/m.pt2": "is no file here",
    "models:/only-a-name/model.pt2": "models:/name/version",
    "runs:/1/m.pt2": "models:/name/version",
    "hf://owner/name@main/model.pt2": "which may move",
    "hf://owner/name/model.pt2": "hf://owner/name@<commit>",
    f"hf://owner/name@{COMMIT}": "names no file",
    f"hf://owner/name@{COMMIT}/../model.pt2": "hf://owner/name@<commit>",
    "model.pt2": "begins with one of",
}


@pytest.mark.parametrize("address", WRONG)
def test_wrong_addresses_are_one_sentence(address, tmp_path, cache):
    with pytest.raises(HarnessError, match=WRONG[address]) as caught:
        model_file(tmp_path, at(address))
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)
    assert kept(cache) == []


def test_a_local_file_with_another_sum_is_refused(tmp_path):
    path = tmp_path / "m.pt2"
    path.write_bytes(CONTENT)
    assert model_file(tmp_path, at(f"file://{path}")) == path
    with pytest.raises(CardError, match="should have sha256"):
        model_file(tmp_path, at(f"file://{path}", "0" * 64))


def test_files_beside_stay_beside(tmp_path):
    with serving(CONTENT) as (host, _), pytest.raises(CardError, match="lie in its folder"):
        model_file(tmp_path, at(f"{host}/plain/model.pt2", beside={"../evil": SHA}))
    with serving(CONTENT) as (host, _):
        path = model_file(tmp_path, at(f"{host}/plain/model.pt2", beside={"data/a": SHA}))
    assert (path.parent / "data/a").read_bytes() == CONTENT


def test_an_entry_with_an_address_and_no_file_is_scored(tmp_path, opened, store):
    path = made.pt2(tmp_path / "m.pt2")
    sha = hashlib.sha256(path.read_bytes()).hexdigest()
    folder = tmp_path / "fetched"
    folder.mkdir()
    with serving(path.read_bytes()) as (host, _):
        line = {"path": "m.pt2", "sha256": sha, "address": f"{host}/plain/m.pt2"}
        card = {
            "format": 1, "name": "fetched", "kind": "model", "model": {"files": {"*": line}},
        }  # fmt: skip
        job = Job(EntryCard.model_validate(card), folder, CELL, 0)
        found = obtain(job, opened, store, pools=["test"])
    assert found.weights_sha256 == sha
    assert list(folder.iterdir()) == []


def repository(root: Path, files: dict[str, bytes]) -> None:
    """Lay a repository out as the Hub's library keeps it on a disk."""
    home = root / "hub" / "models--owner--name"
    snapshot = home / "snapshots" / COMMIT
    for name, data in files.items():
        blob = home / "blobs" / hashlib.sha256(data).hexdigest()
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(data)
        (snapshot / name).parent.mkdir(parents=True, exist_ok=True)
        (snapshot / name).symlink_to(blob)


TIMM = {
    "architecture": "test_convnext",
    "num_classes": 3,
    "model_args": {"in_chans": 1},
    "pretrained_cfg": {
        "input_size": [1, 32, 32], "mean": [0.5], "std": [0.25],
        "interpolation": "bilinear", "crop_pct": 1.0,
    },
}  # fmt: skip
PROCESSOR = {
    "size": {"shortest_edge": 8}, "do_center_crop": True, "crop_size": {"height": 6, "width": 6},
    "image_mean": [0.4], "image_std": [0.3], "resample": 3,
}  # fmt: skip


@pytest.fixture
def offline(monkeypatch):
    pytest.importorskip("huggingface_hub")
    import huggingface_hub.constants as constants

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)


def test_a_timm_repository_says_architecture_and_preprocessing(tmp_path, offline):
    repository(tmp_path, {"config.json": json.dumps(TIMM).encode(), "model.safetensors": b"w"})
    found = hub_model(f"hf://owner/name@{COMMIT}")
    assert found.address == f"hf://owner/name@{COMMIT}/model.safetensors"
    assert (found.said.arch, found.said.kwargs) == ("test_convnext", {"in_chans": 1})
    assert found.said.preprocessing == Preprocessing(
        size=(32, 32), channels=1, mean=(0.5,), std=(0.25,)
    )


def test_a_processor_of_transformers_is_read(tmp_path, offline):
    files = {"preprocessor_config.json": json.dumps(PROCESSOR).encode(), "onnx/model.onnx": b"x"}
    repository(tmp_path, files)
    said = hub_model(f"hf://owner/name@{COMMIT}").said
    assert said.preprocessing == Preprocessing(
        size=(6, 6), channels=1, mean=(0.4,), std=(0.3,), interpolation="bicubic", crop_pct=0.75
    )


HUB = {
    "nothing": ({"README.md": b"#"}, "has none of model.onnx"),
    "config is no table": ({"model.onnx": b"x", "config.json": b"[1]"}, "no JSON table"),
    "config is cut off": ({"model.onnx": b"x", "config.json": b'{"a": '}, "no JSON table"),
    "odd scale": (
        {
            "model.onnx": b"x",
            "preprocessor_config.json": json.dumps(PROCESSOR | {"rescale_factor": 1}).encode(),
        },
        "rescale_factor",
    ),
    "no mean": ({"model.onnx": b"x", "preprocessor_config.json": b'{"size": 8}'}, "KeyError"),
    "no std": (
        {"model.onnx": b"x", "config.json": b'{"architecture": "a", "pretrained_cfg": {}}'},
        "config.json of owner/name",
    ),
}


@pytest.mark.parametrize("name", HUB)
def test_repositories_that_cannot_be_read_are_one_sentence(name, tmp_path, offline):
    files, words = HUB[name]
    repository(tmp_path, files)
    with pytest.raises(CardError, match=words) as caught:
        hub_model(f"hf://owner/name@{COMMIT}")
    assert "\n" not in str(caught.value)


def test_a_repository_that_is_not_here_says_so(offline):
    with pytest.raises(DownloadError, match="not in the Hub's cache"):
        hub_model(f"hf://owner/other@{COMMIT}/model.onnx")

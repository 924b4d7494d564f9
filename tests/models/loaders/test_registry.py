"""Models registered in MLflow: found by version, alias or run, by flavour, and never unpickled."""

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("mlflow")
pytest.importorskip("onnxruntime")
pytest.importorskip("skops")

from harness.connection import connected, local_uri, settings
from harness.errors import HarnessError
from harness.keys import sha256_file
from harness.models.loaders.addresses import model_file
from harness.models.loaders.registry import registered
from harness.models.loaders.targets import run_entry
from harness.models.obtain.obtain import obtain
from harness.models.store.store import Store
from harness.types import Job, Suite
from tests.models.loaders import made
from tests.models.tiny_suite import CELL, open_tiny

HOW = {"tailmark": json.dumps(made.SAID)}
EXAMPLE = np.zeros((2, 1, 6, 6), np.float32)


class Opened:
    """The tiny suite with the list of cells that an entry is tried on."""

    def __init__(self) -> None:
        self.tiny = open_tiny()
        self.suite = Suite.__new__(Suite)
        object.__setattr__(self.suite, "cells", {CELL: None})
        object.__setattr__(self.suite, "seeds", (0,))

    def at(self, cell: str):
        return self.tiny


def saved(folder: Path) -> dict[str, Path]:
    """Save real models of each flavour as MLflow does."""
    import mlflow
    import torch
    from sklearn.linear_model import LogisticRegression

    pool = open_tiny().train
    rows = (pool.inputs.take(np.arange(len(pool))).reshape(len(pool), -1) / 255 - 0.4) / 0.3
    fitted = LogisticRegression(max_iter=500).fit(rows.astype(np.float32), pool.labels)
    common = {"pip_requirements": [], "metadata": HOW}
    mlflow.pytorch.save_model(
        made.network(), folder / "pt2", input_example=EXAMPLE, serialization_format="pt2", **common
    )
    mlflow.onnx.save_model(made.onnx_model(said=None), folder / "onnx", **common)
    mlflow.sklearn.save_model(
        fitted,
        folder / "skops",
        serialization_format="skops",
        pip_requirements=[],
        metadata={"tailmark": json.dumps({"preprocessing": made.HOW, "inputs": "rows"})},
    )
    (folder / "pickled" / "data").mkdir(parents=True)
    torch.save(made.network(), folder / "pickled" / "data" / "model.pth")
    (folder / "pickled" / "MLmodel").write_text("flavors: {pytorch: {model_data: data}}\n")
    (folder / "pyfunc").mkdir()
    (folder / "pyfunc" / "MLmodel").write_text("flavors: {python_function: {loader_module: x}}\n")
    (folder / "spark").mkdir()
    (folder / "spark" / "MLmodel").write_text("flavors: {spark: {model_data: x}}\n")
    (folder / "outside").mkdir()
    (folder / "outside" / "MLmodel").write_text("flavors: {onnx: {data: ../pt2/data/model.pt2}}\n")
    (folder / "damaged").mkdir()
    (folder / "damaged" / "MLmodel").write_text("flavors: [\n")
    (folder / "nothing").mkdir()
    (folder / "nothing" / "notes.txt").write_text("no model\n")
    return {path.name: path for path in folder.iterdir()}


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """A sqlite registry in which every flavour has a version 1, and the exported one an alias."""
    folder = tmp_path_factory.mktemp("registry")
    uri = local_uri(folder)
    with settings(30):
        (folder / "models").mkdir()
        flavours = saved(folder / "models")
        with connected(uri) as client:
            for name, path in flavours.items():
                client.create_registered_model(name)
                client.create_model_version(name, path.as_uri())
            client.set_registered_model_alias("pt2", "champion", "1")
            experiment = client.create_experiment("e", artifact_location=folder.as_uri())
            run = client.create_run(experiment).info.run_id
            client.log_artifacts(run, str(flavours["pt2"]), "net")
            client.log_artifacts(run, str(flavours["pt2"]), "nets/of/mine")
    return uri, run


@pytest.fixture(autouse=True)
def surroundings(tmp_path, monkeypatch, registry):
    monkeypatch.setenv("TAILMARK_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry[0])


@pytest.mark.parametrize("flavour", ["pt2", "onnx", "skops"])
def test_a_version_is_scored_without_a_card(flavour, registry, tmp_path, monkeypatch):
    folder = run_entry(f"models:/{flavour}/1", tmp_path / "records", Opened(), registry[0])
    from harness.models.cards.cards import read_card

    card = read_card(folder)
    assert card.name == f"{flavour}-1"
    job = Job(card, folder, CELL, 0)
    opened = open_tiny()
    found = obtain(job, opened, Store(tmp_path / "store"), pools=["test"]).predictions["test"]
    assert found.kind == ("probs" if flavour == "skops" else "logits")
    if flavour == "pt2":
        path = made.pt2(tmp_path / "m.pt2")
        folder.joinpath("m.pt2").write_bytes(path.read_bytes())
        line = {"path": "m.pt2", "sha256": sha256_file(path)}
        same = card.model_copy(update={"model": card.model.model_validate({"files": {"*": line}})})
        again = obtain(Job(same, folder, CELL, 0), opened, Store(tmp_path / "s"), pools=["test"])
        np.testing.assert_allclose(found.values, again.predictions["test"].values, atol=1e-6)


def test_an_alias_becomes_the_version_that_it_means(registry):
    with registered("models:/pt2@champion", registry[0]) as found:
        assert found.version == "1"
        assert found.address == "models:/pt2/1/data/model.pt2"


def test_a_cards_address_in_a_registry_or_run_is_fetched(registry, tmp_path):
    from harness.types.models import WeightFile

    with registered(f"runs:/{registry[1]}/net", registry[0]) as found:
        sha = sha256_file(found.folder / found.file)
        addresses = [
            found.address, "models:/pt2/1/data/model.pt2",
            f"runs:/{registry[1]}/nets/of/mine/data/model.pt2",
        ]  # fmt: skip
    assert addresses[0] == f"runs:/{registry[1]}/net/data/model.pt2"
    for address in addresses:
        file = WeightFile(path="model.pt2", sha256=sha, address=address)
        assert sha256_file(model_file(tmp_path, file)) == sha
        with pytest.raises(HarnessError, match="should have sha256"):
            model_file(tmp_path, file.model_copy(update={"sha256": "0" * 64}))


WRONG = {
    "models:/pickled/1": "not known how",
    "models:/pyfunc/1": "not known how",
    "models:/spark/1": "has the flavours spark",
    "models:/outside/1": "names a file outside of it",
    "models:/damaged/1": "its MLmodel cannot be read",
    "models:/nothing/1": "holds no MLmodel",
    "models:/pt2/7": "There is no models:/pt2/7",
    "models:/pt2@nobody": "There is no models:/pt2@nobody",
    "models:/unknown/1": "There is no models:/unknown/1",
    "models:/pt2": "is written models:/name/version",
    "models:/pt2/latest": "is written models:/name/version",
    "models:/pt2/1/data/model.pt2": "is written models:/name/version",
    "models:/": "is written models:/name/version",
    "runs:/0123456789abcdef/net": "There is no runs:/0123456789abcdef/net",
    "runs:/": "is written models:/name/version",
}


@pytest.mark.parametrize("address", WRONG)
def test_what_is_no_model_is_one_sentence_and_nothing_is_written(address, registry, tmp_path):
    records = tmp_path / "records"
    with pytest.raises(HarnessError, match=WRONG[address]) as caught:
        run_entry(address, records, Opened(), registry[0])
    assert "\n" not in str(caught.value)
    assert not records.exists()


def test_a_registry_that_is_not_there_is_said(tmp_path):
    uri = f"sqlite:///{tmp_path}/none.db"
    with pytest.raises(HarnessError, match="there is no such file"):
        run_entry("models:/pt2/1", tmp_path / "records", Opened(), uri)
    assert not (tmp_path / "none.db").exists()
    with pytest.raises(HarnessError, match="refused"):
        run_entry("models:/pt2/1", tmp_path / "records", Opened(), "http://127.0.0.1:9")

"""The worked examples of docs/loaders.md, run as they stand there, in one cell with one seed."""

import os
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from harness.cli.app import main

NEEDED = ("torch", "timm", "onnx", "onnxruntime", "skops", "mlflow")
pytestmark = pytest.mark.skipif(
    any(find_spec(name) is None for name in NEEDED), reason=f"needs {', '.join(NEEDED)}"
)

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "loaders.md").read_text(encoding="utf-8")
EXAMPLES = PAGE.partition("## Worked examples\n")[2].partition("\n## ")[0]
PARTS = dict(part.split("\n", 1) for part in EXAMPLES.replace("\n### ", "\0").split("\0")[1:])
BUILDS_ON = {  # a part of the page: the part whose files or names it uses
    "A registered MLflow model": "scikit-learn through skops",
    "A repository of the Hugging Face Hub": "ONNX",
    "Code, in the sandbox": "scikit-learn through skops",
}
SOME = ["--cell", "digits-balanced-clean", "--seed", "0", "-j", "1"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder where the page's first blocks were run; their names and the parts run so far."""
    from harness.models.obtain.vision import timm

    timm()  # a torchvision of another build than torch's is repaired before a block imports it
    folder = tmp_path_factory.mktemp("loaders")
    patch = pytest.MonkeyPatch()
    patch.chdir(folder)
    patch.setenv("TAILMARK_HOME", str(folder / "store"))
    patch.setenv("TAILMARK_WEIGHTS", str(folder / "weights"))
    patch.delenv("TAILMARK_SUBMISSIONS", raising=False)
    patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
    (folder / "submissions").mkdir()
    names: dict = {}
    run(EXAMPLES.partition("\n### ")[0], names, patch)
    yield names, set()
    patch.undo()


def read(name: str) -> str:
    return Path(name).read_text("utf-8") if Path(name).is_file() else ""


def blocks(text: str) -> list[tuple[str, str]]:
    return re.findall(r"```(python|console)\n(.*?)```", text, re.DOTALL)


def make(block: str, names: dict) -> None:
    exec(compile(block, "loaders.md", "exec"), names)  # noqa: S102


def run(text: str, names: dict, patch) -> list[list[str]]:
    """Run a part's blocks in their order; return its commands."""
    asked = []
    for kind, block in blocks(text):
        if kind == "python":
            make(block, names)
            continue
        for line in block.splitlines():
            words = line.replace("$(cat address)", read("address")).split()[1:]
            if words[0] == "run":
                words += SOME + ([] if "models:/" in line else ["--no-track"])
            patch.setattr("sys.argv", ["tailmark", *words])
            with pytest.raises(SystemExit) as ended:
                main()
            assert ended.value.code in (0, None), line
            asked.append(words)
    return asked


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_example_is_scored(part, place, monkeypatch, capsys):
    if "sandbox" in part:
        from harness.models.sandbox.backends import chosen

        if chosen() is None:
            pytest.skip("no sandbox on this machine")
    if "Hub" in part:
        constants = pytest.importorskip("huggingface_hub.constants")
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)  # read before the page sets it
        for name in ("HF_HUB_CACHE", "HF_HUB_OFFLINE"):
            monkeypatch.setenv(name, "")  # taken back afterwards
    names, made = place
    torch = names["torch"]
    torch.manual_seed(0)
    before = BUILDS_ON.get(part)
    if before and before not in made:  # another worker, or nobody, runs that part's test
        for kind, block in blocks(PARTS[before]):
            if kind == "python":
                make(block, names)
    made |= {before, part}
    asked = run(PARTS[part], names, monkeypatch)
    printed = capsys.readouterr().out
    runs = [words for words in asked if words[0] == "run"]
    assert runs and printed.count("1 of 1 jobs on digits-v1") == len(runs)
    if "registered" in part:
        from mlflow import MlflowClient

        tags = (
            MlflowClient(os.environ["MLFLOW_TRACKING_URI"]).get_model_version("my-model", "1").tags
        )
        assert 0.5 < float(tags["tailmark.digits-v1.partial/test/balanced_accuracy"]) <= 1


def test_every_way_of_the_table_has_its_row():
    from harness.models.loaders.boxed import INSIDE
    from harness.models.loaders.table import LOADERS, WEIGHTS

    table = PAGE.partition("\n| you have")[2].partition("\n\n")[0]
    for suffix in (*LOADERS, WEIGHTS, *INSIDE):
        assert suffix in table, suffix

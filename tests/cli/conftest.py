"""Run the command line in this process, in a folder of its own."""

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import harness
from harness.cli.app import main


@dataclass(frozen=True)
class Answer:
    """What a command left: exit code and what it printed."""

    code: int
    out: str
    err: str


Command = Callable[..., Answer]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder with its own store and submissions."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TAILMARK_HOME", str(tmp_path / ".tailmark"))
    monkeypatch.delenv("TAILMARK_SUBMISSIONS", raising=False)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "submissions").mkdir()
    return tmp_path


@pytest.fixture
def tailmark(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """``tailmark("rank", "--local")`` as a user types it."""

    def run(*words: str) -> Answer:
        monkeypatch.setattr(sys, "argv", ["tailmark", *words])
        with pytest.raises(SystemExit) as stopped:
            main()
        printed = capsys.readouterr()
        return Answer(int(stopped.value.code or 0), printed.out, printed.err)

    return run


@pytest.fixture
def card(home: Path) -> Callable[..., Path]:
    """Write the card of a quick entry and return its folder."""

    def write(name: str = "quick", trainer: str = "nearest-mean", extra: str = "") -> Path:
        return _written(home / "submissions", name, trainer, extra)

    return write


def _written(
    submissions: Path, name: str = "quick", trainer: str = "nearest-mean", extra: str = ""
) -> Path:
    folder = submissions / name
    folder.mkdir()
    (folder / "entry.toml").write_text(
        f'format = 1\nname = "{name}"\nkind = "method"\n{extra}\n[method]\ntrainer = "{trainer}"\n'
    )
    return folder


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of the quick entry after all 24 jobs, made once and only copied."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "submissions").mkdir()
    _written(folder / "submissions")
    harness.run("quick", store=folder / "store", submissions=folder / "submissions", processes=1)
    return folder / "store"


@pytest.fixture
def whole(home: Path, card: Callable[..., Path], finished: Path) -> Path:
    """The quick entry, run on the whole suite; returns its folder."""
    shutil.copytree(finished, home / ".tailmark", dirs_exist_ok=True)
    return card()

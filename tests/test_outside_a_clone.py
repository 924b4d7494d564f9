"""Installed from a wheel, in an empty folder: the release's entries are there beside one's own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SUITE = "digits-v1"
CARD = """format = 1
name = "mine"
kind = "method"
ood_score = "max_logit"
deterministic = true
[method]
trainer = "nearest-mean"
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """A folder with the installed wheel of a copy whose entries have the records of one suite."""
    copy, out = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("out")
    skipped = shutil.ignore_patterns("__pycache__", ".tailmark")
    for name in ("harness", "baselines", "leaderboard"):
        shutil.copytree(ROOT / name, copy / name, ignore=skipped)
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    for pattern in ("*/entry.toml", f"*/results/{SUITE}.*", "*.toml"):
        for path in (ROOT / "submissions").glob(pattern):
            place = copy / path.relative_to(ROOT)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
    (copy / "submissions" / "nearest-mean" / "weights.safetensors").write_bytes(b"not carried")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    options = ["--no-build-isolation", "--no-deps", "--no-index"]
    subprocess.run([*pip, "wheel", *options, "-w", str(out), str(copy)], check=True)
    (wheel,) = out.glob("tailmark-*.whl")
    target = out / "site"
    install = ["install", "--no-deps", "--no-index", "--no-compile", "--target", str(target)]
    subprocess.run([*pip, *install, str(wheel)], check=True)
    return target


@pytest.fixture(scope="module")
def tailmark(site, tmp_path_factory):
    folder = tmp_path_factory.mktemp("anywhere")
    kept = {k: v for k, v in os.environ.items() if not k.startswith("TAILMARK_")}

    def call(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "harness.cli.app", *words],
            cwd=folder, env=kept | {"PYTHONPATH": str(site)}, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    call.folder = folder
    return call


def test_the_wheel_carries_cards_records_and_lists_and_nothing_else(site):
    release = site / "harness" / "release"
    suffixes = {path.suffix for path in release.rglob("*") if path.is_file()}
    assert suffixes == {".toml", ".json", ".npz"}
    assert (release / "nearest-mean" / "results" / f"{SUITE}.json").is_file()
    assert (release / "rerun.toml").is_file()


def test_the_releases_entries_are_listed_and_ranked(tailmark):
    assert "nearest-mean" in tailmark("list", "entries")
    ranked = tailmark("rank", "--suite", SUITE)
    assert "nearest-mean" in ranked and "rerun" in ranked
    assert not (tailmark.folder / "submissions").exists()


def test_an_own_entry_is_written_run_and_compared_beside_them(tailmark):
    assert "entry.toml" in tailmark("new", "mine")
    (tailmark.folder / "submissions" / "mine" / "entry.toml").write_text(CARD)
    assert "mine: ok" in tailmark("check", "mine", "nearest-mean").replace("\n", " ")
    said = tailmark("run", "mine", "--suite", SUITE, "--no-track", "-j", "1")
    assert "failed" not in said and "mine: " in said
    where = ["--suite", SUITE, "--with-local"]
    assert "mine" in tailmark("rank", *where)
    assert "nearest-mean" in tailmark("compare", "mine", "nearest-mean", *where)
    assert "no regression" in tailmark("regress", "mine", "--against", "nearest-mean", *where)


def test_an_editable_install_finds_the_clones_entries_from_any_folder(tmp_path):
    """It said: No entry named 'nearest-mean'. Known: none."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("TAILMARK_")}

    def call(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "harness.cli.app", *words]
        env = kept | {"PYTHONPATH": str(ROOT)} | more
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)

    assert "nearest-mean: ok" in call("check", "nearest-mean").stdout
    assert "nearest-mean" in call("rank", "--suite", SUITE).stdout
    assert not (tmp_path / "submissions").exists()
    hidden = call("check", "nearest-mean", TAILMARK_RELEASE="")
    assert hidden.returncode == 2 and "No entry" in hidden.stderr
    other = tmp_path / "other" / "mine"
    other.mkdir(parents=True)
    (other / "entry.toml").write_text(CARD)
    assert "mine: ok" in call("check", "mine", TAILMARK_RELEASE=str(other.parent)).stdout


def test_the_clones_entries_are_looked_for_once(monkeypatch):
    from harness.paths import entry_roots, release_folder

    monkeypatch.delenv("TAILMARK_RELEASE")
    monkeypatch.delenv("TAILMARK_SUBMISSIONS", raising=False)
    monkeypatch.chdir(ROOT)
    assert release_folder() is None and entry_roots() == [Path("submissions")]
    monkeypatch.chdir(ROOT / "docs")
    assert entry_roots() == [Path("submissions"), ROOT / "submissions"]
    assert entry_roots(ROOT / "submissions") == [ROOT / "submissions"]

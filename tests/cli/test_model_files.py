"""Models in files on the command line: run without a card, a card written from one, its check."""

import json

import pytest

SAID = {
    "preprocessing": {"size": [8, 8], "channels": 1, "mean": [0.5], "std": [0.25]},
    "output": "logits",
}
CELL = "digits-balanced-clean"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Programs of an untrained network for the suite's 8 classes: one says how it is fed."""
    import torch

    folder = tmp_path_factory.mktemp("files")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 8)).eval()
        wide = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10)).eval()
    dims = ({0: torch.export.Dim("batch", min=1, max=4096)},)
    for name, network, said in (
        ("mine", layers, SAID), ("bare", layers, None), ("wide", wide, SAID),
    ):  # fmt: skip
        program = torch.export.export(network, (torch.zeros(2, 1, 8, 8),), dynamic_shapes=dims)
        extra = {} if said is None else {"tailmark.json": json.dumps(said)}
        torch.export.save(program, folder / f"{name}.pt2", extra_files=extra)
    return folder


@pytest.fixture(autouse=True)
def _here(monkeypatch):
    """Open files in this process; the sandbox is tests/models/loaders/test_boxed.py's."""
    monkeypatch.setenv("TAILMARK_SANDBOX", "none")


def run(tailmark, *words: str):
    return tailmark("run", *words, "--cell", CELL, "--seed", "0", "--no-track", "-j", "1")


def test_a_file_that_says_how_it_is_fed_is_scored_without_a_card(tailmark, files):
    outcome = run(tailmark, str(files / "mine.pt2"))
    assert outcome.code == 0, outcome.err
    assert "mine: 1 of 24 jobs" in outcome.out or "mine: 1 of 1 jobs" in outcome.out


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("bare", "does not say how its images were prepared"),
        ("wide", "for each of 8 classes; it returned float32 (4, 10)"),
        ("absent", "there is none"),
    ],
)
def test_what_does_not_fit_is_said_before_anything_is_written(name, words, tailmark, files):
    outcome = run(tailmark, str(files / f"{name}.pt2"))
    assert outcome.code == 2
    assert words.split(";")[0] in outcome.err
    assert len(outcome.err.strip().splitlines()) == 1


def test_a_card_is_written_checked_and_run(tailmark, files, home):
    assert tailmark("new", "own", "--kind", "model", "--from", str(files / "bare.pt2")).code == 0
    card = home / "submissions" / "own" / "entry.toml"
    refused = tailmark("check", "own", "--suite", "digits-v1")
    assert refused.code == 2 and "does not say how" in refused.err
    how = (
        'output = "logits"\n'
        "preprocessing = { size = [8, 8], channels = 1, mean = [0], std = [1] }\n"
    )
    card.write_text(card.read_text().replace("[model]\n", f"[model]\n{how}"))
    checked = tailmark("check", "own", "--suite", "digits-v1")
    assert checked.code == 0, checked.err
    assert "cost:" in checked.out
    assert run(tailmark, "own").code == 0


def test_a_file_that_nobody_declared_anything_of_stands_beside_until_its_card_does(
    tailmark, files, home
):
    outcome = run(tailmark, str(files / "mine.pt2"))
    assert "not declared: pretraining, extra data, saw clean labels" in outcome.err
    assert "one model for all cells" in outcome.err
    rank = ("rank", "--suite", "digits-v1", "--local", "--cell", CELL, "--seed", "0")
    assert tailmark("new", "own", "--kind", "model", "--from", str(files / "mine.pt2")).code == 0
    card = home / "submissions" / "own" / "entry.toml"
    assert "[facets] does not say" in tailmark("check", "own", "--suite", "digits-v1").out
    head, facets = card.read_text().split("[facets]")
    lines = [line.removeprefix("# ") if " = " in line else line for line in facets.split("\n")]
    card.write_text(head + "[facets]" + "\n".join(lines))
    assert "[facets]" not in tailmark("check", "own", "--suite", "digits-v1").out
    declared = run(tailmark, "own")
    assert declared.code == 0 and "not declared" not in declared.err
    shown = tailmark(*rank).out
    assert "beside" in next(line for line in shown.splitlines() if " mine " in line)
    assert "beside" not in next(line for line in shown.splitlines() if " own " in line)


def test_a_card_from_nothing_leaves_nothing(tailmark, home, files):
    for source in ("models:/x", "hf://a/b@main", str(files / "absent.onnx"), "weights.pkl"):
        outcome = tailmark("new", "none", "--kind", "model", "--from", source)
        assert outcome.code == 2
        assert len(outcome.err.strip().splitlines()) == 1
        assert not (home / "submissions" / "none").exists()

"""Models in files on the command line: run without a card, a card written from one, its check."""

import io
import json
import shutil
import struct
import zipfile

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


@pytest.mark.parametrize("name", ["w.pth", "w.pt", "w.ckpt", "w.joblib"])
def test_a_pickle_is_said_to_be_one_and_not_looked_for_among_entries(name, tailmark, home):
    """It was: No entry named 'w.pth'."""
    (home / name).write_bytes(b"\x80\x04N.")
    for command in ("run", "check", "plan"):
        answer = tailmark(command, name, "--suite", "digits-v1")
        assert answer.code == 2 and "are not opened, for they run code" in answer.err
        assert "safetensors.torch.save_file" in answer.err


def planned(tailmark, word: str) -> dict:
    outcome = tailmark("plan", word, "--cell", CELL, "--seed", "0", "--format", "json")
    assert outcome.code == 0, outcome.err
    (row,) = json.loads(outcome.out)
    return row


def test_a_plan_takes_what_a_run_takes_and_writes_nothing(tailmark, files, tmp_path):
    word, before = str(files / "mine.pt2"), set(tmp_path.rglob("*"))
    plan = planned(tailmark, word)
    assert (plan["entry"], plan["jobs"], plan["kept"]) == ("mine", 1, 0)
    assert plan["seconds"] > 0 or word in plan["basis"]
    assert set(tmp_path.rglob("*")) == before
    assert run(tailmark, word).code == 0
    assert planned(tailmark, word)["kept"] == 1
    absent = tailmark("plan", str(files / "absent.pt2"))
    assert absent.code == 2 and "there is none" in absent.err


def test_a_plan_says_how_the_folder_of_a_card_is_measured(tailmark, tmp_path):
    """Its name alone would not be found: the command in the sentence works as it stands."""
    folder = tmp_path / "elsewhere" / "mine"
    folder.mkdir(parents=True)
    (folder / "entry.toml").write_text(
        'format = 1\nname = "mine"\nkind = "method"\n[method]\ntrainer = "prior"\n'
    )
    basis = planned(tailmark, str(folder))["basis"]
    assert f"tailmark run {folder} --suite digits-v1" in basis
    words = basis.partition("with: tailmark ")[2].split()
    assert tailmark(*words, "--no-track").code == 0
    assert planned(tailmark, str(folder))["kept"] == 1


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


def test_a_file_that_leaves_open_how_it_is_fed_is_told_how_to_write_a_card(tailmark, files, home):
    """The advice of the refusal, followed, ends with a card that says which line to write."""
    said = run(tailmark, str(files / "bare.pt2")).err.strip()
    advice = said[said.index("tailmark new ") :].split()[1:]
    assert advice == ["new", "bare", "--kind", "model", "--from", str(files / "bare.pt2")]
    assert tailmark(*advice).code == 0
    assert "# preprocessing = {" in (home / "submissions" / "bare" / "entry.toml").read_text()


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


@pytest.mark.parametrize(
    ("name", "how", "words"),
    [
        ("wide", "", "for each of 8 classes; it returned float32"),
        ("rows", "", "takes rows of numbers and the suite has images. Write [model.preprocessing]"),
        ("rows", 'inputs = "rows"\n', None),
    ],
)
def test_what_a_run_would_refuse_of_the_suites_inputs_is_said_by_check(
    name, how, words, tailmark, files, home
):
    if name == "rows":
        skops = pytest.importorskip("skops.io")
        from sklearn.datasets import load_digits
        from sklearn.linear_model import LogisticRegression

        x, y = load_digits(return_X_y=True)
        skops.dump(LogisticRegression(max_iter=300).fit(x[y < 8], y[y < 8]), home / "rows.skops")
    source = home / "rows.skops" if name == "rows" else files / f"{name}.pt2"
    assert tailmark("new", "own", "--kind", "model", "--from", str(source)).code == 0
    card = home / "submissions" / "own" / "entry.toml"
    card.write_text(card.read_text().replace("[model]\n", f"[model]\n{how}"))
    checked = tailmark("check", "own", "--suite", "digits-v1")
    if words is None:
        assert checked.code == 0, checked.err
    else:
        assert words in refused(checked)
        assert words.split(";")[0] in run(tailmark, "own").err


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


def test_a_model_without_a_card_is_checked_on_a_suite_and_leaves_no_card(tailmark, files, home):
    word = str(files / "mine.pt2")
    assert "Name the one to check it on: --suite" in refused(tailmark("check", word))
    checked = tailmark("check", word, "--suite", "digits-v1")
    assert checked.code == 0, checked.err
    assert "mine: ok (model, on digits-v1)" in checked.out and "cost:" in checked.out
    assert not list(home.rglob("entry.toml"))


def refused(outcome) -> str:
    """Return the one sentence that a mistake gets."""
    assert outcome.code == 2, outcome.out
    assert "Traceback" not in outcome.err + outcome.out
    (line,) = outcome.err.strip().splitlines()
    return line


def archive(**members: bytes) -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name.replace("__", "."), data)
    return raw.getvalue()


def tensors(header: bytes, data: bytes = b"", length: int | None = None) -> bytes:
    return struct.pack("<Q", len(header) if length is None else length) + header + data


DEEP = b"[" * 100_000 + b"]" * 100_000
SOME = b'{"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}'
HUGE = b'{"w": {"dtype": "F32", "shape": [4611686018427387904], "data_offsets": [0, 4]}}'
BROKEN = {
    "empty.onnx": b"",
    "text.onnx": b"no graph",
    "zeros.onnx": bytes(1000),
    "empty.pt2": b"",
    "text.pt2": b"no archive",
    "pickle.pt2": archive(archive__data__pkl=b"\x80\x04."),
    "bomb.pt2": archive(model__json=bytes(50 << 20)),
    "deep.pt2": archive(tailmark__json=DEEP),
    "odd-field.pt2": archive(tailmark__json=b'{"sice": [8, 8]}'),
    "list.pt2": archive(tailmark__json=b"[1]"),
    "no-utf8.pt2": archive(tailmark__json=b"\xff\xfe"),
    "empty.skops": b"",
    "text.skops": b"no archive",
    "no-schema.skops": archive(other__json=b"{}"),
    "deep-schema.skops": archive(schema__json=DEEP),
    "odd-schema.skops": archive(schema__json=b"[1]"),
    "twice.skops": archive(a=b"1")[:-4],
    "deep.skops": archive(tailmark__json=DEEP),
    "empty.safetensors": b"",
    "short.safetensors": b"123",
    "long-header.safetensors": tensors(SOME, b"1234", 1 << 40),
    "header-of-2-mib.safetensors": tensors(SOME + b" " * (2 << 20), b"1234"),
    "deep.safetensors": tensors(b'{"a":' + DEEP + b"}"),
    "list.safetensors": tensors(b"[1, 2]"),
    "huge.safetensors": tensors(HUGE, b"1234"),
    "overlap.safetensors": tensors(SOME, b"12"),
    "text.ts": b"no archive",
    "deep.ts": archive(tailmark__json=DEEP),
    "pickle.pt": b"\x80\x04.",
    "pickle.pkl": b"\x80\x04.",
    "pickle.joblib": b"\x80\x04.",
}
RUN = ("text.onnx", "text.pt2", "deep-schema.skops", "deep.safetensors", "text.ts")


def test_broken_files_are_one_sentence_and_nothing_is_written(tailmark, home):
    for name, data in BROKEN.items():
        (home / name).write_bytes(data)
        commands = [("new", "none", "--kind", "model", "--from", name)]
        commands += [("run", name, "--no-track", "-j", "1")] if name in RUN else []
        for command in commands:
            outcome = tailmark(*command)
            if outcome.code == 0:  # a card may be written before the network is read: it is below
                assert refused(tailmark("check", "none", "--suite", "digits-v1")), name
                shutil.rmtree(home / "submissions" / "none")
                continue
            assert refused(outcome), name
            assert not (home / "submissions" / "none").exists()
        assert not list(home.rglob("records/*"))


ADDRESSES = {
    "models:/": "models:/name/version",
    "models:/x": "models:/name/version",
    "models:/x/1/2/3": "models:/name/version",
    "models:/x/latest": "models:/name/version",
    "models:/x@": "models:/name/version",
    "models:/x/1": "there is no such file",
    "runs:/": "models:/name/version",
    "runs:/abc": "models:/name/version",
    "runs:/abc/net": "there is no such file",
    "hf://": "hf://owner/name@<commit>",
    "hf://a/b": "hf://owner/name@<commit>",
    "hf://a/b@main": "may move",
    "hf://a/../b@main": "hf://owner/name@<commit>",
    "absent.onnx": "there is none",
    "absent.safetensors": "there is none",
}


@pytest.mark.parametrize("command", ["run", "check", "new"])
def test_wrong_addresses_are_one_sentence(command, tailmark, home, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{home}/none.db")
    for address, words in ADDRESSES.items():
        told = {
            "run": ("run", address, "--no-track", "-j", "1"),
            "check": ("check", address, "--suite", "digits-v1"),
            "new": ("new", "none", "--kind", "model", "--from", address),
        }[command]
        assert words in refused(tailmark(*told)), address
        assert not list(home.rglob("entry.toml")) and not (home / "none.db").exists()


CARDS = {
    "deep list": "x = " + "[" * 5000 + "]" * 5000,
    "deep table": "x = " + "{a=" * 5000 + "1" + "}" * 5000,
    "dotted key": ".".join(["a"] * 5000) + " = 1",
    "long number": "x = " + "9" * 6000,
}


@pytest.mark.parametrize("name", CARDS)
def test_a_card_nested_without_end_is_one_sentence(name, tailmark, home):
    folder = home / "submissions" / "deep"
    folder.mkdir(parents=True)
    (folder / "entry.toml").write_text(f'format = 1\nname = "deep"\nkind = "model"\n{CARDS[name]}')
    for command in ("check", "run"):
        outcome = tailmark(command, "deep")
        assert outcome.code == 2 and "Traceback" not in outcome.err
        assert len(outcome.err) < 2000


def test_a_card_from_nothing_leaves_nothing(tailmark, home, files):
    for source in ("models:/x", "hf://a/b@main", str(files / "absent.onnx"), "weights.pkl"):
        outcome = tailmark("new", "none", "--kind", "model", "--from", source)
        assert outcome.code == 2
        assert len(outcome.err.strip().splitlines()) == 1
        assert not (home / "submissions" / "none").exists()

"""``tailmark check`` says whatever a run would refuse later; one bad card stops no other."""

import json
import os
import struct
from pathlib import Path

import numpy as np
import pytest

from harness.keys import sha256_file

CELL = "digits-exp10-clean"
HEAD = 'format = 1\nname = "bad"\n'
METHOD = 'kind = "method"\n[method]\ntrainer = "cross-entropy"\n'


@pytest.fixture
def write(home):
    """Write a card's text as the entry ``bad``; return its folder."""

    def make(text: str | bytes) -> Path:
        folder = home / "submissions" / "bad"
        folder.mkdir(exist_ok=True)
        raw = text if isinstance(text, bytes) else text.encode()
        (folder / "entry.toml").write_bytes(raw)
        return folder

    return make


def one_sentence(answer, sentence: str) -> None:
    assert answer.code == 2, answer.out + answer.err
    assert "Traceback" not in answer.err and "Error:" not in answer.err
    assert sentence in answer.err, answer.err
    assert len(answer.err.strip().splitlines()) == 1, answer.err
    assert len(answer.err) < 700, answer.err


CARDS = {
    "not TOML": ("format = ", "is not TOML"),
    "a nul byte": (HEAD + 'title = "a\x00b"\n' + METHOD, "is not TOML"),
    "an escaped nul": (HEAD + 'title = "a\\u0000b"\n' + METHOD, "no control characters"),
    "a terminal escape": (HEAD + 'title = "\\u001b[31m"\n' + METHOD, "no control characters"),
    "Latin-1": (HEAD.encode() + 'title = "ü"\n'.encode("latin-1"), "is not TOML"),
    "nested lists": ("a = " + "[" * 3000 + "]" * 3000, "nests tables or lists too deeply"),
    "a dotted key": (".".join("a" * 3000) + " = 1", "nested more than 8 deep"),
    "9 tables": (HEAD + METHOD + "[method.overrides.a.b.c.d.e.f.g]\nx = 1\n", "more than 8 deep"),
    "6,000 digits": (HEAD + METHOD + "[method.overrides]\nlr = 1" + "0" * 6000, "is not TOML"),
    "30 digits": (HEAD + METHOD + f"[method.overrides]\nlr = 1{'0' * 30}", "fits 64 bits"),
    "nan": (HEAD + METHOD + "[method.overrides]\nlr = nan", "a number is finite; got nan"),
    "infinity": (HEAD + METHOD + "[method.overrides]\nlr = -inf", "a number is finite; got -inf"),
    "a date": (HEAD + METHOD + "[method.overrides]\nlr = 2026-01-01", "Write dates as text"),
    "a time in a list": (HEAD + METHOD + "[method.overrides]\nlr = [07:32:00]", "dates as text"),
    "a long text": (HEAD + f'title = "{"a" * 5000}"\n' + METHOD, "at most 4,096 characters"),
    "a long file": ("#" * (1 << 20) + "\n" + HEAD, "must be at most 1,048,576 bytes"),
    "a truth as format": (HEAD.replace("1", "true", 1) + METHOD, "Write format = 1"),
    "format 2": (HEAD.replace("1", "2", 1) + METHOD, "format: input should be 1; got 2"),
    "another name": (HEAD.replace("bad", "good") + METHOD, "name is 'good' and the folder 'bad'"),
    "a name with a path": (HEAD.replace("bad", "../x") + METHOD, "name must be lower-case letters"),
    "unknown kind": (HEAD + 'kind = "metod"\n', "kind: input should be"),
    "no part": (HEAD + 'kind = "method"\n', "[method] is missing"),
    "two parts": (HEAD + METHOD + "[predictions]\n", "[predictions] does not belong here"),
    "unknown field": (HEAD + "titel = 'a'\n" + METHOD, "Did you mean 'title'?"),
    "unknown score": (HEAD + 'ood_score = "enrgy"\n' + METHOD, "Did you mean 'energy'?"),
    "given of a method": (HEAD + 'ood_score = "given"\n' + METHOD, "No OOD score named 'given'"),
    "unknown variant": (HEAD + 'rank_variants = ["tz"]\n' + METHOD, "No variant named 'tz'"),
    "unknown suite": (HEAD + 'suites = ["digit-v1"]\n' + METHOD, "Did you mean 'digits-v1'?"),
    "best on test": (
        HEAD + METHOD + '[facets]\nselection = "best_on_test"', "makes the test set a training set",
    ),
    "negative parameters": (HEAD + METHOD + "[facets]\nparameters = -1", "facets.parameters"),
    "unknown method": (HEAD + METHOD.replace("cross", "crss"), "Did you mean 'cross-entropy'?"),
    "unknown override": (
        HEAD + METHOD + "[method.overrides]\nepoch = 3", "no setting 'epoch'. Did you mean 'epoc",
    ),
    "unknown override of a probe": (
        HEAD + METHOD.replace("cross-entropy", "logistic-regression") + "[method.overrides]\nk = 3",
        "has no setting 'k'",
    ),
    "a rate below 0": (
        HEAD + METHOD + "[method.overrides]\nlr = -1.0", "lr: input should be greater than 0",
    ),
    "a text as number": (
        HEAD + METHOD + '[method.overrides]\nepochs = "9"', "epochs: input should be a valid",
    ),
    "an unknown schedule": (
        HEAD + METHOD + '[method.overrides]\nschedule = "cos"', "schedule: input should be",
    ),
    "missing function": (
        HEAD + METHOD.replace("cross-entropy", "baselines.methods.prior:fit_cross"),
        "offers no function 'fit_cross'. Did you mean 'fit_cross_entropy'?",
    ),
    "missing module": (
        HEAD + METHOD.replace("cross-entropy", "baselines.methods.priors:fit"),
        "'baselines.methods.priors' has no file",
    ),
    "unknown recipe": (
        HEAD + METHOD.replace("[method]", "[method]\nrecipe = 'nois'"), "No recipe named 'nois'",
    ),
    "a recipe outside": (
        HEAD + METHOD.replace("[method]", "[method]\nrecipe = '../../x'"),
        "A recipe is a name of baselines/recipes, without a folder",
    ),
    "an absolute recipe": (
        HEAD + METHOD.replace("[method]", "[method]\nrecipe = '/etc/x'"), "without a folder",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CARDS)
def test_each_mistake_on_a_card_is_one_sentence(tailmark, write, case):
    text, sentence = CARDS[case]
    write(text)
    one_sentence(tailmark("check", "bad"), sentence)


MODEL = 'kind = "model"\n[model]\narch = "test_resnet"\n'
PREPARED = "[model.preprocessing]\nsize = {}\nchannels = {}\nmean = {}\nstd = {}\n"


def prepared(size="[8, 8]", channels="3", mean="[0, 0, 0]", std="[1, 1, 1]", more="") -> str:
    return HEAD + MODEL + PREPARED.format(size, channels, mean, std) + more


MODELS = {
    "unknown architecture": (HEAD + MODEL.replace("resnet", "resnte"), "Did you mean 'test_resnet"),
    "a source": (HEAD + MODEL.replace("test_resnet", "hf-hub:a/b"), "plain name of a timm arch"),
    "an argument that loads": (HEAD + MODEL + "[model.kwargs]\npretrained = true", "not be set"),
    "a huge width": (HEAD + MODEL + "[model.kwargs]\nembed_dim = 1000000", "none beyond 8,192"),
    "a table as argument": (HEAD + MODEL + "[model.kwargs.depth]\na = 1", "a number, a text"),
    "size -1": (prepared(size="[-1, 8]"), "greater than or equal to 1; got -1"),
    "size 0": (prepared(size="[0, 8]"), "greater than or equal to 1; got 0"),
    "size 10^6": (prepared(size="[1000000, 8]"), "less than or equal to 4096; got 1000000"),
    "one size": (prepared(size="[8]"), "model.preprocessing.size"),
    "half a pixel": (prepared(size="[8.5, 8]"), "model.preprocessing.size"),
    "2 channels": (prepared(channels="2"), "model.preprocessing.channels: input should be 1 or 3"),
    "mean of another length": (prepared(mean="[0, 0]"), "mean has 2 values and the model takes 3"),
    "std of another length": (prepared(std="[1]"), "std has 1 values and the model takes 3"),
    "mean nan": (prepared(mean="[0, 0, nan]"), "a number is finite"),
    "std 0": (prepared(std="[0, 1, 1]"), "greater than 0; got 0"),
    "std negative": (prepared(std="[-1, 1, 1]"), "greater than 0; got -1"),
    "crop 0": (prepared(more="crop_pct = 0\n"), "greater than 0; got 0"),
    "crop negative": (prepared(more="crop_pct = -1.0\n"), "greater than 0; got -1"),
    "crop above 1": (prepared(more="crop_pct = 2\n"), "less than or equal to 1; got 2"),
    "interpolation": (prepared(more='interpolation = "lanczos"\n'), "interpolation: input should"),
}


@pytest.mark.parametrize("case", MODELS)
def test_each_mistake_of_a_model_is_one_sentence(tailmark, write, case):
    text, sentence = MODELS[case]
    write(text)
    one_sentence(tailmark("check", "bad"), sentence)


def with_file(folder: Path, path: str, key: str, kind: str, sha: str | None = None) -> None:
    """Write a card that names one file."""
    arch = 'arch = "test_resnet"\n' if kind == "model" else ""
    sha = sha or sha256_file(folder / path)
    (folder / "entry.toml").write_text(
        f'{HEAD}kind = "{kind}"\nood_score = "msp"\n[{kind}]\n{arch}[{kind}.files]\n'
        f'{json.dumps(key)} = {{ path = {json.dumps(path)}, sha256 = "{sha}" }}\n'
    )


SHA = "0" * 64
PATHS = {
    "missing": ("no.npz", "does not exist"),
    "outside": ("../../secret.npz", "leads to"),
    "absolute": ("/etc/passwd", "leads to"),
    "a nul byte": ("a\\u0000b.npz", "no control characters"),
    "5,000 characters": ("a" * 5000, "at most 4,096 characters"),
    "4,000 characters": ("a" * 4000, "is not a path that can be followed"),
    "a loop of links": ("loop.npz", "is not a path that can be followed"),
    "a link outside": ("link.npz", "leads to"),
    "a folder": ("folder", "is a folder, pipe or device"),
    "a pipe": ("pipe.npz", "is a folder, pipe or device"),
    "empty": ("", "is a folder, pipe or device"),
}


@pytest.mark.parametrize("kind", ["predictions", "model"])
@pytest.mark.parametrize("case", PATHS)
def test_each_bad_path_on_a_card_is_one_sentence(tailmark, write, home, case, kind):
    path, sentence = PATHS[case]
    folder = write("")
    (home / "secret.npz").write_bytes(b"secret")
    (folder / "loop.npz").symlink_to("loop.npz")
    (folder / "link.npz").symlink_to(home / "secret.npz")
    (folder / "folder").mkdir()
    os.mkfifo(folder / "pipe.npz")
    key = f"{CELL}-s0" + ("/test" if kind == "predictions" else "")
    with_file(folder, "x", key, kind, SHA)
    text = (folder / "entry.toml").read_text()
    (folder / "entry.toml").write_text(text.replace('"x"', f'"{path}"'))
    one_sentence(tailmark("check", "bad"), sentence)


KEYS = {
    "nothing": "",
    "a word": "test",
    "no seed": f"{CELL}/test",
    "no pool": f"{CELL}-s0",
    "an unknown pool": f"{CELL}-s0/tset",
    "an unknown noise": "digits-exp10-noisy0.3-s0/test",
    "a deep pool": f"{CELL}-s0/ood/near/a/b",
    "a path": "../../x-s0/test",
    "another seed": f"{CELL}-s9/test",
    "another cell": "digits-exp11-clean-s0/test",
}


@pytest.mark.parametrize("case", KEYS)
def test_each_garbage_key_of_predictions_is_one_sentence(tailmark, write, case):
    folder = write("")
    np.savez(folder / "a.npz", probs=np.full((481, 8), 0.125, np.float32))
    with_file(folder, "a.npz", KEYS[case], "predictions")
    answer = tailmark("check", "bad", "--suite", "digits-v1")
    one_sentence(answer, "bad")
    assert repr(KEYS[case]) in answer.err or "Did you mean" in answer.err


GIVEN = {
    "7 columns": (dict(probs=np.full((481, 7), 1 / 7)), "probs has 7 columns, the suite"),
    "10 columns": (dict(probs=np.full((481, 10), 0.1)), "probs has 10 columns, the suite"),
    "480 rows": (dict(probs=np.full((480, 8), 1 / 8)), "480 rows, the test set has 481"),
    "sums of 2": (dict(probs=np.full((481, 8), 1 / 4)), "probs rows must sum to 1; row 0"),
    "nan": (dict(logits=np.full((481, 8), np.nan)), "must be finite"),
    "rows twice": (dict(logits=np.eye(8)[np.arange(481) % 8] * 9, row=np.zeros(481, int)), "481"),
    "probabilities as logits": (
        dict(logits=np.random.default_rng(0).dirichlet(np.ones(8), 481)), "Save them as 'probs'",
    ),
    "pred from one": (dict(pred=np.arange(481) % 8 + 1), "subtract 1 from pred"),
    "pred of 10 classes": (dict(pred=np.arange(481) % 10), "pred must lie in 0 … 7"),
    "conf not finite": (dict(pred=np.arange(481) % 8, conf=np.full(481, np.nan)), "conf must be"),
    "unknown array": (dict(prob=np.full((481, 8), 1 / 8)), "Did you mean 'probs'"),
}  # fmt: skip


@pytest.mark.parametrize("case", GIVEN)
def test_check_says_of_predictions_what_run_would_say(tailmark, write, home, case):
    arrays, sentence = GIVEN[case]
    folder = write("")
    np.savez(folder / "a.npz", **arrays)
    with_file(folder, "a.npz", f"{CELL}-s0/test", "predictions")
    one_sentence(tailmark("check", "bad"), sentence)
    ran = tailmark("run", "bad", "-c", CELL, "--seed", "0", "--no-track", "-j", "1")
    assert ran.code == 2 and sentence in ran.err


def test_check_says_that_the_sha256_is_another(tailmark, write):
    folder = write("")
    np.savez(folder / "a.npz", probs=np.full((481, 8), 1 / 8))
    with_file(folder, "a.npz", f"{CELL}-s0/test", "predictions", SHA)
    answer = tailmark("check", "bad")
    one_sentence(answer, "should have sha256 0000000000000000…")
    # The advice followed: the sum that the sentence gives.
    with_file(folder, "a.npz", f"{CELL}-s0/test", "predictions", answer.err.split()[-1])
    assert tailmark("check", "bad").code == 0


@pytest.fixture(scope="module")
def state():
    """A small architecture's weights for the eight classes of digits-v1."""
    import torch

    from harness.models.obtain.vision import timm

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = timm().create_model("test_resnet", num_classes=8)
    return {name: tensor.numpy() for name, tensor in network.state_dict().items()}


def changed(state: dict, name: str, array: np.ndarray) -> dict:
    return state | {name: array}


WEIGHTS = {
    "DataParallel": (lambda s: {f"module.{k}": v for k, v in s.items()}, "'module.' before"),
    "compiled": (lambda s: {f"_orig_mod.{k}": v for k, v in s.items()}, "torch.compile"),
    "a training module": (lambda s: {f"model.{k}": v for k, v in s.items()}, "'model.' before"),
    "a backbone": (lambda s: {f"net.body.{k}": v for k, v in s.items()}, "'net.body.' before"),
    "a head of 1,000": (
        lambda s: s | {"fc.weight": np.ones((1000, s["fc.weight"].shape[1]), "f4"),
                       "fc.bias": np.ones(1000, "f4")},
        "is for 1,000 classes",
    ),
    "a missing tensor": (
        lambda s: {k: v for k, v in s.items() if k != "fc.bias"}, "lacks 1 of the architecture's",
    ),
    "a tensor too many": (lambda s: s | {"more": np.ones(3, "f4")}, "leave them out when you save"),
    "another name of the head": (
        lambda s: {k.replace("fc.", "head."): v for k, v in s.items()},
        "under other names, first 'head.bias': rename them",
    ),
    "an average beside": (
        lambda s: s | {f"ema_model.{k}": v for k, v in s.items()}, "holds the network 2 times",
    ),
    "an average under its own name": (
        lambda s: {f"{p}.{k}": v for k, v in s.items() for p in ("model", "ema")},
        "with 'ema.', 'model.' before the architecture's own names",
    ),
    "another shape": (
        lambda s: s | {"conv1.weight": s["conv1.weight"][:, :1]} if "conv1.weight" in s
        else s | {next(iter(s)): np.ones((1, 1), "f4")},
        "has shape",
    ),
    "integers": (lambda s: s | {"fc.bias": np.ones(8, "i8")}, "are floating point; fc.bias"),
    "NaN": (lambda s: s | {"fc.bias": np.full(8, np.nan, "f4")}, "fc.bias must be finite"),
    "overflow": (lambda s: s | {"fc.bias": np.full(8, 1e300)}, "beyond 3.4e38"),
}  # fmt: skip


@pytest.mark.parametrize("case", WEIGHTS)
def test_check_says_of_weights_what_run_would_say(tailmark, write, state, case):
    from safetensors.numpy import save_file

    change, sentence = WEIGHTS[case]
    folder = write("")
    arrays = {k: np.array(v, order="C") for k, v in change(dict(state)).items()}
    save_file(arrays, folder / "w.safetensors")
    with_file(folder, "w.safetensors", f"{CELL}-s0", "model")
    one_sentence(tailmark("check", "bad"), sentence)


def test_one_of_two_copies_saved_as_the_sentence_says_is_accepted(tailmark, write, state):
    from safetensors.numpy import save_file

    folder = write("")
    both = {f"{p}.{k}": v for k, v in state.items() for p in ("model", "ema")}
    save_file(both, folder / "w.safetensors")
    with_file(folder, "w.safetensors", f"{CELL}-s0", "model")
    answer = tailmark("check", "bad")
    advice = answer.err.partition("is to be scored: ")[2].strip()
    save_file(eval(advice, {"state": both}), folder / "w.safetensors")
    with_file(folder, "w.safetensors", f"{CELL}-s0", "model")
    assert tailmark("check", "bad").code == 0


def test_the_prefix_stripped_as_the_sentence_says_is_accepted(tailmark, write, state):
    from safetensors.numpy import save_file

    folder = write("")
    wrapped = {f"_orig_mod.module.{k}": v for k, v in state.items()}
    save_file(wrapped, folder / "w.safetensors")
    with_file(folder, "w.safetensors", f"{CELL}-s0", "model")
    answer = tailmark("check", "bad")
    one_sentence(answer, "k.removeprefix('_orig_mod.module.')")
    stripped = {k.removeprefix("_orig_mod.module."): v for k, v in wrapped.items()}
    save_file(stripped, folder / "w.safetensors")
    with_file(folder, "w.safetensors", f"{CELL}-s0", "model")
    answer = tailmark("check", "bad")
    assert answer.code == 0, answer.err
    assert "cost: about" in answer.out and f"32 rows of {CELL}-s0" in answer.out


def tensors(header: object) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text


HOSTILE = {
    "empty": b"",
    "a pickle": b"\x80\x04\x95" + bytes(40),
    "a header of 2^60 bytes": struct.pack("<Q", 1 << 60) + b"{}",
    "a nested header": tensors(b"[" * 100_000 + b"]" * 100_000),
    "an infinite shape": tensors(b'{"w": {"dtype": "F32", "shape": [Infinity]}}'),
    "a huge shape": tensors({"w": {"dtype": "F32", "shape": [10**40], "data_offsets": [0, 4]}}),
    "a negative shape": tensors({"w": {"dtype": "F32", "shape": [-2, -2]}}) + bytes(16),
    "half a shape": tensors({"w": {"dtype": "F32", "shape": [1.5]}}) + bytes(6),
    "an unknown dtype": tensors({"w": {"dtype": "F13", "shape": [1]}}) + bytes(4),
    "no shape": tensors({"w": {"dtype": "F32"}}),
    "a list": tensors([1, 2]),
    "a number": tensors(b"1" * 5000),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_file_of_weights_is_one_sentence(tailmark, write, case):
    folder = write("")
    (folder / "w.safetensors").write_bytes(HOSTILE[case])
    with_file(folder, "w.safetensors", f"{CELL}-s0", "model")
    one_sentence(tailmark("check", "bad"), "w.safetensors must be a safetensors file; got")


def test_weights_in_another_format_are_refused_unopened(tailmark, write):
    folder = write("")
    (folder / "w.pth").write_bytes(b"\x80\x04\x95")
    with_file(folder, "w.pth", f"{CELL}-s0", "model")
    one_sentence(tailmark("check", "bad"), "pickles (.pt, .pth, .bin) are not opened")


def test_one_bad_card_stops_neither_check_nor_list_nor_run_of_the_others(tailmark, write, card):
    write(HEAD + METHOD + "[method.overrides]\nlr = nan")
    card("good")
    checked = tailmark("check")
    assert checked.code == 2
    assert "good: ok (method)" in checked.out and "a number is finite" in checked.err
    listed = tailmark("list", "entries")
    assert listed.code == 2
    assert "good" in listed.out and "a number is finite" in listed.err
    ran = tailmark("run", "-c", CELL, "--seed", "0", "--no-track", "-j", "1")
    assert ran.code == 2
    assert "good: 1 of 1 jobs" in ran.out and "bad/entry.toml" in ran.err


def test_a_folder_of_bad_cards_alone_is_refused(tailmark, write):
    write("format = ")
    one_sentence(tailmark("list", "entries"), "is not TOML")
    one_sentence(tailmark("run"), "is not TOML")


def test_check_never_imports_a_trainer(tailmark, home, card, monkeypatch):
    import sys

    package = home / "mine"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "own.py").write_text("raise SystemExit('imported')\ndef fit(train, ctx): ...\n")
    monkeypatch.syspath_prepend(str(home))
    card("foreign", trainer="mine.own:fit")
    for words in (["--trust"], []):
        answer = tailmark("check", "foreign", *words)
        assert answer.code == 0, answer.err
        assert ("code from outside this project" in answer.out) == (not words)
    assert "mine.own" not in sys.modules
    card("other", trainer="mine.own:fitt")
    one_sentence(tailmark("check", "other", "--trust"), "Did you mean 'fit'?")


def test_the_cost_of_a_method_comes_from_its_record_and_else_says_how_to_measure(tailmark, card):
    card("quick", trainer="nearest-mean")
    before = tailmark("check", "quick", "--suite", "digits-v1")
    assert "not known: there is no record of quick" in before.out
    assert "--cell digits-balanced-clean --seed 0" in before.out
    # The advice followed.
    assert (
        tailmark("run", "quick", "--cell", CELL, "--seed", "0", "--no-track", "-j", "1").code == 0
    )
    after = tailmark("check", "quick", "--suite", "digits-v1")
    assert "cost: about" in after.out and "its record of 1 jobs" in after.out
    card("second", trainer="nearest-mean")
    other = tailmark("check", "second", "--suite", "digits-v1")
    assert "not known" in other.out or "records of the same trainer: quick" in other.out


def test_columns_in_another_order_are_remarked_after_a_run(tailmark, write):
    from harness.data.suites.open import open_suite

    labels = open_suite("digits-v1").test.labels
    folder = write("")
    np.savez(folder / "a.npz", logits=9.0 * np.eye(8)[(labels + 1) % 8])
    with_file(folder, "a.npz", f"{CELL}-s0/test", "predictions")
    answer = tailmark("run", "bad", "-c", CELL, "--seed", "0", "--no-track", "-j", "1")
    assert answer.code == 0
    assert "would be 1.000 if 8 of 8 columns stood elsewhere: is the column order" in answer.err


NEW = {
    "a bad name": (("new", "A b"), "name must be lower-case letters"),
    "a path as name": (("new", "../x"), "name must be lower-case letters"),
    "a long name": (("new", "a" * 64), "at most 63"),
    "from of a method": (("new", "x", "--from", "p"), "Add: --kind predictions"),
    "a missing folder": (("new", "x", "-k", "predictions", "--from", "no"), "there is none"),
    "an empty folder": (("new", "x", "-k", "predictions", "--from", "empty"), "got 0 others"),
    "other names": (("new", "x", "-k", "predictions", "--from", "others"), "e.g. 'test.npz'"),
    "two files of one pool": (("new", "x", "-k", "predictions", "--from", "two"), "Remove one"),
    "a taken name": (("new", "quick", "-k", "predictions", "--from", "good"), "not overwritten"),
    "a bad name with files": (("new", "A", "-k", "predictions", "--from", "good"), "lower-case"),
}


@pytest.mark.parametrize("case", NEW)
def test_each_bad_new_entry_is_one_sentence_and_leaves_nothing(tailmark, home, card, case):
    words, sentence = NEW[case]
    card("quick")
    for folder in ("empty", "others", "two", "good"):
        (home / folder / f"{CELL}-s0").mkdir(parents=True)
    np.savez(home / "others" / "test.npz", probs=np.ones((2, 2)))
    np.savez(home / "two" / f"{CELL}-s0" / "test.npz", probs=np.ones((2, 2)))
    np.savez(home / "two" / f"{CELL}-s0-test.npz", probs=np.ones((2, 2)))
    np.savez(home / "good" / f"{CELL}-s0" / "test.npz", probs=np.ones((2, 2)))
    before = sorted(p.relative_to(home) for p in home.rglob("*"))
    one_sentence(tailmark(*words), sentence)
    assert sorted(p.relative_to(home) for p in home.rglob("*")) == before


def test_new_lists_files_that_lie_in_the_entry_already_and_leaves_others_alone(tailmark, home):
    folder = home / "submissions" / "here"
    (folder / "p").mkdir(parents=True)
    np.savez(folder / "p" / f"{CELL}-s0-test.npz", probs=np.full((481, 8), 1 / 8))
    np.savez(folder / "p" / f"{CELL}-s0-ood-near-digits89.npz", probs=np.full((354, 8), 1 / 8))
    (folder / "p" / "notes.txt").write_text("mine")
    answer = tailmark("new", "here", "-k", "predictions", "--from", str(folder / "p"))
    assert answer.code == 0, answer.err
    assert "2 files of 1 jobs" in answer.out and "notes.txt" in answer.err
    assert not (folder / "predictions").exists()
    text = (folder / "entry.toml").read_text()
    assert f'"{CELL}-s0/ood/near/digits89"' in text and f"p/{CELL}-s0-test.npz" in text
    assert tailmark("check", "here").code == 0


def test_an_honest_entry_is_asked_and_nothing_speaks_against_it(tailmark, card):
    card()
    answer = tailmark("check", "quick", "--suite", "digits-v1", "--honesty")
    assert answer.code == 0, answer.out + answer.err
    assert "quick: ok" in answer.out and "speaks against it" not in answer.out
    assert "it has no record of digits-v1" in answer.out


def test_honesty_without_a_suite_is_a_mistake(tailmark, card):
    card()
    answer = tailmark("check", "quick", "--honesty")
    assert answer.code == 2 and "Name it: --suite" in answer.err

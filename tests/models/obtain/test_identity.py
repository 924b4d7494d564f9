"""Identity: data sets that differ in anything a model sees share no key; equal ones share all."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.data.pools.file_pools import file_pool
from harness.data.pools.pools import image_pool, rows_of
from harness.data.pools.tables import TableInputs, table_pool
from harness.data.suites.open import OpenSuite
from harness.models.methods.code import code_sha256
from harness.models.methods.methods import Trainer
from harness.models.obtain.obtain import obtain
from harness.models.obtain.source import Parents, Source
from harness.models.obtain.training import Training
from harness.models.obtain.work import Work, inputs_sha256, job_key, pass_key
from harness.models.passes.numerics import Numerics
from harness.models.store.store import Store
from harness.runs.kept import result_key
from harness.types import (
    DatasetSpec,
    EntryCard,
    Job,
    Pool,
    Preprocessing,
    Split,
    SplitSpec,
    Suite,
)

ROOT = Path(__file__).resolve().parents[3]
TOYS = Path(__file__).parents[1] / "toys"
C, CELL = 3, "tiny-balanced-clean"
CLASSES = ("a", "b", "c")
N = 24
FIT = {
    "format": 1,
    "name": "toy",
    "kind": "method",
    "method": {"trainer": "toybox.linear:fit_means"},
}


def images(seed: int, *, n: int = N, side: int = 8) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, side, side, 1)).astype(np.uint8)


def labels(n: int = N) -> np.ndarray:
    return np.arange(n) % C


def table(seed: int) -> TableInputs:
    rng = np.random.default_rng(seed)
    return TableInputs(
        rng.normal(size=(N, 2)).astype(np.float32),
        rng.integers(0, 2, (N, 1)).astype(np.int32),
        ("height", "width", "colour"),
        (("red", "green"),),
    )


def opened_on(train: Pool, test: Pool, **more) -> OpenSuite:
    """A suite over two pools, as `open_suite` would give it, without any file."""
    suite = Suite(
        "tiny-v1", "Tiny", "tiny", None, (CELL,), (0,), (), (), (),
        "test/accuracy", "terciles", "recall_tail",
    )  # fmt: skip
    facts = DatasetSpec("tiny", "Tiny", "image", CLASSES, (8, 8, 1), "made here", "none", "none")
    return OpenSuite(suite, facts, train, test, None, {}, checked=False, **more)


def split_of(train: Pool, *, rows: np.ndarray | None = None, val: int = 0, **more) -> Split:
    rows = np.arange(len(train)) if rows is None else rows
    spec, y = SplitSpec("tiny"), train.labels
    kept, held = rows[val:], rows[:val]
    return Split(
        spec, 0, kept, y[kept], y[kept],
        held if val else None, y[held] if val else None, C, y[held] if val else None, **more,
    )  # fmt: skip


NEVER_CALLED = Trainer(lambda train, ctx: None, lambda overrides: {}, None)
"""A trainer's functions: keys are found without them."""


def keys_of(opened: OpenSuite, split: Split, card: dict = FIT) -> dict[str, str]:
    """Return every key of one job: what a store would keep its work under."""
    made = EntryCard.model_validate(card)
    job, numerics = Job(made, Path("/nowhere"), CELL, 0), Numerics()
    train, val = opened.train_pool(split), opened.val_pool(split)
    inputs = inputs_sha256(split, train, val)
    store = Store(Path("/nowhere"))
    work = Work(job, opened, split, inputs, store, numerics, None, None, None)
    trainer = made.method.trainer
    training = Training(
        job, split, inputs, trainer, {"scale": 1.0}, "c" * 64, numerics, Parents(), NEVER_CALLED
    )
    source = Source(None, training.key, "", None, None, {}, {})
    pools = {"train": train, "test": opened.test, **({} if val is None else {"val": val})}
    evidence = {name: pass_key(source, pool, numerics) for name, pool in pools.items()}
    return {
        "job": job_key(work),
        "train": training.key,
        **{f"evidence of {name}": key for name, key in evidence.items()},
        "result": result_key(opened, split, made, evidence, opened.fingerprints),
    }


def on_images(seed: int, **more) -> tuple[OpenSuite, Split]:
    train = image_pool("train", images(seed), labels(), CLASSES)
    test = image_pool("test", images(seed + 1), labels(), CLASSES)
    return opened_on(train, test), split_of(train, **more)


def on_table(inputs: TableInputs) -> tuple[OpenSuite, Split]:
    train = table_pool("train", inputs, labels(), CLASSES)
    return opened_on(train, rows_of(train, np.arange(9), "test")), split_of(train)


def with_train(pair: tuple[OpenSuite, Split], array: np.ndarray) -> tuple[OpenSuite, Split]:
    opened, split = pair
    train = image_pool("train", array, opened.train.labels, CLASSES)
    return replace(opened, train=train), split


def one_pixel(seed, row, pair):
    array = images(seed).copy()
    array[row, seed % 8, row % 8] ^= 1
    return with_train(pair, array)


def two_rows_swapped(seed, row, pair):
    """The same images and the same labels; two images of one class change places."""
    array = images(seed).copy()
    other = (row + C) % N
    array[[row, other]] = array[[other, row]]
    return with_train(pair, array)


def other_size(seed, row, pair):
    return with_train(pair, np.repeat(np.repeat(images(seed), 2, axis=1), 2, axis=2))


def other_dtype(seed, row, pair):
    return with_train(pair, images(seed).astype(np.uint16))


def one_observed_label(seed, row, pair):
    opened, split = pair
    observed = split.observed.copy()
    observed[row] = (observed[row] + 1) % C
    return opened, replace(split, observed=observed)


def rows_handed_out_otherwise(seed, row, pair):
    opened, _ = pair
    return opened, split_of(opened.train, rows=np.roll(np.arange(N), C * (1 + row % 3)))


def one_row_less(seed, row, pair):
    opened, _ = pair
    return opened, split_of(opened.train, rows=np.delete(np.arange(N), row))


def squares_planted(seed, row, pair):
    opened, split = pair
    attributes = np.zeros(N, dtype=np.int64)
    attributes[row] = 1
    return opened, replace(split, attributes=attributes)


def one_patch(seed, row, pair):
    opened, split = pair
    return opened, replace(split, patched=np.arange(N) == row)


def one_stranger(seed, row, pair):
    opened, split = pair
    other = image_pool("ood/far/other", images(seed + 2), None)
    foreign = np.where(np.arange(N) == row, 0, -1)
    return replace(opened, open_set_pool=other), replace(split, foreign=foreign)


def one_row_known(seed, row, pair):
    opened, split = pair
    return opened, replace(split, known=np.array([row]))


def a_validation_part(seed, row, pair):
    opened, _ = pair
    return opened, split_of(opened.train, val=3)


def more_classes(seed, row, pair):
    opened, split = pair
    return opened, replace(split, num_classes=C + 1)


IN_TRAINING = [
    one_pixel,
    two_rows_swapped,
    other_size,
    other_dtype,
    one_observed_label,
    rows_handed_out_otherwise,
    one_row_less,
    squares_planted,
    one_patch,
    one_stranger,
    one_row_known,
    a_validation_part,
    more_classes,
]
"""One respect in which what is trained on differs."""

drawn = {"seed": st.integers(0, 10**6), "row": st.integers(0, N - 1)}
many = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))


def shared(one: dict[str, str], other: dict[str, str]) -> list[str]:
    return [name for name in one if one[name] == other.get(name)]


@pytest.mark.parametrize("change", IN_TRAINING, ids=lambda f: f.__name__)
@many
@given(**drawn)
def test_other_training_data_share_no_key(change, seed, row):
    pair = on_images(seed)
    assert shared(keys_of(*pair), keys_of(*change(seed, row, pair))) == []


@many
@given(**drawn)
def test_one_pixel_of_a_validation_image_changes_every_key(seed, row):
    pair = on_images(seed, val=4)
    assert shared(keys_of(*pair), keys_of(*one_pixel(seed, row % 4, pair))) == []


@many
@given(**drawn)
def test_one_pixel_of_one_stranger_changes_every_key(seed, row):
    opened, split = one_stranger(seed, row, on_images(seed))
    array = images(seed + 2).copy()
    array[0, 0, 0] ^= 1
    other = replace(opened, open_set_pool=image_pool("ood/far/other", array, None))
    assert shared(keys_of(opened, split), keys_of(other, split)) == []


@many
@given(**drawn)
def test_one_pixel_of_a_test_image_leaves_the_training_and_changes_the_rest(seed, row):
    opened, split = on_images(seed)
    array = opened.test.inputs.array.copy()
    array[row, 0, 0] ^= 1
    other = replace(opened, test=image_pool("test", array, opened.test.labels, CLASSES))
    found = shared(keys_of(opened, split), keys_of(other, split))
    assert found == ["job", "train", "evidence of train"]


@many
@given(**drawn)
def test_one_clean_test_label_changes_the_result(seed, row):
    opened, split = on_images(seed)
    y = opened.test.labels.copy()
    y[row] = (y[row] + 1) % C
    other = replace(opened, test=image_pool("test", opened.test.inputs.array, y, CLASSES))
    assert "result" not in shared(keys_of(opened, split), keys_of(other, split))


def a_number(inputs, row):
    numeric = inputs.numeric.copy()
    numeric[row, 1] = np.nextafter(numeric[row, 1], np.float32(9))
    return replace(inputs, numeric=numeric)


def a_missing_value(inputs, row):
    codes = inputs.categorical.copy()
    codes[row] = -1
    return replace(inputs, categorical=codes)


def a_columns_name(inputs, row):
    return replace(inputs, names=("height", "depth", "colour"))


def a_categorys_name(inputs, row):
    return replace(inputs, categories=(("red", "blue"),))


def one_category_more(inputs, row):
    return replace(inputs, categories=(("red", "green", "blue"),))


def columns_swapped(inputs, row):
    names = ("width", "height", "colour")
    return replace(inputs, numeric=inputs.numeric[:, ::-1].copy(), names=names)


@pytest.mark.parametrize(
    "change",
    [a_number, a_missing_value, a_columns_name, a_categorys_name, one_category_more,
     columns_swapped],
    ids=lambda f: f.__name__,
)  # fmt: skip
@many
@given(**drawn)
def test_tables_that_differ_in_one_respect_share_no_key(change, seed, row):
    inputs = table(seed)
    if change is a_missing_value and inputs.categorical[row] == -1:
        return
    one, other = keys_of(*on_table(inputs)), keys_of(*on_table(change(inputs, row)))
    assert shared(one, other) == []


def files(folder: Path, seed: int, *, size: int = 8) -> tuple[OpenSuite, Split]:
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    paths = [f"{i}.png" for i in range(N)]
    for path, array in zip(paths, images(seed), strict=True):
        Image.fromarray(array[..., 0]).save(folder / path)
    train = file_pool("train", folder, paths, labels(), CLASSES, size=(size, size))
    return opened_on(train, rows_of(train, np.arange(6), "test")), split_of(train)


def test_files_are_known_by_their_bytes_and_the_size_they_are_decoded_to(tmp_path):
    one = keys_of(*files(tmp_path / "a", 1))
    assert keys_of(*files(tmp_path / "b", 1)) == one
    assert shared(one, keys_of(*files(tmp_path / "c", 1, size=16))) == []
    assert shared(one, keys_of(*files(tmp_path / "d", 2))) == []


def test_files_are_keyed_without_being_decoded(tmp_path, monkeypatch):
    pair = files(tmp_path, 1)
    monkeypatch.setattr("harness.data.pools.file_pools.decode", pytest.fail)
    assert keys_of(*pair)


def test_class_names_decide_no_number_and_no_key():
    opened, split = on_images(3)
    names = ("x", "y", "z")
    train = replace(opened.train, class_names=names)
    other = replace(opened, train=train, test=replace(opened.test, class_names=names))
    assert keys_of(other, split) == keys_of(opened, split)


CARDS = {
    "setting": {"method": {**FIT["method"], "overrides": {"scale": 2.0}}},
    "selection": {"facets": {"selection": "noisy_val"}},
}


@pytest.mark.parametrize("what", CARDS)
def test_another_card_is_another_job(what):
    pair = on_images(1)
    assert keys_of(*pair)["job"] != keys_of(*pair, FIT | CARDS[what])["job"]


EVALUATED = {
    "score": {"ood_score": "msp"},
    "variants": {"rank_variants": ("la",)},
    "adapts": {"facets": {"transductive": True}},
    "pretraining": {"facets": {"pretraining": "imagenet-1k"}},
}


@pytest.mark.parametrize("what", EVALUATED)
def test_what_the_card_declares_is_part_of_a_result(what):
    pair = on_images(1)
    assert keys_of(*pair)["result"] != keys_of(*pair, FIT | EVALUATED[what])["result"]


def test_other_groups_and_other_truths_are_other_results():
    opened, split = on_images(1)
    groups = replace(opened, test_groups=np.arange(N) % 2)
    moved = replace(opened, test_groups=(np.arange(N) + 1) % 2)
    absent = replace(opened, absent_truths={"people": "no file"})
    found = {keys_of(o, split)["result"] for o in (opened, groups, moved, absent)}
    assert len(found) == 4


def all_keys() -> list[object]:
    """Return the keys of every kind of data set, and of code: called in other processes too."""
    sets = [keys_of(*on_images(5)), keys_of(*on_table(table(5)))]
    return [*sets, code_sha256("toybox.linear:fit_means")]


@pytest.mark.parametrize("hash_seed", ["0", "1", "4711"])
def test_the_same_thing_has_the_same_keys_anywhere(hash_seed, tmp_path):
    code = (
        "import json; from tests.models.obtain.test_identity import all_keys as keys; "
        "print(json.dumps(keys()))"
    )
    path = os.pathsep.join([str(ROOT), str(TOYS)])
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": path},
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == all_keys()


# Through `obtain`: what the keys are for.


def job(function: str = "fit_means", **part) -> Job:
    body = FIT | {"method": {"trainer": f"toybox.linear:{function}", **part}}
    return Job(EntryCard.model_validate(body), Path("/nowhere"), CELL, 0)


class Fixed(OpenSuite):
    """A suite whose one split is all of its training pool."""

    def split(self, cell: str, seed: int) -> Split:
        return split_of(self.train)


def fixed(seed: int, **changes) -> Fixed:
    opened, _ = on_images(seed)
    return Fixed(**{k: getattr(opened, k) for k in OpenSuite.__dataclass_fields__} | changes)


def test_two_data_sets_with_the_same_labels_do_not_share_a_model(store, counts):
    one, other = fixed(1), fixed(2)
    assert np.array_equal(one.train.labels, other.train.labels)
    first = obtain(job(), one, store, pools=["test"])
    second = obtain(job(), other, store, pools=["test"])
    assert counts["fit"] == 2 and first.model_id != second.model_id
    again = obtain(job(), fixed(2), store, pools=["test"])
    assert counts["fit"] == 2 and again.model_id == second.model_id


def test_a_probe_is_trained_again_when_its_parent_is_fed_otherwise(store, counts):
    """Equal weights of the parent, other preprocessing: other features, another child."""
    opened = fixed(1)
    found = []
    for prepared in (False, True):
        parent = job("fit_steps", overrides={"epochs": 1, "prepared": prepared})
        child = job("fit_means", features_from="parent")
        found.append(obtain(child, opened, store, pools=["test"], parent=lambda _, p=parent: p))
    assert found[0].model_id != found[1].model_id
    assert found[0].evidence_keys["test"] != found[1].evidence_keys["test"]


def test_preprocessing_is_part_of_evidence():
    opened, _ = on_images(1)
    how = Preprocessing(size=(8, 8), channels=1, mean=(0.5,), std=(0.5,))
    sources = [
        Source(None, "m" * 64, "", None, each, {}, {})
        for each in (None, how, how.model_copy(update={"std": (0.25,)}))
    ]
    keys = {pass_key(source, opened.test, Numerics()) for source in sources}
    assert len(keys) == 3


def test_what_is_offered_without_labels_is_part_of_the_key_and_nothing_else_changes_it():
    opened, split = on_images(0)
    train, val = opened.train_pool(split), opened.val_pool(split)
    others = [image_pool("unlabelled", images(seed), labels(), CLASSES) for seed in (1, 2)]
    plain = inputs_sha256(split, train, val)
    assert inputs_sha256(split, train, val, None) == plain
    assert len({plain, *(inputs_sha256(split, train, val, pool) for pool in others)}) == 3

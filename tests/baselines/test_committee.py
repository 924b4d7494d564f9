"""A committee: its loss by hand, and members that do not know each other."""

import numpy as np
import pytest
import torch

from baselines.methods.committee import fit_committee, summed
from baselines.networks.build import NetworkSpec, build
from harness.errors import SpecError
from harness.types.models import FitContext
from tests.baselines.toy import all_inputs, batch_of, bright_rows, normalised

SPEC = NetworkSpec("small-cnn", (1, 8, 8), 3, width=0.5, experts=2, shared=False)


def test_the_loss_by_hand(monkeypatch):
    """Label 0: softmax of (ln 3, 0) gives it 3/4, of (0, 0) 1/2; −ln 3/4 − ln 1/2 = ln 8/3."""
    network = build(SPEC)
    said = torch.tensor([[[np.log(3), 0.0]], [[0.0, 0.0]]], dtype=torch.float32)
    monkeypatch.setattr(network, "each", lambda images: (said, torch.zeros(2, 1, 4)))
    loss = summed(network, batch_of(torch.zeros(1, 1, 8, 8), [0]))
    assert float(loss) == pytest.approx(np.log(8 / 3))


def test_no_gradient_passes_from_one_member_to_another():
    torch.manual_seed(0)
    one, other = build(SPEC), build(SPEC)
    other.branches[0].load_state_dict(one.branches[0].state_dict())
    other.heads[0].load_state_dict(one.heads[0].state_dict())
    batch = batch_of(torch.randn(6, 1, 8, 8), [0, 1, 2, 0, 1, 2])
    for network in (one, other):
        summed(network, batch).backward()
    first, second = (dict(network.named_parameters()) for network in (one, other))
    for name, parameter in first.items():
        same = torch.equal(parameter.grad, second[name].grad)
        assert same == name.startswith(("branches.0.", "heads.0.")), name


def test_it_says_the_mean_of_its_members_logits():
    data = bright_rows((12, 8, 4))
    config = fit_committee.configure({"epochs": 2, "batch_size": 12, "members": 3, "width": 0.5})
    model = fit_committee(data, FitContext(config, seed=0))
    images = torch.from_numpy(normalised(model, all_inputs(data)))
    with torch.inference_mode():
        each = torch.stack([model.network.member(i, images) for i in range(3)])
    np.testing.assert_allclose(model(images.numpy()).values, each.mean(0), rtol=1e-5, atol=1e-5)
    assert each.std(0).max() > 0.01  # from different starts


def test_one_network_is_no_committee():
    with pytest.raises(SpecError, match="'members' must be a whole number at least 2; got 1"):
        fit_committee.configure({"members": 1})

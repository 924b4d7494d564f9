"""How a pass is computed: exact by default, chosen by option or environment, given back."""

import random
import subprocess
import sys

import numpy as np
import pytest

from harness.errors import SpecError
from harness.models.passes.numerics import SETTINGS, Numerics, choose, computing


def test_the_default_is_exact_on_the_cpu(monkeypatch):
    for name in SETTINGS.values():
        monkeypatch.delenv(name, raising=False)
    assert choose("cpu") == Numerics("cpu", "float32", "contiguous", 256, 1)


def test_options_win_over_the_environment(monkeypatch):
    monkeypatch.setenv("TAILMARK_DEVICE", "cuda")
    monkeypatch.setenv("TAILMARK_DTYPE", "bfloat16")
    monkeypatch.setenv("TAILMARK_BATCH_SIZE", "32")
    monkeypatch.setenv("TAILMARK_PASS_THREADS", "4")
    assert choose() == Numerics("cuda", "bfloat16", "channels_last", 32, 4)
    assert choose("cpu", "float32", 8, 2) == Numerics("cpu", "float32", "contiguous", 8, 2)


def test_a_model_without_torch_stays_exact_on_the_cpu(monkeypatch):
    monkeypatch.setenv("TAILMARK_DEVICE", "cuda")
    assert choose(torch=False) == Numerics()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"device": "gpu"}, "device must be one of auto, cpu, cuda; got 'gpu'"),
        ({"dtype": "float23"}, "Did you mean 'float32'"),
        ({"batch_size": 0}, "batch size must be a whole number of at least 1 .*; got '0'"),
        ({"batch_size": 65_537}, "and at most 65,536; got '65537'"),
        ({"batch_size": 10**9}, "and at most 65,536; got '1000000000'"),
        ({"batch_size": 10**4000}, "and at most 65,536; got '10+'"),
        ({"threads": 257}, "pass threads must be .* at most 256; got '257'"),
    ],
)
def test_wrong_options_have_their_sentence(options, sentence):
    with pytest.raises(SpecError, match=sentence):
        choose(**options)


@pytest.mark.parametrize("text", ["²", "1e3", "-1", " 8", "", "9" * 6000])
def test_what_is_no_number_in_the_environment_has_its_sentence(monkeypatch, text):
    monkeypatch.setenv("TAILMARK_BATCH_SIZE", text)
    with pytest.raises(SpecError, match="batch size must be a whole number of at least 1"):
        choose()


def test_a_gpu_that_torch_cannot_use_is_an_error_not_a_slower_result():
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(SpecError, match="torch cannot use the GPU"), computing(Numerics("cuda")):
        pass


def test_global_random_states_are_seeded_and_given_back():
    import torch

    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    expected = random.random(), np.random.random(), torch.rand(1).item()
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    drawn = []
    for _ in range(2):
        with computing(Numerics(), seed=5):
            drawn.append((random.random(), np.random.random(), torch.rand(1).item()))
    assert drawn[0] == drawn[1]
    assert (random.random(), np.random.random(), torch.rand(1).item()) == expected


@pytest.mark.parametrize("filled", [True, False])
def test_new_memory_is_filled_where_asked_and_the_setting_given_back(filled):
    torch = pytest.importorskip("torch")
    setting = torch.utils.deterministic
    before = setting.fill_uninitialized_memory
    setting.fill_uninitialized_memory = not filled
    try:
        with computing(Numerics(), filled=filled):
            assert setting.fill_uninitialized_memory is filled
            assert bool(torch.empty(1000).isnan().all()) or not filled
        assert setting.fill_uninitialized_memory is not filled
    finally:
        setting.fill_uninitialized_memory = before


def test_a_pass_is_deterministic_without_importing_torchs_compiler():
    code = (
        "import sys, torch\n"
        "from harness.models.passes.numerics import Numerics, computing\n"
        "with computing(Numerics(), seed=0):\n"
        "    assert torch.are_deterministic_algorithms_enabled()\n"
        "    assert torch.get_deterministic_debug_mode() == 2\n"
        "assert not torch.are_deterministic_algorithms_enabled()\n"
        "assert 'torch._inductor' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

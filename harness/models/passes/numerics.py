"""How a pass is computed: device, dtype, memory format, batch size, threads; all recorded.

The defaults are the exact mode: float32, one CPU thread, a batch size fixed per device. They do
not look at the machine's load, so that the same job gives the same bits.
"""

import ctypes
import os
import random
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from functools import cache, lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

from harness.errors import SpecError
from harness.lookup import closest

DEVICES = ("auto", "cpu", "cuda")
AUTO = "auto"
"""Of a dtype: the fastest that a model's outputs bear (`harness.models.obtain.precision`)."""
DTYPES = ("float32", "bfloat16", AUTO)
EXACT = ("float32", "contiguous")
"""Dtype and memory format of the exact mode."""
MEMORY_FORMATS = {"float32": "contiguous", "bfloat16": "channels_last", AUTO: AUTO}
"""Dtype → the memory format that goes with it."""
BATCH_SIZES = {"cpu": 256, "cuda": 512}
"""Inputs a pass takes at once, per device."""
MOST_READING = 16
"""Threads that read at most where nothing is said: more contend for the interpreter."""
READING = "TAILMARK_READING_THREADS"
LARGE_PAGES = "THP_MEM_ALLOC_ENABLE"
"""torch's own variable: ask Linux for pages of 2 MiB."""
SETTINGS = {
    "device": "TAILMARK_DEVICE",
    "dtype": "TAILMARK_DTYPE",
    "batch size": "TAILMARK_BATCH_SIZE",
    "pass threads": "TAILMARK_PASS_THREADS",
    "reading threads": READING,
}
"""Environment variables that choose when no option does."""
MOST = {"batch size": 1 << 16, "pass threads": 256, "reading threads": 256}
"""What may be asked for: batches are filled up to their size, which memory must hold."""


@dataclass(frozen=True)
class Numerics:
    """How outputs are computed."""

    device: str = "cpu"
    """``cpu`` or ``cuda``; part of the evidence key."""
    dtype: str = "float32"
    """``float32`` (exact) or ``bfloat16`` (faster); part of the evidence key. ``auto``: still to be
    chosen, no pass is computed with it."""
    memory_format: str = "contiguous"
    """``contiguous`` or ``channels_last``, or ``auto`` as the dtype; part of the evidence key."""
    batch_size: int = BATCH_SIZES["cpu"]
    """Inputs a call; recorded, not keyed."""
    threads: int = 1
    """CPU threads of a pass; recorded, not keyed."""

    def recorded(self) -> dict[str, Any]:
        """Return all of it as a record shows it."""
        return asdict(self)


def choose(
    device: str | None = None,
    dtype: str | None = None,
    batch_size: int | None = None,
    threads: int | None = None,
    *,
    torch: bool = True,
) -> Numerics:
    """Return how to compute, from options, then the environment, then the exact defaults.

    torch is not imported for it.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda"}, optional
        ``auto`` takes a GPU when torch and the driver can use one.
    dtype : {"float32", "bfloat16", "auto"}, optional
        bfloat16 goes with the memory format channels_last; auto: what the model's outputs bear.
    batch_size : int, optional
        At least 1; default: `BATCH_SIZES`.
    threads : int, optional
        CPU threads of a pass, at least 1; default: 1. Trainings have their own in the recipe.
    torch : bool, default=True
        False: the model is numpy's or scikit-learn's and stays on the CPU in its own dtype.

    Raises
    ------
    SpecError
        If an option is not one of these.
    """
    if not torch:
        return Numerics()
    device = _option("device", device, DEVICES, "auto")
    dtype = _option("dtype", dtype, DTYPES, "float32")
    if device == "auto":
        device = "cuda" if gpus() else "cpu"
    return Numerics(
        device,
        dtype,
        MEMORY_FORMATS[dtype],
        _count("batch size", batch_size, BATCH_SIZES[device]),
        _count("pass threads", threads, 1),
    )


def reading_threads() -> int:
    """Return how many threads read and prepare inputs while a model computes.

    No result depends on it: it is neither keyed nor recorded. Default: one per core; a worker
    process beside others gets its share of them. One: none is started.

    Raises
    ------
    SpecError
        If the environment names no whole number of at least 1.
    """
    return _count("reading threads", None, min(MOST_READING, os.cpu_count() or 1))


def _option(name: str, given: str | None, allowed: tuple[str, ...], default: str) -> str:
    value = given or os.environ.get(SETTINGS[name]) or default
    if value not in allowed:
        near = closest(value, allowed)
        hint = f" Did you mean {near!r}?" if near else ""
        raise SpecError(f"{name} must be one of {', '.join(allowed)}; got {value!r}.{hint}")
    return value


def _count(name: str, given: int | None, default: int) -> int:
    text = str(given) if given is not None else os.environ.get(SETTINGS[name])
    if text is None:
        return default
    whole = text.isascii() and text.isdigit() and len(text) < 19  # Python reads 4,300 digits
    if not whole or not 1 <= int(text) <= MOST[name]:
        raise SpecError(
            f"{name} must be a whole number of at least 1 and at most {MOST[name]:,}; "
            f"got {text[:40]!r}."
        )
    return int(text)


@cache
def gpus() -> int:
    """Return how many NVIDIA GPUs the driver shows, asked without importing torch.

    0 where torch is a CPU build, for it could not use them.
    """
    try:
        if version("torch").endswith("+cpu"):
            return 0
        driver = ctypes.CDLL("libcuda.so.1")
    except (PackageNotFoundError, OSError):
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return int(count.value)


def has_bfloat16(device: str) -> bool:
    """Return whether a device multiplies in bfloat16 itself; elsewhere it is slower than float32.

    Parameters
    ----------
    device : {"cpu", "cuda"}
        torch is imported to ask it.
    """
    import torch

    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    asked = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name, bool)() for name in asked)


def guard_process() -> None:
    """Forbid mlflow to open pickles in this process and the ones that it starts.

    And let torch ask for large pages, unless the user has set that: a layer's output is new memory
    in every batch (what it gains: docs/performance.md). No bit depends on it. torch looks once,
    when it first takes 2 MiB.
    """
    os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"
    os.environ.setdefault(LARGE_PAGES, "1")


@contextmanager
def computing(
    numerics: Numerics, *, seed: int | None = None, filled: bool = True
) -> Iterator[None]:
    """Hold threads, determinism and, for a training, the global seeds, and give them back.

    torch is set only where something has imported it.

    Parameters
    ----------
    numerics : Numerics
        Its threads and device.
    seed : int, optional
        Seed python's, numpy's and torch's global generators: a trainer that forgets to seed its
        own draws from a known state.
    filled : bool, default=True
        Whether torch fills new memory with NaN, so that who reads it before writing is seen. It
        takes 4 % of a pass: passes leave it out, and `check_steady` compares both.

    Raises
    ------
    SpecError
        If the device cannot be used.
    """
    held = _torch_held(numerics, seed, filled)
    pools = _thread_pools(len(sys.modules))
    with pools.limit(limits=numerics.threads), held, _seeded(seed):
        yield


@lru_cache(maxsize=1)
def _thread_pools(modules: int) -> Any:
    """Return the thread pools of this process, looked for again once more modules are imported.

    Looking reads the names of all libraries in memory: 2.5 ms, which eight times a job was a
    seventh of a small job. Libraries come with imports.
    """
    return ThreadpoolController()


@contextmanager
def _seeded(seed: int | None) -> Iterator[None]:
    if seed is None:
        yield
        return
    before = random.getstate(), np.random.get_state()  # noqa: NPY002 (a trainer may use it)
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])  # noqa: NPY002


@contextmanager
def _torch_held(numerics: Numerics, seed: int | None, filled: bool) -> Iterator[None]:
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    if numerics.device == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS asks for it
        if not torch.cuda.is_available():
            raise SpecError(
                "device 'cuda' was chosen and torch cannot use the GPU. Pass --device cpu, or "
                "install a torch that fits the driver."
            )
    memory = torch.utils.deterministic
    before = torch.get_num_threads(), torch.get_deterministic_debug_mode()
    filled_before = memory.fill_uninitialized_memory
    torch.set_num_threads(numerics.threads)
    # `use_deterministic_algorithms(True)` is the same and imports torch's compiler: 1.6 s more.
    torch.set_deterministic_debug_mode("error")
    memory.fill_uninitialized_memory = filled
    with _tf32_off(torch), torch.random.fork_rng() if seed is not None else nullcontext():
        if seed is not None:
            torch.manual_seed(seed)
        try:
            yield
        finally:
            torch.set_num_threads(before[0])
            torch.set_deterministic_debug_mode(before[1])
            memory.fill_uninitialized_memory = filled_before


@contextmanager
def _tf32_off(torch: Any) -> Iterator[None]:
    """Switch off the GPU's ten-bit products, which would pass for float32."""
    backends = torch.backends.cuda.matmul, torch.backends.cudnn
    before = [backend.allow_tf32 for backend in backends]
    bench = torch.backends.cudnn.benchmark
    for backend in backends:
        backend.allow_tf32 = False
    torch.backends.cudnn.benchmark = False
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = bench
        for backend, value in zip(backends, before, strict=True):
            backend.allow_tf32 = value


def settings_of(config: Mapping[str, Any]) -> tuple[int, str]:
    """Return threads and dtype of a training's configuration; 1 and float32 by default."""
    return int(config.get("threads", 1)), str(config.get("dtype", "float32"))

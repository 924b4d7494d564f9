"""What `tailmark run` adds to computing: a ResNet-18 against the bare forward loop.

    python benchmarks/overhead.py                 # both parts, three rounds
    python benchmarks/overhead.py --images 2000 --files 96 --rounds 1      # a quick look
    python benchmarks/overhead.py --pages         # the bare loop, large pages or not
    python benchmarks/overhead.py --busy          # the machine has other work: judge by CPU seconds

Part one: `tailmark run` of a ResNet-18 (timm, 64 px, random weights in a safetensors file) on
10,000 generated images, into an empty store, against a loop that only passes the same images,
prepared before, in batches of the same size, dtype and memory format. Opening and checking the
suite, preparing, the pass, 10 OOD scores, metrics, 1,000 replicates, evidence and record are in;
loading the model is out. Then the same with 30 views. A run computes a batch a few rows at a time
where that gives the same bits (`harness/models/passes/micro.py`); what the bare loop takes with as
few rows is printed too. Part two: a pass over JPEG files, decoded,
scaled and normalised, against timm's loop of validation: its transforms in a DataLoader.

All sides take turns in one process and compute on one thread; files are read by as many threads or
worker processes as there are cores. The best of the rounds counts on each side. torch takes large
pages on all sides, as in every run: what they gain is measured apart (``--pages``), by the bare
loop in processes of its own with and without.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import partial
from io import StringIO
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from typing import Any
from unittest import mock

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402
import torch  # noqa: E402
from PIL import Image  # noqa: E402

import harness  # noqa: E402
from harness.data.pools.file_pools import file_pool  # noqa: E402
from harness.data.sets.own import Options  # noqa: E402
from harness.data.sets.prepare import prepare as prepare_set  # noqa: E402
from harness.data.suites import own  # noqa: E402
from harness.keys import sha256_file  # noqa: E402
from harness.models.loaders import load  # noqa: E402
from harness.models.loaders.timm_weights import TimmModel  # noqa: E402
from harness.models.obtain.vision import timm, torchvision  # noqa: E402
from harness.models.passes.micro import MicroBatches, micro_size  # noqa: E402
from harness.models.passes.numerics import LARGE_PAGES, Numerics, guard_process  # noqa: E402
from harness.models.passes.predict import predict  # noqa: E402
from harness.models.passes.preprocessing import prepare  # noqa: E402
from harness.runs import execute  # noqa: E402
from harness.types import Preprocessing  # noqa: E402

ARCH, CLASSES, SIDE, FILE_SIDE = "resnet18", 10, 64, 224
SHARES = {"train": 0.104, "test": 0.7936, "near": 0.0512, "far": 0.0512}
"""Part of the data set → its share of the images. All are passed, a tenth of ``train`` as the pool
``calibration``. Of 10,000, the pools are filled up to whole batches of 256 by 240 rows in all, as
one pool of 10,000 would be."""
BARS = {"run": 1.05, "run, 30 views": 1.10, "JPEG files": 1.0, "large pages": 1.0}
"""What is measured → the ratio that it may have."""
VIEWS = ("uniform", *(f"{kind}-{k}" for kind in ("forward", "backward") for k in range(2, 17)))[:30]
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CARD = """
format = 1
name = "bare"
kind = "model"
[model]
arch = "{arch}"
preprocessing = {{ size = [{side}, {side}], channels = 3, mean = {mean}, std = {std} }}
[model.files]
"*" = {{ path = "w.safetensors", sha256 = "{sha256}" }}
"""


@dataclass
class Spent:
    """What something took."""

    wall: float
    """Seconds on the clock."""
    cpu: float
    """Seconds of processor time, ended child processes included."""

    def __sub__(self, other: "Spent") -> "Spent":
        return Spent(self.wall - other.wall, self.cpu - other.cpu)

    @classmethod
    def now(cls) -> "Spent":
        """Return what this process has taken so far."""
        used = [getrusage(who) for who in (RUSAGE_SELF, RUSAGE_CHILDREN)]
        return cls(time.perf_counter(), sum(u.ru_utime + u.ru_stime for u in used))


def drawn(rng: np.random.Generator, n: int, height: int, width: int) -> np.ndarray:
    """Return n smooth images uint8 (n, height, width, 3)."""
    images = np.empty((n, height, width, 3), dtype=np.uint8)
    for each in images:
        small = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
        each[...] = np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))
    return images


def made_set(home: Path, root: Path, n: int) -> str:
    """Write a data set of n images with a near and a far OOD set; return its suite."""
    rng = np.random.default_rng(0)
    for part, share in SHARES.items():
        folder = home / part if part in ("near", "far") else home / "id"
        (folder / "images").mkdir(parents=True, exist_ok=True)
        lines = []
        for at, image in enumerate(drawn(rng, round(n * share), SIDE, SIDE)):
            name = f"images/{part}{at:06d}.bmp"
            Image.fromarray(image).save(folder / name)
            lines.append(f"{name} {at % CLASSES}\n")
        if folder.name == "id":
            (folder / f"{part}.txt").write_text("".join(lines), "utf-8")
    options = Options(
        name="overhead", near=(f"folder:{home / 'near'}",), far=(f"folder:{home / 'far'}",)
    )
    prepare_set(f"folder:{home / 'id'}", root, torchvision, options)
    return "own-overhead-v1"


def made_entry(home: Path) -> Path:
    """Write a ResNet-18 with random weights and its card; return the folder."""
    from safetensors.torch import save_file

    torch.manual_seed(0)
    folder = home / "submissions" / "bare"
    folder.mkdir(parents=True)
    network = timm().create_model(ARCH, pretrained=False, num_classes=CLASSES)
    save_file(network.state_dict(), folder / "w.safetensors")
    said = CARD.format(
        arch=ARCH, side=SIDE, mean=list(MEAN), std=list(STD),
        sha256=sha256_file(folder / "w.safetensors"),
    )  # fmt: skip
    (folder / "entry.toml").write_text(said, "utf-8")
    return folder


def network_of(folder: Path) -> Any:
    from safetensors.torch import load_file

    network = timm().create_model(ARCH, pretrained=False, num_classes=CLASSES)
    network.load_state_dict(load_file(folder / "w.safetensors"))
    return network.eval()


def how(side: int) -> Preprocessing:
    return Preprocessing(
        size=(side, side), channels=3, mean=MEAN, std=STD, interpolation="bicubic", crop_pct=1.0
    )


def bare(network: Any, images: torch.Tensor, batch_size: int) -> Spent:
    """Pass prepared images (n, 3, y, x) and keep the logits: no other work."""
    before = Spent.now()
    with torch.inference_mode():
        torch.cat([network(images[k : k + batch_size]) for k in range(0, len(images), batch_size)])
    return Spent.now() - before


def whole_run(folder: Path, suite: str, root: Path) -> Spent:
    """Run the entry's first job into an empty store; loading the model does not count."""
    loading = Spent(0.0, 0.0)

    def timed(*given: Any, **named: Any) -> Any:
        before = Spent.now()
        found = load_model(*given, **named)
        after = Spent.now() - before
        loading.wall, loading.cpu = loading.wall + after.wall, loading.cpu + after.cpu
        return found

    load_model = load.load_model
    execute._opened.cache_clear()  # opening and checking the suite counts in every round
    with tempfile.TemporaryDirectory() as store, mock.patch.object(load, "load_model", timed):
        before = Spent.now()
        made = harness.run(
            str(folder), suite, cells="overhead-natural-clean", seeds=0, store=store,
            submissions=folder.parent, data_root=root, executor="local",
        )  # fmt: skip
        spent = Spent.now() - before - loading
    assert [job.status for job in made[0].record.jobs] == ["done"], made[0].record.jobs
    return spent


def more_views(folder: Path, suite: str, root: Path) -> Spent:
    with mock.patch.object(own, "VIEWS", VIEWS):
        return whole_run(folder, suite, root)


def made_files(home: Path, n: int) -> list[str]:
    """Write n JPEG files of 320×240 pixels with the detail of photographs; return their names."""
    rng = np.random.default_rng(1)
    names = [f"c{at % CLASSES}/{at:06d}.jpg" for at in range(n)]
    for name, image in zip(names, drawn(rng, n, 240, 320), strict=True):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        grain = rng.normal(0, 12, image.shape)
        noisy = np.clip(image + grain, 0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(home / name, quality=90)
    return names


def our_files(network: Any, home: Path, names: list[str], batch_size: int) -> Spent:
    pool = file_pool("test", home, names, None, size=(FILE_SIDE, FILE_SIDE))
    model = TimmModel(network, CLASSES, how(FILE_SIDE), Numerics(batch_size=batch_size))
    before = Spent.now()
    micro = MicroBatches(len(pool))  # as a run does
    predict(model, pool, numerics=Numerics(batch_size=batch_size), micro=micro)
    return Spent.now() - before


def timms_files(network: Any, home: Path, batch_size: int) -> Spent:
    """Pass the files as timm's validate.py does, without its loss and accuracy."""
    from timm.data import create_dataset, create_loader

    before = Spent.now()
    loader = create_loader(
        create_dataset("", root=str(home)), input_size=(3, FILE_SIDE, FILE_SIDE),
        batch_size=batch_size, use_prefetcher=False, interpolation="bicubic", mean=MEAN, std=STD,
        num_workers=os.cpu_count() or 1, crop_pct=1.0, device=torch.device("cpu"),
    )  # fmt: skip
    with torch.inference_mode():
        torch.cat([network(images) for images, _ in loader])
    return Spent.now() - before


def in_turns(sides: Mapping[str, Callable[[], Spent]], rounds: int) -> dict[str, Spent]:
    """Return the least that each side took, wall and processor time on their own."""
    took: dict[str, list[Spent]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            with redirect_stdout(StringIO()):
                took[name].append(side())
    return {
        name: Spent(min(s.wall for s in each), min(s.cpu for s in each))
        for name, each in took.items()
    }


def pages(images: int, rounds: int, batch_size: int) -> bool:
    """Print what the bare loop takes with large pages and without, in processes of its own."""
    code = (
        "import sys, numpy, torch; sys.path.insert(0, sys.argv[1]); import overhead as o\n"
        "n, size = int(sys.argv[2]), int(sys.argv[3]); torch.set_num_threads(1)\n"
        "torch.manual_seed(0); network = o.timm().create_model(o.ARCH, num_classes=o.CLASSES)\n"
        "drawn = numpy.random.default_rng(0).standard_normal((n, 3, o.SIDE, o.SIDE), 'f4')\n"
        "inputs = torch.from_numpy(drawn); o.bare(network.eval(), inputs[:size], size)\n"
        "took = o.bare(network, inputs, size); print(took.wall, took.cpu)"
    )
    given = [sys.executable, "-c", code, str(Path(__file__).parent), str(images), str(batch_size)]

    def alone(value: str) -> Spent:
        done = subprocess.run(
            given, env={**os.environ, LARGE_PAGES: value}, capture_output=True, text=True,
            check=True,
        )  # fmt: skip
        return Spent(*map(float, done.stdout.split()))

    sides = {"with": partial(alone, "1"), "without": partial(alone, "0")}
    took = in_turns(sides, rounds)
    return judged("large pages", took["with"], took["without"], busy=True)


def judged(name: str, ours: Spent, other: Spent, *, busy: bool) -> bool:
    """Print a ratio beside its target; return whether it is met."""
    wall, cpu = ours.wall / other.wall, ours.cpu / other.cpu
    met = (cpu if busy else wall) <= BARS[name]
    print(
        f"{name}: {ours.wall:.2f} s wall against {other.wall:.2f}, ratio {wall:.3f}; "
        f"{ours.cpu:.2f} s CPU against {other.cpu:.2f}, ratio {cpu:.3f}; target {BARS[name]} "
        f"by {'CPU' if busy else 'wall'} time: {'ok' if met else 'short'}"
    )
    return met


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=int, default=10_000, help="Generated images of part one.")
    parser.add_argument("--files", type=int, default=1536, help="JPEG files of part two.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--busy", action="store_true", help="Judge by processor time.")
    parser.add_argument("--pages", action="store_true", help="Measure large pages alone.")
    asked = parser.parse_args()
    if asked.pages:
        return int(not pages(min(asked.images, 2560), asked.rounds, asked.batch_size))
    guard_process()
    os.environ["TAILMARK_BATCH_SIZE"] = str(asked.batch_size)
    torch.set_num_threads(1)
    met = []
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        folder, root = made_entry(home), home / "data"
        network = network_of(folder)
        if asked.images:
            suite = made_set(home / "set", root, asked.images)
            inputs = drawn(np.random.default_rng(0), asked.images, SIDE, SIDE)
            prepared = torch.from_numpy(prepare(inputs, how(SIDE)))
            few = micro_size(prepared.numpy(), asked.batch_size)
            sides = {
                "bare": partial(bare, network, prepared, asked.batch_size),
                "bare, few rows": partial(bare, network, prepared, few),
                "run": partial(whole_run, folder, suite, root),
                "run, 30 views": partial(more_views, folder, suite, root),
            }
            whole_run(folder, suite, root)  # imports, kernels, file cache
            took = in_turns(sides, asked.rounds)
            met += [
                judged(name, took[name], took["bare"], busy=asked.busy)
                for name in ("run", "run, 30 views")
            ]
            fair = took["run"].cpu / took["bare, few rows"].cpu
            print(f"run against the bare loop over {few} rows at a time: ratio {fair:.3f} of CPU")
        if asked.files:
            names = made_files(home / "files", asked.files)
            file_sides = {
                "timm": partial(timms_files, network, home / "files", 64),
                "ours": partial(our_files, network, home / "files", names, 64),
            }
            took = in_turns(file_sides, asked.rounds)
            met.append(judged("JPEG files", took["ours"], took["timm"], busy=asked.busy))
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, torch {torch.__version__}")
    return int(not all(met))


if __name__ == "__main__":
    sys.exit(main())

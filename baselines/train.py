"""The one training loop, to be read from top to bottom.

A method brings `Parts`: what to minimise, and where it differs, which rows an epoch has, what
to do before an epoch, and which head the network gets. Everything else is a setting.

The loop owns randomness: inside `fit`, torch's random state is the job's own (seeded from the
context, given back afterwards), so methods draw from torch without carrying a generator.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from jaxtyping import Float
from torch import nn

from baselines.images import Images, load
from baselines.method import Batch, Parts, Run
from baselines.model import NeuralModel
from baselines.networks.build import NetworkSpec, build
from baselines.settings import Settings
from baselines.state import TrainingState
from harness.errors import TrainingError
from harness.types.models import FitContext, TrainingData


def fit(train: TrainingData, ctx: FitContext, settings: Settings, parts: Parts) -> NeuralModel:
    """Train a network.

    Parameters
    ----------
    train : TrainingData
        uint8 images and observed labels.
    ctx : FitContext
        Seed, device, threads, scratch folder and where curves go.
    settings : Settings
        The whole recipe.
    parts : Parts
        The method.

    Returns
    -------
    NeuralModel
        The last epoch's weights (their running mean with `ema`), or the best epoch's by observed
        validation labels with ``select = "noisy_val"`` or ``"noisy_val_loss"``.

    Raises
    ------
    TrainingError
        If the loss stops being a number, the data are too few or a checkpoint is not this job's.
    """
    with own_randomness(ctx):
        run, spec = set_up(train, ctx, settings, parts)
        state = TrainingState(run, parts, ctx)
        state.resume()
        while run.epoch < settings.epochs:
            losses = train_epoch(run, parts, state)
            check_finite(losses, run, ctx)
            last_rate = rate(run, len(losses), len(losses) - 1)
            run.epoch += 1
            ctx.report(run.epoch, {"loss": float(losses.mean()), "lr": last_rate})
            state.after_epoch()
        return NeuralModel(spec, state.final(), run.data.preprocessing)


def set_up(
    train: TrainingData, ctx: FitContext, settings: Settings, parts: Parts
) -> tuple[Run, NetworkSpec]:
    """Return a run before its first step: data on the device, the network initialised."""
    given, data, val = prepare_data(train, settings, ctx)
    described = {
        "width": settings.width,
        "channels_last": settings.channels_last,
        **parts.network,
    }
    spec = NetworkSpec(settings.network, data.shape, data.num_classes, **described)
    network = build(spec).to(ctx.device, memory_format=data.memory_format)
    if parts.initialise:
        parts.initialise(network)
    if settings.compile:
        network.compile()
    return Run(settings, network, data, given, val), spec


def train_epoch(run: Run, parts: Parts, state: TrainingState) -> Float[torch.Tensor, " steps"]:
    """Pass once over the rows of an epoch and return each step's loss."""
    settings, data = run.settings, run.data
    if parts.prepare:
        parts.prepare(run)
    rows = parts.rows(run) if parts.rows else torch.randperm(len(data))
    batches = cut(rows if isinstance(rows, list) else [rows], settings.batch_size)
    # Losses stay on the device: reading one per step would wait for the device every step.
    losses = torch.empty(len(batches), device=data.pixels.device)
    run.network.train()
    for i, (part, chosen) in enumerate(batches):
        for group in state.optimizer.param_groups:
            group["lr"] = rate(run, len(batches), i) * group["factor"]
        chosen = chosen.to(data.pixels.device)
        images = data.take(chosen, settings.augment)  # (b, c, h, w)
        labels, when = data.labels[chosen], run.epoch + i / len(batches)
        batch = Batch(images, labels, chosen, run.epoch, data, settings.augment, when, part)
        with torch.autocast(images.device.type, torch.bfloat16, settings.dtype == "bfloat16"):
            loss = parts.objective(run.network, batch)
        state.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if settings.grad_noise:
            add_gradient_noise(state.trained, settings.grad_noise, run.step)
        state.optimizer.step()
        state.update_mean()
        losses[i] = loss.detach()
        run.step += 1
    return losses


def cut(parts: list[torch.Tensor], batch_size: int) -> list[tuple[int, torch.Tensor]]:
    """Return (part, rows) of each batch: every part in batches of nearly equal size."""
    return [
        (part, chosen)
        for part, rows in enumerate(parts)
        for chosen in rows.tensor_split(-(-len(rows) // batch_size))
    ]


def rate(run: Run, steps: int, step: int = 0) -> float:
    """Return the learning rate at a step of the current epoch of `steps` steps.

    Warm-up grows linearly from the first step; then the schedule runs over what is left.
    """
    settings = run.settings
    now = run.epoch + step / steps  # epochs, with fraction
    if now < settings.warmup_epochs:
        grown = (now * steps + 1) / (settings.warmup_epochs * steps)
        return settings.lr * (settings.warmup_start + (1 - settings.warmup_start) * grown)
    if settings.schedule == "step":
        passed = sum(now >= milestone for milestone in settings.milestones)
        return settings.lr * settings.gamma**passed
    if settings.schedule == "cosine":
        share = (now - settings.warmup_epochs) / (settings.epochs - settings.warmup_epochs)
        return falling(settings, min(1.0, share))
    if settings.schedule == "restarts":
        return falling(settings, run.epoch % settings.restart_epochs / settings.restart_epochs)
    return settings.lr


def falling(settings: Settings, share: float) -> float:
    """Return the rate after a share of a cosine from the peak to `min_lr`."""
    return settings.min_lr + (settings.lr - settings.min_lr) * 0.5 * (
        1 + float(np.cos(np.pi * share))
    )


def add_gradient_noise(parameters: list[nn.Parameter], eta: float, step: int) -> None:
    """Add N(0, η/(1+t)^0.55) to every gradient (Neelakantan et al. 2015, equation 1)."""
    deviation = (eta / (1 + step) ** 0.55) ** 0.5
    for parameter in parameters:
        if parameter.grad is not None:
            parameter.grad.add_(torch.randn_like(parameter.grad), alpha=deviation)


def check_finite(losses: Float[torch.Tensor, " steps"], run: Run, ctx: FitContext) -> None:
    """Stop when a loss of the epoch is not a number, before a checkpoint could keep it."""
    bad = torch.nonzero(~torch.isfinite(losses)).flatten().tolist()
    if not bad:
        return
    step = run.step - len(losses) + bad[0]
    kept = f" The last good checkpoint is in {ctx.scratch}." if ctx.scratch else ""
    raise TrainingError(
        f"The loss should be a finite number; it became {float(losses[bad[0]])} at step {step} "
        f"(epoch {run.epoch + 1} of {run.settings.epochs}, learning rate "
        f"{rate(run, len(losses), bad[0]):.3g}). Lower lr or set warmup_epochs.{kept}"
    )


def prepare_data(
    train: TrainingData, settings: Settings, ctx: FitContext
) -> tuple[Images, Images, Images | None]:
    """Return all, training and validation images on the device, with observed labels."""
    given = load(train.inputs, train.observed, train.num_classes, settings, ctx.device)
    images, val = given, None
    if train.val is not None:
        inputs, observed = train.val
        how = given.preprocessing
        val = load(inputs, observed, train.num_classes, settings, ctx.device, how)
    elif settings.val_fraction:
        images, val = given.split(settings.val_fraction)
    if settings.select != "last" and val is None:
        raise TrainingError(
            f"select = {settings.select!r} needs validation rows and this split has none. Set "
            "val_fraction in the recipe, or use a cell such as digits-balanced-clean~val0.1."
        )
    if settings.batch_size > len(images):
        raise TrainingError(
            f"batch_size is {settings.batch_size}, the training data have {len(images)} images. "
            f"Set batch_size to at most {len(images)} in the recipe."
        )
    return given, images, val


@contextmanager
def own_randomness(ctx: FitContext) -> Iterator[None]:
    """Seed torch for this job and use its number of threads; give both back afterwards."""
    before = torch.get_num_threads()
    devices = [torch.cuda.current_device()] if ctx.device.startswith("cuda") else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(ctx.seed)
        torch.set_num_threads(ctx.threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)

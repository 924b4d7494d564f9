"""What of a training outlives an epoch: optimiser, running mean, best epoch, checkpoint."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from baselines import checkpoint
from baselines.method import Network, Parts, Run, predict
from baselines.settings import Settings
from harness.keys import content, sha256_of
from harness.types.models import FitContext

NOBODY: Callable[..., None] = FitContext.__dataclass_fields__["snapshot"].default  # type: ignore[assignment]
"""The callback of a context whose snapshots nobody takes."""


class TrainingState:
    """Everything of a training that a checkpoint holds, and when one is written."""

    def __init__(self, run: Run, parts: Parts, ctx: FitContext) -> None:
        self.run, self.ctx = run, ctx
        objective = parts.objective
        self.objective = objective if isinstance(objective, nn.Module) else nn.Module()
        self.objective.to(ctx.device)
        own, added = (trainable(m) for m in (run.network, self.objective))
        self.trained = [*own, *added]
        self.optimizer = make_optimizer([(own, 1.0), (added, parts.own_rate)], run.settings)
        self.mean = _copy(run.network) if run.settings.ema else None
        self.best: dict[str, Any] = {"score": float("-inf"), "epoch": 0, "network": {}}
        self.saved_at = time.monotonic()
        self.identity = _identity(run, parts, ctx)

    def update_mean(self) -> None:
        """Move the running mean of the weights a step (running statistics are copied)."""
        if self.mean is None:
            return
        decay = self.run.settings.ema
        for name, tensor in self.run.network.state_dict().items():
            if tensor.is_floating_point() and "running_" not in name:
                self.mean[name].lerp_(tensor, 1 - decay)
            else:
                self.mean[name].copy_(tensor)

    def weights(self) -> dict[str, Tensor]:
        """Return the weights that would be the model if training ended now."""
        return self.mean if self.mean is not None else self.run.network.state_dict()

    def after_epoch(self) -> None:
        """Select, hand out a snapshot, keep a checkpoint: each where it is due."""
        settings, epoch = self.run.settings, self.run.epoch
        if settings.select != "last":
            self.keep_if_best()
        due = settings.snapshot_every and epoch % settings.snapshot_every == 0
        if (due or epoch == settings.epochs) and listens(self.ctx):
            self.hand_out_snapshot()
        late = time.monotonic() - self.saved_at >= settings.checkpoint_seconds
        if self.ctx.scratch is not None and late:
            checkpoint.save(self.ctx.scratch, self.identity, self.state_dict())
            self.saved_at = time.monotonic()

    def keep_if_best(self) -> None:
        """Keep these weights when no earlier epoch did better on observed validation labels."""
        val = self.run.val
        assert val is not None
        with swapped(self.run.network, self.weights()):
            logits = predict(self.run.network, val)
        if self.run.settings.select == "noisy_val":
            score = float((logits.argmax(1) == val.labels).float().mean())
        else:
            score = -float(F.cross_entropy(logits, val.labels))
        if score > self.best["score"]:
            weights = {name: tensor.clone() for name, tensor in self.weights().items()}
            self.best = {"score": score, "epoch": self.run.epoch, "network": weights}

    def hand_out_snapshot(self) -> None:
        """Give the harness this epoch's logits on the training (and validation) images."""
        run = self.run
        with swapped(run.network, self.weights()):
            train_logits = predict(run.network, run.given).cpu().numpy()
            val_logits = None if run.val is None else predict(run.network, run.val).cpu().numpy()
        self.ctx.snapshot(run.epoch, train_logits, val_logits, self.arrays)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return copies of the weights that would be the model if training ended now."""
        return {name: tensor.cpu().numpy().copy() for name, tensor in self.weights().items()}

    def final(self) -> Network:
        """Return the network with the weights that are the result."""
        chosen = self.weights() if self.run.settings.select == "last" else self.best["network"]
        self.run.network.load_state_dict(chosen)
        return self.run.network

    def state_dict(self) -> dict[str, Any]:
        """Return all of it, for a checkpoint."""
        random = {"cpu": torch.get_rng_state()}
        if self.ctx.device.startswith("cuda"):
            random["cuda"] = torch.cuda.get_rng_state()
        return {
            "epoch": self.run.epoch,
            "step": self.run.step,
            "network": self.run.network.state_dict(),
            "objective": self.objective.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "mean": self.mean,
            "best": self.best,
            "random": random,
        }

    def resume(self) -> None:
        """Go on where the checkpoint in the scratch folder stopped, if there is one."""
        state = self.ctx.scratch and checkpoint.load(self.ctx.scratch, self.identity)
        if not state:
            return
        self.run.epoch, self.run.step = state["epoch"], state["step"]
        self.run.network.load_state_dict(state["network"])
        self.objective.load_state_dict(state["objective"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.best = state["best"]
        if self.mean is not None:
            self.mean = {n: t.to(self.ctx.device) for n, t in state["mean"].items()}
        torch.set_rng_state(state["random"]["cpu"])
        if self.ctx.device.startswith("cuda"):
            torch.cuda.set_rng_state(state["random"]["cuda"])


def trainable(module: nn.Module) -> list[nn.Parameter]:
    """Return a module's parameters that have a gradient."""
    return [p for p in module.parameters() if p.requires_grad]


def make_optimizer(
    kinds: list[tuple[list[nn.Parameter], float]], settings: Settings
) -> torch.optim.Optimizer:
    """Return SGD or AdamW over (parameters, factor of their learning rate).

    Weight decay acts on all of them, or on weights of two or more axes only.
    """
    of_rest = settings.weight_decay if settings.decay == "all" else 0.0
    groups = [
        group
        for parameters, factor in kinds
        for group in (
            {
                "params": [p for p in parameters if p.ndim > 1],
                "weight_decay": settings.weight_decay,
                "factor": factor,
            },
            {
                "params": [p for p in parameters if p.ndim <= 1],
                "weight_decay": of_rest,
                "factor": factor,
            },
        )
        if group["params"]
    ]
    if settings.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=settings.lr)
    nesterov = settings.nesterov and settings.momentum > 0
    return torch.optim.SGD(groups, settings.lr, settings.momentum, nesterov=nesterov)


@contextmanager
def swapped(network: nn.Module, weights: Mapping[str, Tensor]) -> Iterator[None]:
    """Give the network other weights for the time of a ``with`` block."""
    own = _copy(network)
    network.load_state_dict(weights)
    try:
        yield
    finally:
        network.load_state_dict(own)


def _identity(run: Run, parts: Parts, ctx: FitContext) -> str:
    return sha256_of(
        {
            "settings": run.settings.model_dump(mode="json"),
            "labels": content({"labels": run.data.labels.cpu().numpy()}),
            "weights": {n: list(t.shape) for n, t in run.network.state_dict().items()},
            "objective": type(parts.objective).__name__,
            "network": dict(parts.network),
            "seed": ctx.seed,
            "threads": ctx.threads,
        }
    )


def _copy(network: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def listens(ctx: FitContext) -> bool:
    """Return whether anybody takes this context's snapshots."""
    # Passing all training images through costs a third of an epoch: not for a callback that
    # nobody gave.
    return ctx.snapshot is not NOBODY

"""Models of the Hugging Face Hub: a commit is pinned, files are data, no code of a repository runs.

Preprocessing is read from where the Hub's libraries write it: timm's ``config.json``, the
``preprocessor_config.json`` of transformers.
"""

import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import CardError, DownloadError
from harness.models.loaders.feeding import Said
from harness.models.loaders.reading import needed
from harness.types.models import Preprocessing

FORM = "hf://owner/name@<commit>"
_ADDRESS = re.compile(
    r"hf://(?P<repo>[\w.-]{1,96}/[\w.-]{1,96})@(?P<commit>[^/@]+)(?:/(?P<path>[\w./ -]+))?"
)
_COMMIT = re.compile(r"[0-9a-f]{40}")
FILES = (
    "model.onnx", "onnx/model.onnx", "model.pt2", "model.skops", "model.safetensors",
)  # fmt: skip
"""Files that are looked for where an address names none, the first that is there."""
MODES = {0: "nearest", 2: "bilinear", 3: "bicubic"}
"""Pillow's numbers of interpolation, as transformers writes them (``resample``)."""


@dataclass(frozen=True)
class HubModel:
    """One model file of a repository, and what the repository says of it."""

    path: Path
    """Where it lies, in the Hub's own cache."""
    address: str
    """With commit and file."""
    said: Said
    """Architecture and preprocessing."""


def split_address(address: str) -> tuple[str, str, str | None]:
    """Return repository, commit and file (or None) of an address.

    Raises
    ------
    CardError
        If it is not of this form, or names a branch or tag, which move.

    Examples
    --------
    >>> split_address("hf://timm/resnet18.a1_in1k@" + "0" * 40 + "/model.safetensors")[2]
    'model.safetensors'
    """
    match = _ADDRESS.fullmatch(address)
    if match is None or ".." in (match["path"] or "").split("/"):
        raise CardError(
            f"A model of the Hub is written {FORM}, perhaps with /file at the end; got "
            f"{address[:120]!r}. The commit stands on the page 'Files and versions'."
        )
    if _COMMIT.fullmatch(match["commit"]) is None:
        raise CardError(
            f"A model of the Hub is pinned to a commit of 40 hexadecimal digits; got "
            f"{match['commit'][:60]!r}, which may move. Take the commit from 'Files and versions'."
        )
    return match["repo"], match["commit"], match["path"]


def fetch_hub(address: str, target: Path, sha256: str) -> None:
    """Copy one file of a repository to `target`; see `harness.models.loaders.addresses`."""
    repo, commit, path = split_address(address)
    if path is None:
        raise CardError(f"{address[:120]} names no file. Add one, such as /{FILES[-1]}.")
    found = _file(repo, commit, path)
    if found is None:
        raise DownloadError(f"{repo} has no file {path[:80]!r} at {commit[:12]}. Name another.")
    shutil.copyfile(found, target)


def hub_model(address: str) -> HubModel:
    """Return the model file of a repository, with what the repository says of it.

    Parameters
    ----------
    address : str
        ``hf://owner/name@<commit>`` or with ``/file``.

    Raises
    ------
    CardError
        If the address is not pinned, or none of FILES is there.
    DownloadError
        If the Hub cannot be reached.
    """
    repo, commit, path = split_address(address)
    for name in (path,) if path else FILES:
        found = _file(repo, commit, name)
        if found is not None:
            said = _said(repo, commit)
            if not name.endswith(".safetensors"):
                said = said.model_copy(update={"arch": "", "kwargs": {}})
            return HubModel(found, f"hf://{repo}@{commit}/{name}", said)
    raise CardError(
        f"{repo} has none of {', '.join(FILES if path is None else (path,))} at {commit[:12]}. "
        "Name the file, as in hf://owner/name@commit/file."
    )


def _file(repo: str, commit: str, path: str) -> Path | None:
    """Return a file of the Hub's cache, fetched where it is not there; None: there is none."""
    needed(("huggingface_hub",), "hub", f"hf://{repo}")
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError

    cache = os.environ.get("HF_HUB_CACHE")
    try:
        return Path(hf_hub_download(repo, path, revision=commit, cache_dir=cache))
    except LocalEntryNotFoundError:
        offline = os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes")
        if offline and _snapshot(cache, repo, commit).is_dir():
            return None
        raise DownloadError(
            f"hf://{repo}@{commit[:12]}…/{path} is not in the Hub's cache and the Hub cannot be "
            "reached. Connect, or fetch it elsewhere and name the file."
        ) from None
    except EntryNotFoundError:
        return None
    except (OSError, ValueError, HfHubHTTPError) as error:
        line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise DownloadError(
            f"hf://{repo}@{commit[:12]}…/{path} cannot be had: {line[:160].rstrip('.')}. Correct "
            "the address, or log in with: hf auth login"
        ) from None


def _snapshot(cache: str | None, repo: str, commit: str) -> Path:
    from huggingface_hub.constants import HF_HUB_CACHE

    return Path(cache or HF_HUB_CACHE) / f"models--{repo.replace('/', '--')}" / "snapshots" / commit


def _said(repo: str, commit: str) -> Said:
    config = _table(repo, commit, "config.json")
    processor = _table(repo, commit, "preprocessor_config.json")
    arch = config.get("architecture")
    how = config.get("pretrained_cfg")
    preprocessing = None
    if isinstance(how, dict):
        preprocessing = _of_timm(how | config.get("pretrained_cfg_overlay", {}), repo)
    elif processor:
        preprocessing = _of_transformers(processor, repo)
    labels = config.get("label_names") or list(config.get("id2label", {}).values())
    return Said(
        arch=arch if isinstance(arch, str) else "",
        kwargs=config.get("model_args", {}),
        preprocessing=preprocessing,
        classes=tuple(labels) if all(isinstance(n, str) for n in labels) else (),
        output="logits" if arch or config.get("architectures") else None,
    )


def _table(repo: str, commit: str, name: str) -> dict[str, Any]:
    path = _file(repo, commit, name)
    if path is None:
        return {}
    try:
        found = json.loads(path.read_text("utf-8")) if path.stat().st_size <= 1 << 22 else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise CardError(f"{name} of {repo} at {commit[:12]} is no JSON table. Name another commit.")
    return found


def _of_timm(how: dict[str, Any], repo: str) -> Preprocessing | None:
    try:
        size = how.get("input_size") or (3, 224, 224)
        return Preprocessing(
            size=tuple(size[1:]), channels=size[0], mean=tuple(how["mean"]), std=tuple(how["std"]),
            interpolation=how.get("interpolation", "bicubic"), crop_pct=how.get("crop_pct", 1.0),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise _unreadable("config.json", repo, error) from None


def _of_transformers(how: dict[str, Any], repo: str) -> Preprocessing:
    """Return what an image processor does; only resize, centre crop, 1/255, mean and std are read.

    Resizing to a fixed (height, width) that changes proportions is what we do not do: such a
    processor is refused unless the size is square and so are the inputs of its training.
    """
    try:
        size, crop = (
            how.get("size", {}),
            how.get("crop_size") if how.get("do_center_crop") else None,
        )
        scale = how.get("rescale_factor", 1 / 255) if how.get("do_rescale", True) else 0
        if abs(scale - 1 / 255) > 1e-6 or not how.get("do_normalize", True):
            raise ValueError("rescale_factor other than 1/255 or no normalisation")
        side = size if isinstance(size, int) else size.get("shortest_edge") or size.get("height")
        kept = crop or size
        kept = (kept, kept) if isinstance(kept, int) else (kept.get("height"), kept.get("width"))
        kept = tuple(n or side for n in kept)
        return Preprocessing(
            size=kept, channels=len(how["image_mean"]), mean=tuple(how["image_mean"]),
            std=tuple(how["image_std"]), interpolation=MODES[how.get("resample", 2)],
            crop_pct=min(kept) / side,
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, AttributeError, ZeroDivisionError) as error:
        raise _unreadable("preprocessor_config.json", repo, error) from None


def _unreadable(name: str, repo: str, error: Exception) -> CardError:
    first = (str(error).splitlines() or [""])[0]
    return CardError(
        f"{name} of {repo} says how images were prepared in a way that is not read here "
        f"({type(error).__name__} {first[:80]}). Write a card with tailmark new --from, and "
        "[model.preprocessing] on it."
    )

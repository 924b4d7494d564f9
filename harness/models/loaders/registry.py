"""Registered models of MLflow: which file of a version holds the network, and how it is fed.

A version is resolved to one file of a safe format: ``model.onnx``, ``model.pt2``, ``model.skops``.
Pickles and pyfunc are the whole folder by its ``MLmodel``, which only the sandbox opens. MLflow's
own loaders are never called here.
"""

import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from harness.connection import connected, explained, settings, sqlite_file, tracking_uri
from harness.errors import CardError, DownloadError, HarnessError, TrackingError
from harness.keys import sha256_file
from harness.models.loaders.feeding import KEY, MOST, Said, said_in

FORMS = "models:/name/version, models:/name@alias or runs:/run/path"
_VERSION = re.compile(
    r"models:/(?P<name>[^/@]+)(?:/(?P<version>\d+)|@(?P<alias>[\w.-]+))(?P<file>/.+)?"
)
_RUN = re.compile(r"runs:/(?P<run>[0-9a-zA-Z]+)/(?P<path>[^@]+)")
MODEL = "MLmodel"
"""Description of a model in its folder."""


@dataclass(frozen=True)
class Registered:
    """One model version, or the model of a run."""

    name: str
    """Of the registered model or the run's artifact."""
    version: str
    """Of the registered model; empty for a run."""
    address: str
    """Of the file that holds the network."""
    folder: Path
    """Where that file lies, until the block ends."""
    file: str
    """Its name there."""
    said: Said
    """What tags or metadata say of it."""


@contextmanager
def registered(address: str, uri: str | None = None) -> Iterator[Registered]:
    """Give a model of a registry, downloaded for the time of the block.

    Parameters
    ----------
    address : str
        ``models:/name/version``, ``models:/name@alias`` or ``runs:/run/path``.
    uri : str, optional
        Tracking URI: a sqlite file, a server, PostgreSQL; default: `tracking_uri`.

    Raises
    ------
    CardError
        If there is no such model, or its flavour is a pickle.
    TrackingError
        If the registry does not answer.
    """
    version, run = _VERSION.fullmatch(address), _RUN.fullmatch(address)
    if version is None and run is None or (version is not None and version["file"]):
        raise CardError(
            f"A model of a registry is written {FORMS}; got {address[:120]!r}. Correct it."
        )
    with _downloaded(address, uri) as (root, tags, number):
        table = _table(root, address)
        path = _network(root, table, address)
        name = version["name"] if version is not None else Path(str(run and run["path"])).name
        base = f"models:/{name}/{number}" if version is not None else address
        text = tags.get(KEY) or (table.get("metadata") or {}).get(KEY)
        yield Registered(
            name=name,
            version=number,
            address=f"{base}/{path.relative_to(root).as_posix()}",
            folder=path.parent,
            file=path.name,
            said=said_in(text if isinstance(text, str) else None, address),
        )


def fetch_artifact(address: str, target: Path, sha256: str) -> None:
    """Copy one file of a model version or run to `target`; see `loaders.addresses`."""
    match = _VERSION.fullmatch(address)
    if match is not None and match["file"]:
        places = [(address.removesuffix(match["file"]), match["file"].strip("/"))]
    else:
        places = _run_parts(address)
    problem: HarnessError | None = None
    for base, inner in places:
        try:
            if _copied(base, inner, target, sha256, address):
                return
        except TrackingError as error:  # a part of the path that is neither model nor folder
            problem = error
    base, inner = places[0]
    raise problem or DownloadError(f"{base} has no file {inner[:80]!r}. Correct the address.")


def _copied(base: str, inner: str, target: Path, sha256: str, address: str) -> bool:
    """Copy a file of a model or folder of artifacts; return whether it was there."""
    with _downloaded(base, None) as (root, _, _):
        found = (root / inner).resolve()
        if not found.is_relative_to(root.resolve()) or not found.is_file():
            return False
        if sha256_file(found) != sha256:
            raise DownloadError(
                f"{address[:200]} should have sha256 {sha256[:16]}… and has "
                f"{sha256_file(found)[:16]}…. Correct the sha256 on the card."
            )
        shutil.copyfile(found, target)
    return True


def _run_parts(address: str) -> list[tuple[str, str]]:
    """Return where a file of a run may lie: every model or folder of its path, and what is left.

    A model's name may have slashes, and its files lie in folders: which part is which, the
    address does not say.
    """
    match = _RUN.fullmatch(address)
    if match is None or "/" not in match["path"]:
        raise CardError(
            f"A file of a registry is written {FORMS} and /file; got {address[:120]!r}."
        )
    parts = match["path"].split("/")
    start = f"runs:/{match['run']}/"
    return [(start + "/".join(parts[:k]), "/".join(parts[k:])) for k in range(1, len(parts))]


@contextmanager
def _downloaded(address: str, uri: str | None) -> Iterator[tuple[Path, Mapping[str, str], str]]:
    """Give the folder of a model's artifacts, the tags of its version, and its number."""
    where = tracking_uri(uri)
    database = sqlite_file(where)
    if database is not None and not database.is_file():
        raise TrackingError(
            f"Expected a registry at {where}; there is no such file. Name the one that holds "
            f"{address[:80]} with --tracking-uri or MLFLOW_TRACKING_URI."
        )
    then = "Correct the address, or name another registry with --tracking-uri"
    with TemporaryDirectory(prefix="tailmark-") as folder:
        with explained(where, f"{address[:120]} was not read", then), connected(where) as client:
            tags, number, source = _resolved(client, address)
            with settings(600):
                import mlflow

                root = mlflow.artifacts.download_artifacts(
                    artifact_uri=source, dst_path=folder, tracking_uri=where, registry_uri=where
                )
        yield Path(root), tags, number


def _resolved(client: Any, address: str) -> tuple[Mapping[str, str], str, str]:
    """Return tags, number and the address of the artifacts of a version or a run's model."""
    from mlflow.exceptions import MlflowException

    match = _VERSION.fullmatch(address)
    try:
        if match is None:
            client.get_run(_RUN.fullmatch(address)["run"])  # type: ignore[index]
            return {}, "", address
        name = match["name"]
        if match["alias"]:
            found = client.get_model_version_by_alias(name, match["alias"])
        else:
            found = client.get_model_version(name, match["version"])
        number = str(found.version)
        return dict(found.tags), number, f"models:/{name}/{number}"
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
        raise CardError(
            f"There is no {address[:120]} in this registry ({str(error).splitlines()[0][:120]}). "
            "Correct the name, version or alias, or name another registry with --tracking-uri."
        ) from None


def _table(root: Path, address: str) -> dict[str, Any]:
    import yaml

    path = root / MODEL
    if not path.is_file() or path.stat().st_size > MOST:
        raise CardError(f"{address[:120]} holds no MLmodel: it is no model of MLflow. Name one.")
    try:
        found = yaml.safe_load(path.read_text("utf-8"))
    except (yaml.YAMLError, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("flavors"), dict):
        raise CardError(f"{address[:120]}: its MLmodel cannot be read. Log the model again.")
    return found


def _network(root: Path, table: Mapping[str, Any], address: str) -> Path:
    """Return the file of a version that holds its network in a safe format."""
    flavours = table["flavors"]
    for flavour, key, names in (
        ("onnx", "data", ("", "model.onnx")),
        ("pytorch", "model_data", ("model.pt2",)),
        ("sklearn", "pickled_model", ("",)),
    ):
        part = flavours.get(flavour)
        if not isinstance(part, dict) or not isinstance(part.get(key), str):
            continue
        for name in names:
            path = (root / part[key] / name).resolve()
            if not path.is_relative_to(root.resolve()):
                raise CardError(f"{address[:120]}: its MLmodel names a file outside of it.")
            if path.is_file() and path.suffix in (".onnx", ".pt2", ".skops"):
                return root / path.relative_to(root.resolve())
        break
    if "python_function" in flavours or {"pytorch", "sklearn"} & set(flavours):
        return root / MODEL
    known = ", ".join(sorted(map(str, flavours)))[:120]
    raise CardError(
        f"{address[:120]} has the flavours {known}; expected onnx, pytorch, sklearn or pyfunc. "
        "Log it as one of these, or hand in its predictions."
    )

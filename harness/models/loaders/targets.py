"""Entries made of an address or a file: a card with what is known, without anybody writing one.

What a model needs to be fed is read from it. What neither it nor its repository says is left open
on a card that `tailmark new` writes, and refused by a run.
"""

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from harness.atomic import write_text
from harness.errors import CardError, OpenCardError
from harness.keys import sha256_file
from harness.models.cards.cards import CARD, read_card
from harness.models.cards.templates import open_facets
from harness.models.cards.toml import toml_lines
from harness.models.cards.writing import new_home
from harness.models.loaders.addresses import keep
from harness.models.loaders.boxed import INSIDE, said_by_boxed
from harness.models.loaders.feeding import KEY, Said, said_in
from harness.models.loaders.hub import hub_model, split_address
from harness.models.loaders.onnx_file import beside_of
from harness.models.loaders.registry import MODEL, registered
from harness.models.loaders.table import LOADERS, PICKLES, WEIGHTS, loader_of
from harness.models.loaders.trial import tried
from harness.models.safe.weights import inside, metadata_of
from harness.types.models import ALL_CELLS, Preprocessing

if TYPE_CHECKING:
    from harness.data.suites.open import OpenSuite

SCHEMES = ("models:/", "runs:/", "hf://")
"""How addresses begin that hold a model and say something of it."""


@dataclass(frozen=True)
class Target:
    """One model file, with everything that is known of it before a card is written."""

    path: Path
    """Where it lies now."""
    address: str
    """Where it can be fetched again."""
    name: str
    """What its entry may be called."""
    said: Said
    """What the registry or repository says of it; the file's own words stay in the file."""
    own: Said
    """What the file says of itself."""
    sha256: str
    """Of its bytes."""
    beside: Mapping[str, str] = field(default_factory=dict)
    """Files that it reads itself → sha256."""


def is_target(word: str) -> bool:
    """Return whether a word is an address or the file of a model, and no name of an entry.

    Parameters
    ----------
    word : str
        From the command line.
    """
    if word.startswith(SCHEMES):
        return True
    suffix = Path(word).suffix.lower()
    return suffix in LOADERS or suffix in INSIDE or suffix in (WEIGHTS, *PICKLES)


@contextmanager
def target_of(word: str, uri: str | None = None) -> Iterator[Target]:
    """Give what an address or a path of a file means; fetched files are kept verified.

    Parameters
    ----------
    word : str
        ``models:/name/3``, ``runs:/…``, ``hf://owner/name@commit`` or a path.
    uri : str, optional
        Tracking URI of the registry.

    Raises
    ------
    CardError
        If there is no such model or it is of no safe format.
    """
    if word.startswith(("models:/", "runs:/")):
        with registered(word, uri) as found:
            beside = _beside(found.folder / found.file, word)
            sha256, path = keep(found.folder, found.file, beside)
            name = f"{found.name}-{found.version}" if found.version else found.name
            yield _target(path, found.address, name, found.said, sha256, beside, word)
        return
    if word.startswith("hf://"):
        hub = hub_model(word)
        repo, commit, _ = split_address(word)
        beside = _beside(hub.path, word)
        name = f"{repo.partition('/')[2]}-{commit[:8]}"
        sha256 = sha256_file(hub.path)
        yield _target(hub.path, hub.address, name, hub.said, sha256, beside, word)
        return
    path = Path(word)
    if not path.is_file():
        raise CardError(f"Expected a model file at {word[:200]}; there is none. Correct the path.")
    whole = path.resolve()
    yield _target(
        whole, f"file://{whole}", path.stem, Said(), sha256_file(whole), _beside(whole, word), word
    )


def _beside(path: Path, what: str) -> dict[str, str]:
    if path.name == MODEL:
        found = sorted(p for p in path.parent.rglob("*") if p.is_file() and p != path)
        return {p.relative_to(path.parent).as_posix(): sha256_file(p) for p in found}
    return beside_of(path, what) if path.suffix.lower() == ".onnx" else {}


def _target(
    path: Path, address: str, name: str, said: Said, sha256: str, beside: dict[str, str], what: str
) -> Target:
    if path.name in INSIDE or path.suffix.lower() in INSIDE:
        own = said_by_boxed(path, what)
    elif path.suffix.lower() == WEIGHTS:
        own = said_in(metadata_of(path).get(KEY), what)
    else:
        own = loader_of(path, what).said(path, what)
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:63].strip("-")
    return Target(path, address, plain or "model", said, own, sha256, beside)


def run_entry(word: str, root: Path, opened: "OpenSuite", uri: str | None = None) -> Path:
    """Write the card of an entry made of an address or file; return the entry's folder.

    The model is tried on a few inputs of the suite first: where that fails, nothing is written.

    Parameters
    ----------
    word : str
        See `target_of`.
    root : Path
        Folder of entries, this machine's own records.
    opened : OpenSuite
        What it is to run on.
    uri : str, optional
        Tracking URI of the registry.

    Raises
    ------
    CardError, PredictionsError
        If there is no such model, it is not known how it is fed, or it does not fit the suite.
    """
    with target_of(word, uri) as found:
        if found.path.suffix.lower() == WEIGHTS and not (found.said.arch or found.own.arch):
            raise CardError(
                f"{word[:120]} holds weights alone, and nothing says of which architecture. Write "
                f"a card: tailmark new {found.name} --kind model --from {word[:120]}"
            )
        card = {
            "format": 1,
            "name": found.name,
            "kind": "model",
            "title": word[:200],
            "deterministic": True,
            "ood_score": "energy" if _output(found) == "logits" else "msp",
            "model": _model_table(found),
        }
        text = "\n".join(toml_lines(card)) + "\n"
        with TemporaryDirectory(prefix="tailmark-") as place:
            draft = Path(place) / found.name
            draft.mkdir()
            (draft / CARD).write_text(text, encoding="utf-8")
            suite = opened.suite
            try:
                tried(read_card(draft), draft, opened, next(iter(suite.cells)), suite.seeds[0])
            except OpenCardError as error:
                raise CardError(
                    f"{error} It has no card yet; write one: tailmark new {found.name} "
                    f"--kind model --from {word[:120]}"
                ) from None
        folder = root / found.name
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / CARD, text)
    return folder


def _output(found: Target) -> str | None:
    """Return what a model is known to return before it is loaded; an estimator's are probs."""
    if found.path.suffix.lower() == WEIGHTS:
        return "logits"
    usual = "probs" if found.path.suffix.lower() == ".skops" else "logits"
    return found.said.output or found.own.output or usual


def _model_table(found: Target) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for name in ("arch", "kwargs", "inputs", "output"):
        value = getattr(found.said, name)
        if value:
            table[name] = value
    if found.said.classes:
        table["classes"] = list(found.said.classes)
    if found.said.preprocessing is not None:
        table["preprocessing"] = _preprocessing(found.said.preprocessing)
    table["files"] = {ALL_CELLS: _line(found, found.address)}
    return table


def _preprocessing(how: Preprocessing) -> dict[str, Any]:
    return dict(how.model_dump(mode="json"))


def _line(found: Target, address: str) -> dict[str, Any]:
    line: dict[str, Any] = {"path": found.path.name, "sha256": found.sha256}
    if address:
        line["address"] = address
    if found.beside:
        line["beside"] = dict(found.beside)
    return line


_CARD = """\
# Read by `tailmark check {name}`; an unknown field is refused with the closest known one.
format = 1
name = "{name}"  # equals the folder
kind = "model"
title = ""                     # as people write it; the name when empty
summary = ""                   # one or two sentences: what it is
paper = ""                     # citation or URL
authors = ""
licence = ""                   # of the weights
ood_score = "{score}"          # the declared OOD score: `tailmark list scores`
deterministic = true           # one file for all cells and seeds gives one answer
suites = []                    # empty: for every suite; ["cifar10-v1"]: for these only

[model]
{said}
[model.files]                  # "*": the same model in all cells; or "<cell>-s<seed>" = …
{files}
"""


def new_model(root: Path, name: str, word: str, uri: str | None = None) -> Path:
    """Write a commented card for a model at an address or in a file; return its path.

    A file of this machine is copied into the entry's folder; an address stays one.

    Parameters
    ----------
    root : Path
        The folder of all entries.
    name : str
        The entry's name.
    word : str
        See `target_of`.
    uri : str, optional
        Tracking URI of the registry.

    Raises
    ------
    CardError
        If the name is not allowed, the entry exists, or there is no such model. Nothing is left.
    """
    home = new_home(root, name)
    fresh = not home.exists()
    with target_of(word, uri) as found, TemporaryDirectory(prefix="tailmark-") as folder:
        draft = Path(folder) / name
        draft.mkdir()
        (draft / CARD).write_text(_text(found, name), encoding="utf-8")
        read_card(draft)
        copied: list[Path] = []
        try:
            home.mkdir(parents=True, exist_ok=True)
            if found.address.startswith("file://"):
                for each in (found.path.name, *found.beside):
                    goal = home / each
                    if goal.exists() and goal.resolve() == (found.path.parent / each).resolve():
                        continue
                    if goal.exists():
                        raise CardError(
                            f"{goal} exists and is not overwritten. Choose another name for the "
                            "entry."
                        )
                    goal.parent.mkdir(parents=True, exist_ok=True)
                    copied.append(goal)
                    shutil.copyfile(inside(found.path.parent, each), goal)
            write_text(home / CARD, (draft / CARD).read_text("utf-8"))
        except (OSError, CardError) as error:
            for path in copied:
                path.unlink(missing_ok=True)
            if fresh:
                shutil.rmtree(home, ignore_errors=True)
            if isinstance(error, CardError):
                raise
            raise CardError(
                f"Expected a folder that can be written at {home}; got: {error}. Name another "
                "with --submissions."
            ) from None
    return home / CARD


def _text(found: Target, name: str) -> str:
    """Return the card: what is known as lines, what is not as comments that say what to write."""
    address = "" if found.address.startswith("file://") else found.address
    known = _model_table(found)
    known.pop("files")
    lines = toml_lines({k: v for k, v in known.items() if not isinstance(v, Mapping)})
    weights = found.path.suffix.lower() == WEIGHTS
    own = found.own
    if weights and not (found.said.arch or own.arch):
        lines.append('arch = "resnet18"               # CORRECT THIS: a name in timm.list_models()')
    if not weights and not (found.said.output or own.output):
        lines.append('# output = "logits"             # or "probs", where the file does not say')
    for key in ("kwargs", "preprocessing"):
        if key in known:
            lines.append(f"{key} = {_inline(known[key])}")
    if weights and "kwargs" not in known and not own.kwargs:
        lines.append("# kwargs = { in_chans = 1 }      # of the architecture, where not the usual")
    if "preprocessing" not in known:
        if own.preprocessing is not None:
            lines.append(f"# The file says: {_inline(_preprocessing(own.preprocessing))}")
        else:
            lines.append(
                "# What it was trained with; a guess here costs points that nobody can explain:\n"
                "# preprocessing = { size = [32, 32], channels = 3, mean = [0.5, 0.5, 0.5], "
                "std = [0.5, 0.5, 0.5] }\n"
                '# inputs = "rows"               # instead: the pool\'s numbers as they are'
            )
    score = "energy" if _output(found) == "logits" else "msp"
    head = _CARD.format(
        name=name,
        score=score,
        said="\n".join(lines) + "\n",
        files=f'"{ALL_CELLS}" = {_inline(_line(found, address))}',
    )
    return head + open_facets("model", found.said.arch or own.arch or "none")


def _inline(value: Any) -> str:
    """Return a value as inline TOML."""
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_key(k)} = {_inline(v)}" for k, v in value.items())
        return f"{{ {inner} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_inline, value))}]"
    return json.dumps(value)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name)

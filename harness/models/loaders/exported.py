"""Programs of ``torch.export`` (.pt2): a graph of torch's own operators, and plain weights.

``torch.export.load`` trusts its file: it unpickles example inputs and whatever weights are marked
so, executes guards as Python text, evaluates that of symbolic sizes, makes code of names, and looks
operators up by dotted names. So the archive is copied without example inputs, guards and notes,
after every pickle, foreign operator and text that is not a plain name was refused; only the copy is
loaded.
"""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import CardError, PredictionsError
from harness.models.loaders.feeding import Declared
from harness.models.loaders.reading import Opened, needed
from harness.models.loaders.zips import checked_zip
from harness.types.models import WeightFile

WRITER = "torch.export.save"
_KEPT = re.compile(
    r"[^/]+/(data/weights/(weight_\d+|[\w.-]+_weights_config\.json)"
    r"|data/constants/(tensor_\d+|[\w.-]+_constants_config\.json)"
    r"|models/[\w.-]+\.json|archive_format|archive_version|byteorder|\.data/(version|serialization_id))"
)
"""Members that are copied: plain tensors, JSON and the archive's own marks."""
_DROPPED = re.compile(r"[^/]+/(data/sample_inputs/[\w.-]+\.pt|extra/.*)")
"""Members that are left out: a pickle that no prediction needs, and notes."""
_TARGET = re.compile(
    r"torch\.ops\.(aten|prims)\.[a-z_0-9]+\.[A-Za-z_0-9]+"
    r"|_operator\.(add|sub|mul|truediv|floordiv|mod|neg|pow|getitem|eq|ne|le|lt|ge|gt)"
    r"|torch\.sym_(int|float|max|min|not|sqrt)|math\.(trunc|ceil|floor)"
)
"""Operators that a graph may name."""
_NAME = re.compile(r"[\w.:+-]{0,300}", re.ASCII)
"""Every other text: names become Python code, and one without brackets or quotes calls nothing."""
_SYMBOL = re.compile(r"Symbol\('([a-z]+\d+)'")
_EXPRESSION = re.compile(r"[A-Za-z0-9_ +*/(),=-]{1,1000}")
_WORD = re.compile(r"[A-Za-z_]\w*")
_WORDS = re.compile(
    r"[a-z]+\d+|Integer|Rational|Add|Mul|Pow|Mod|PythonMod|FloorDiv|CleanDiv|CeilDiv|IntTrueDiv|Max|Min"
    r"|Eq|Ne|Lt|Le|Gt|Ge|StrictLessThan|StrictGreaterThan|Equality|Unequality|Symbol"
    r"|positive|nonnegative|integer|zero|True|False|oo|int_oo"
)
"""What symbolic sizes consist of: sympy evaluates their text as Python."""
_TYPES = {None, "builtins.tuple", "builtins.list", "builtins.dict", "collections.OrderedDict"}
_CONTEXT = re.compile(r'(null|\[("[\w.]{1,100}"(, )?)*\])?')
"""What inputs and outputs may be packed in."""


def read_exported(path: Path, file: WeightFile, what: str) -> Opened:
    """Return an exported program with what it declares.

    Parameters
    ----------
    path : Path
        A file whose sha256 is that on the card.
    file : WeightFile
        Its line on the card.
    what : str
        What sentences call it.

    Raises
    ------
    CardError
        If it is no exported program, holds pickles or operators that are not torch's, takes
        several inputs or was exported in training mode.
    """
    needed(("torch",), "torch", what)
    clean, graph = _cleaned(path, what)
    program = _loaded(clean, what)
    shape, columns = _input_shape(graph, what), _columns(graph, what)
    _check_mode(graph, what)
    import torch

    module = program.module()

    def call(batch: np.ndarray) -> np.ndarray:
        try:
            with torch.inference_mode():
                found = module(torch.from_numpy(batch))
        except (RuntimeError, AssertionError, ValueError, TypeError) as error:
            line = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise PredictionsError(
                f"{what} stopped on inputs of shape {batch.shape}: {line[:160].rstrip('.')}. "
                "Export it with a dynamic batch (torch.export.Dim) and for the size in "
                "preprocessing."
            ) from None
        while isinstance(found, list | tuple | dict) and len(found) == 1:
            found = next(iter(found.values() if isinstance(found, dict) else found))
        return np.asarray(found.float().numpy())

    count = sum(p.numel() for p in program.parameters())
    return Opened(call, Declared(shape), count, columns)


def _cleaned(path: Path, what: str) -> tuple[bytes, dict[str, Any]]:
    """Return a copy of the archive that holds nothing to unpickle or evaluate, and its graph."""
    graphs: dict[str, dict[str, Any]] = {}
    copy = io.BytesIO()
    try:
        with checked_zip(path, what, WRITER) as archive, zipfile.ZipFile(copy, "w") as clean:
            for info in archive.infolist():
                if _DROPPED.fullmatch(info.filename):
                    if info.filename.endswith(".pt"):  # the loader asks for it; empty is none
                        clean.writestr(zipfile.ZipInfo(info.filename), b"")
                    continue
                if not _KEPT.fullmatch(info.filename):
                    raise _refused(what, f"the member {info.filename[:80]!r}")
                data = archive.read(info)
                if info.filename.endswith(".json"):
                    tables = json.loads(data)
                    if not isinstance(tables, dict):
                        raise _refused(what, f"no table in {info.filename[:80]!r}")
                    if "_config" in info.filename:
                        _check_payloads(tables, what)
                    else:
                        _check_graph(tables, what)
                        graphs[info.filename] = tables
                        data = json.dumps(tables).encode()
                clean.writestr(zipfile.ZipInfo(info.filename), data)
    except (ValueError, KeyError, OSError, RecursionError, zipfile.BadZipFile) as error:
        raise _refused(what, f"a damaged archive ({str(error)[:80]})") from None
    if len(graphs) != 1:
        raise _refused(what, f"{len(graphs)} programs")
    return copy.getvalue(), next(iter(graphs.values()))


def _refused(what: str, received: str) -> CardError:
    return CardError(
        f"{what} must be a program of {WRITER} that holds tensors and torch's own operators alone; "
        f"got {received}. Export the plain network again, with the installed torch."
    )


def _check_payloads(tables: dict[str, Any], what: str) -> None:
    for name, payload in tables["config"].items():
        if payload.get("use_pickle") is not False or not payload.get("tensor_meta"):
            raise _refused(what, f"{str(name)[:80]!r} as a pickle")


def _check_graph(tables: dict[str, Any], what: str) -> None:
    """Take guards and notes off a program, and refuse every text that is not a plain name."""
    tables["guards_code"] = []
    for _, value in _walk(tables):
        if isinstance(value, dict) and "metadata" in value:
            value["metadata"] = {}
    for key, value in _walk(tables):
        for text in value if isinstance(value, dict) else ():
            if not _NAME.fullmatch(text):
                raise _refused(what, f"the name {text[:80]!r}")
        if not isinstance(value, str):
            continue
        if key in ("target", "as_operator"):
            if not _TARGET.fullmatch(value):
                raise _refused(what, f"the operator {value[:80]!r}")
        elif key == "expr_str":
            if not _is_size(value):
                raise _refused(what, f"the size {value[:80]!r}")
        elif key in ("in_spec", "out_spec"):
            if not _is_packing(value):
                raise _refused(what, f"inputs or outputs packed as {value[:80]!r}")
        elif not _NAME.fullmatch(value):
            raise _refused(what, f"the text {value[:80]!r}")


def _is_size(text: str) -> bool:
    plain = _SYMBOL.sub(r"Symbol(\1", text)
    words = _WORD.findall(plain)
    return bool(_EXPRESSION.fullmatch(plain)) and all(_WORDS.fullmatch(word) for word in words)


def _is_packing(text: str) -> bool:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return False
    for _, value in _walk(found):
        if isinstance(value, dict):
            context = value.get("context")
            plain = context is None or (isinstance(context, str) and _CONTEXT.fullmatch(context))
            known = (
                value.get("type") in _TYPES if not isinstance(value.get("type"), dict) else False
            )
            if not plain or not known or set(value) != {"type", "context", "children_spec"}:
                return False
    return True


def _walk(thing: Any) -> Iterator[tuple[str, Any]]:
    stack = [("", thing)]
    while stack:
        key, value = stack.pop()
        yield key, value
        if isinstance(value, dict):
            stack += list(value.items())
        elif isinstance(value, list):
            stack += [(key, inner) for inner in value]


def _loaded(clean: bytes, what: str) -> Any:
    import logging

    import torch

    quiet = logging.getLogger("torch.export")
    level = quiet.level
    quiet.setLevel(logging.ERROR)
    try:
        return torch.export.load(io.BytesIO(clean))
    except Exception as error:  # whatever a damaged graph makes the deserialiser raise
        line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise _refused(
            what, f"one that torch {torch.__version__} cannot load ({line[:120]})"
        ) from None
    finally:
        quiet.setLevel(level)


def _input_shape(graph: dict[str, Any], what: str) -> tuple[int | None, ...]:
    """Return the shape of the one tensor that a user hands in; symbolic sizes are None."""
    try:
        named = [
            spec["user_input"]["arg"]["as_tensor"]["name"]
            for spec in graph["graph_module"]["signature"]["input_specs"]
            if "user_input" in spec
        ]
        if len(named) != 1:
            raise _refused(what, f"{len(named)} inputs; expected one")
        meta = graph["graph_module"]["graph"]["tensor_values"][named[0]]
        if meta["dtype"] != 7:
            raise _refused(what, "an input that is not float32")
        return tuple(size.get("as_int") for size in meta["sizes"])
    except (KeyError, TypeError, AttributeError) as error:
        raise _refused(what, f"a graph without one tensor as input ({error})") from None


def _columns(graph: dict[str, Any], what: str) -> int:
    """Return the number of columns of the one tensor that is returned."""
    try:
        named = [
            spec["user_output"]["arg"]["as_tensor"]["name"]
            for spec in graph["graph_module"]["signature"]["output_specs"]
            if "user_output" in spec
        ]
        sizes = graph["graph_module"]["graph"]["tensor_values"][named[0]]["sizes"]
        columns = sizes[1].get("as_int") if len(named) == 1 and len(sizes) == 2 else None
    except (KeyError, TypeError, AttributeError, IndexError):
        named, columns = [], None
    if not isinstance(columns, int):
        raise CardError(
            f"{what} returns {len(named)} tensors, or one of another form; expected one tensor "
            "(batch, classes). Export a module that returns its logits alone."
        )
    return columns


def _check_mode(graph: dict[str, Any], what: str) -> None:
    """Refuse layers of training: the graph has frozen them, and no ``.eval()`` reaches them."""
    for node in graph["graph_module"]["graph"]["nodes"]:
        given = {i.get("name"): i.get("arg", {}).get("as_bool") for i in node.get("inputs", ())}
        if given.get("training") or given.get("train"):
            raise CardError(
                f"{what} was exported in training mode ({node['target'][:60]}). Call .eval() on "
                "the network and export it again."
            )

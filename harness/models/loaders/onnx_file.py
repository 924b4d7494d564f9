"""ONNX files, run by onnxruntime on the CPU: a graph of known operators, no code.

Everything a file says is read before a session is made: its operators are of the standard (and
onnxruntime's own) domains, and external data are files beside it that the card lists with their
sha256. One thread and blocks of a fixed size: threads and shapes decide the order of sums.
"""

from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import CardError, PredictionsError
from harness.keys import sha256_file
from harness.models.loaders.feeding import KEY, Declared, Said, said_in
from harness.models.loaders.reading import Opened, needed
from harness.models.safe.weights import beside_path, inside
from harness.types.models import OutputKind, WeightFile

DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft")
"""Operators that onnxruntime brings; others come from libraries, which are never loaded."""
MAX_BYTES = 2 << 30
"""Largest file: the format itself (protobuf) ends there; larger weights are external data."""
NAMES: dict[str, OutputKind] = {
    "logits": "logits", "logit": "logits", "probabilities": "probs", "probs": "probs",
    "output_probability": "probs", "softmax": "probs",
}  # fmt: skip
"""Names of outputs that say what they are."""
_FLOATS = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16}


def read_onnx(path: Path, file: WeightFile, what: str) -> Opened:
    """Return an ONNX network with what the file declares.

    Parameters
    ----------
    path : Path
        A file whose sha256 is that on the card.
    file : WeightFile
        Its line on the card: external data are listed there.
    what : str
        What sentences call it.

    Raises
    ------
    CardError
        If it is no ONNX file, has operators of other domains, external data outside of its folder
        or of another sha256, several inputs, or no output of one row per input.
    """
    needed(("onnx", "onnxruntime"), "onnx", what)
    graph = _parsed(path, what)
    _check_domains(graph, what)
    _check_external(graph, path, file, what)
    session = _session(path, what)
    given = session.get_inputs()
    if len(given) != 1 or given[0].type not in _FLOATS:
        raise CardError(
            f"{what} takes {', '.join(f'{i.name}: {i.type}' for i in given)[:200] or 'nothing'}; "
            "expected one input of floating-point numbers. Export the network with one."
        )
    name, kind = _output(session, what)
    shape = tuple(n if isinstance(n, int) and n > 0 else None for n in given[0].shape)
    classes = _labels(graph)
    dtype, source = _FLOATS[given[0].type], given[0].name

    def call(batch: np.ndarray) -> np.ndarray:
        try:
            found = session.run([name], {source: batch.astype(dtype, copy=False)})[0]
        except Exception as error:  # onnxruntime's own classes have no public root
            raise PredictionsError(
                f"{what} stopped on inputs of shape {batch.shape}: {_line(error)}. Export it with "
                "a dynamic batch and for the size in preprocessing."
            ) from None
        return np.asarray(found)

    return Opened(call, Declared(shape, kind, classes), _parameters(graph))


def said_by_onnx(path: Path, what: str) -> Said:
    """Return what an ONNX file says of itself in its ``metadata_props``."""
    needed(("onnx", "onnxruntime"), "onnx", what)
    found = {prop.key: prop.value for prop in _parsed(path, what).metadata_props}
    return said_in(found.get(KEY), what)


def beside_of(path: Path, what: str) -> dict[str, str]:
    """Return the sha256 of each file of external data: what a card lists as ``beside``."""
    needed(("onnx", "onnxruntime"), "onnx", what)
    names = _external(_parsed(path, what), what)
    return {name: sha256_file(inside(path.parent, name)) for name in names}


def _parsed(path: Path, what: str) -> Any:
    import onnx

    if path.stat().st_size > MAX_BYTES:
        raise CardError(f"{what} is larger than 2 GiB. Save its weights as external data.")
    try:
        graph = onnx.load(path, load_external_data=False)
    except Exception as error:  # protobuf's DecodeError has no stable place
        raise CardError(
            f"{what} must be an ONNX file; got {_line(error)}. Export it again."
        ) from None
    if not graph.graph.node or not graph.opset_import:
        raise CardError(f"{what} must be an ONNX file; it holds no graph. Export it again.")
    return graph


def _nodes(graph: Any) -> Iterator[Any]:
    """Yield all nodes: of the graph, of graphs inside nodes, and of functions."""
    stack = [graph.graph, *graph.functions]
    while stack:
        for node in stack.pop().node:
            yield node
            for attribute in node.attribute:
                stack += [attribute.g] if attribute.HasField("g") else []
                stack += list(attribute.graphs)


def _check_domains(graph: Any, what: str) -> None:
    own = {function.domain for function in graph.functions}
    for node in _nodes(graph):
        if node.domain not in DOMAINS and node.domain not in own:
            raise CardError(
                f"{what} has the operator {node.domain[:60]}.{node.op_type[:60]}, which only a "
                "library of its own knows; such libraries are not loaded. Export it with standard "
                "operators."
            )


def _tensors(graph: Any) -> Iterator[Any]:
    yield from graph.graph.initializer
    for sparse in graph.graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in _nodes(graph):
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            if attribute.HasField("sparse_tensor"):
                yield from (attribute.sparse_tensor.values, attribute.sparse_tensor.indices)
            for sparse in attribute.sparse_tensors:
                yield from (sparse.values, sparse.indices)
            for inner in ([attribute.g] if attribute.HasField("g") else []) + list(
                attribute.graphs
            ):
                yield from inner.initializer
                for sparse in inner.sparse_initializer:
                    yield from (sparse.values, sparse.indices)
    for extra in graph.training_info:
        yield from extra.initialization.initializer
        yield from extra.algorithm.initializer


def _external(graph: Any, what: str) -> list[str]:
    """Return the places of external data, each once, in order."""
    names: dict[str, None] = {}
    for tensor in _tensors(graph):
        if tensor.data_location != 1 and not tensor.external_data:
            continue
        where = next((e.value for e in tensor.external_data if e.key == "location"), "")
        if not where:
            raise CardError(f"{what}: {tensor.name[:80]} names no file of its data. Export again.")
        names[where] = None
    return list(names)


def _check_external(graph: Any, path: Path, file: WeightFile, what: str) -> None:
    for name in _external(graph, what):
        place = inside(path.parent, name)
        if name not in file.beside:
            raise CardError(
                f"{what} reads {name[:80]!r}, which its card does not list. Add beside = "
                f'{{ "{name[:80]}" = "{sha256_file(place)}" }} to the file\'s line.'
            )
        beside_path(path, name, file.beside[name], what)


def _session(path: Path, what: str) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.use_deterministic_compute = True
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own classes have no public root
        raise CardError(
            f"{what} cannot be run by onnxruntime {onnxruntime.__version__}: {_line(error)}. "
            "Export it with operators that this version knows."
        ) from None


def _output(session: Any, what: str) -> tuple[str, OutputKind | None]:
    """Return the output that is read, and what its name says."""
    tables = [o for o in session.get_outputs() if o.type in _FLOATS and len(o.shape) == 2]
    named = [o for o in tables if o.name.lower() in NAMES]
    for output in [o for o in named if NAMES[o.name.lower()] == "logits"] or named:
        return output.name, NAMES[output.name.lower()]
    if len(tables) == 1:
        return tables[0].name, None
    said = ", ".join(f"{o.name}: {o.type} {o.shape}" for o in session.get_outputs())[:240]
    hint = "Export it up to its logits, or name one output 'logits' or 'probabilities'."
    if "seq(map" in said:
        hint = "Convert it with options={'zipmap': False}."
    raise CardError(
        f"{what} returns {said}; expected one output of floating-point numbers (batch, classes). "
        f"{hint}"
    )


def _labels(graph: Any) -> tuple[Any, ...]:
    """Return the labels of a classifier's columns where a node holds them."""
    for node in _nodes(graph):
        for attribute in node.attribute:
            if attribute.name.startswith("classlabels_int") and attribute.ints:
                return tuple(int(n) for n in attribute.ints)
            if attribute.name.startswith("classlabels_string") and attribute.strings:
                return tuple(text.decode("utf-8", "replace") for text in attribute.strings)
    return ()


def _parameters(graph: Any) -> int:
    """Return how many floating-point numbers the graph's initialisers hold."""
    floats = {1, 10, 11, 16}  # FLOAT, FLOAT16, DOUBLE, BFLOAT16
    return sum(prod(t.dims) for t in graph.graph.initializer if t.data_type in floats)


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160].rstrip(".")

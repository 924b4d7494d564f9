"""A suite's data as files for training elsewhere: npz, Parquet, or folders of images."""

import csv
import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import numpy as np

from harness.atomic import write_text
from harness.data.pools.file_pools import FileInputs
from harness.data.pools.tables import TableInputs
from harness.data.suites.handed_out import Jobs, Part, fixed_parts, row_lines, training_parts
from harness.data.suites.open import OpenSuite
from harness.errors import DataError, SpecError
from harness.lookup import lookup

FACTS = "suite.json"
"""What the exported folder is: suite, splits, classes in order, and how predictions are named."""
PREDICTIONS = "<cell>-s<seed>/<pool>.npz"
"""How files of predictions are named below a folder that ``tailmark new --from`` reads."""
BATCH = 4096
"""Images taken at once."""


def export(opened: OpenSuite, jobs: Jobs, folder: Path, how: str = "npz") -> list[Path]:
    """Write a suite's inputs, and the training labels of some splits, below a new folder.

    Parameters
    ----------
    opened : OpenSuite
        The suite.
    jobs : sequence of (cell, seed)
        Splits whose training parts are written.
    folder : Path
        Does not exist yet, or is empty. It appears whole or not at all.
    how : {"npz", "parquet", "folder"}
        Form of the files.

    Returns
    -------
    list of Path
        Files (of ``folder``: folders) that hold the parts.

    Raises
    ------
    SpecError
        If the folder holds something, or the form does not fit the data.
    DataError
        If a source file is missing, or file names would give labels away.
    """
    write = lookup("format", how, WRITERS)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SpecError(
            f"Expected a new or empty folder for the export; {folder} holds something. Name "
            "another with -o, or empty it."
        )
    parts = fixed_parts(opened)
    for cell, seed in jobs:
        parts += training_parts(opened, opened.split(cell, seed))
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise SpecError(
            f"Expected a folder that can be written for the export; {folder}: {error.strerror}. "
            "Name another with -o."
        ) from None
    try:
        written = [write(temporary, part) for part in parts]
        (temporary / FACTS).write_text(_facts(opened, jobs, parts, written), encoding="utf-8")
        temporary.chmod(0o755)
        if folder.exists():
            folder.rmdir()
        temporary.rename(folder)
    except OSError as error:
        raise SpecError(
            f"The export to {folder} stopped: {error}. Nothing was left; make room or name "
            "another folder with -o."
        ) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return [folder / path for path in written]


def _facts(opened: OpenSuite, jobs: Jobs, parts: Sequence[Part], written: Sequence[str]) -> str:
    facts = {
        "suite": opened.suite.id,
        "suite_sha256": opened.suite.sha256,
        "jobs": [f"{cell}-s{seed}" for cell, seed in jobs],
        "class_names": list(opened.test.class_names),
        "parts": {
            path: {
                "pool": part.pool,
                "rows": len(part.inputs),
                "labels": _label_kind(part),
                **_own_classes(part, opened),
                **_columns(part),
                **part.facts,
            }
            for part, path in zip(parts, written, strict=True)
        },
        "predictions": f"{PREDICTIONS}, e.g. {jobs[0][0]}-s{jobs[0][1]}/test.npz" if jobs else "",
    }
    return json.dumps(facts, indent=1, ensure_ascii=False) + "\n"


def _own_classes(part: Part, opened: OpenSuite) -> dict[str, Any]:
    """Return the classes of a part over another data set than the suite's first."""
    same = part.class_names == opened.test.class_names
    return {} if same else {"class_names": list(part.class_names)}


def _label_kind(part: Part) -> str:
    if part.labels is None:
        return "none"
    return "clean" if part.pool == "calibration" else "observed"


def _columns(part: Part) -> dict[str, Any]:
    if not isinstance(part.inputs, TableInputs):
        return {}
    return {
        "columns": list(part.inputs.names),
        "categories": [list(kinds) for kinds in part.inputs.categories],
    }


def _npz(root: Path, part: Part) -> str:
    """Write one part as an npz; image files become an index of their paths."""
    arrays: dict[str, np.ndarray] = {"row": np.arange(len(part.inputs))}
    inputs = part.inputs
    if isinstance(inputs, FileInputs):
        arrays["path"] = np.array(_paths(part, inputs))
    elif isinstance(inputs, TableInputs):
        arrays |= {"numeric": inputs.numeric, "categorical": inputs.categorical}
        arrays["columns"] = np.array(inputs.names)
    else:
        arrays["inputs"] = inputs.take(np.arange(len(inputs)))
    if part.labels is not None:
        arrays["label"] = part.labels
    if part.known is not None:
        arrays["known"] = part.known
    if part.source:
        arrays["source"] = np.array(part.source)
    arrays["classes"] = np.array(part.class_names)
    path = _made(root, f"{part.path}.npz")
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return f"{part.path}.npz"


def _made(root: Path, path: str) -> Path:
    made = root / path
    made.parent.mkdir(parents=True, exist_ok=True)
    return made


def _paths(part: Part, inputs: FileInputs) -> list[str]:
    """Return absolute paths of image files, refusing those whose folders name the class."""
    names = set(part.class_names)
    telling = next((p for p in inputs.paths if names & set(Path(p).parts[:-1])), None)
    if telling is not None:
        raise DataError(
            f"An index of paths would tell the classes of {part.pool}, whose folders bear their "
            f"names ({telling}). Use --format folder: it copies files under their row numbers."
        )
    return [str((inputs.root / path).resolve()) for path in inputs.paths]


def _parquet(root: Path, part: Part) -> str:
    """Write one part as a Parquet file: images as PNG, a table's columns under their names."""
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise SpecError(
            "Writing Parquet needs pyarrow, which is not installed. Run: pip install pyarrow, or "
            "use --format npz."
        ) from None
    columns = _input_columns(part)

    def add(name: str, values: Any) -> None:
        while name in columns:
            name += "_"
        columns[name] = values

    add("row", np.arange(len(part.inputs)))
    if part.labels is not None:
        add("label", part.labels)
        add("class", [part.class_names[k] for k in part.labels.tolist()])
    if part.known is not None:
        add("known", np.isin(np.arange(len(part.inputs)), part.known))
    if part.source:
        add("source", list(part.source))
    path = _made(root, f"{part.path}.parquet")
    parquet.write_table(pa.table(columns), path)
    return f"{part.path}.parquet"


def _input_columns(part: Part) -> dict[str, Any]:
    inputs = part.inputs
    if isinstance(inputs, FileInputs):
        return {"path": _paths(part, inputs)}
    if isinstance(inputs, TableInputs):
        p = inputs.numeric.shape[1]
        columns: dict[str, Any] = {
            name: inputs.numeric[:, k] for k, name in enumerate(inputs.names[:p])
        }
        for k, (name, kinds) in enumerate(zip(inputs.names[p:], inputs.categories, strict=True)):
            codes = inputs.categorical[:, k].tolist()
            columns[name] = [None if code < 0 else kinds[code] for code in codes]
        return columns
    if part.modality == "features":
        return {"features": list(inputs.take(np.arange(len(inputs))))}
    return {"image": [png for _, png in _pngs(part)]}


def _pngs(part: Part) -> Any:
    """Yield (row, PNG bytes) of images in memory, which PNG keeps as they are."""
    from PIL import Image

    for start in range(0, len(part.inputs), BATCH):
        rows = np.arange(start, min(start + BATCH, len(part.inputs)))
        for row, image in zip(rows.tolist(), part.inputs.take(rows), strict=True):
            buffer = BytesIO()
            Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(buffer, "PNG")
            yield row, buffer.getvalue()


def _folder(root: Path, part: Part) -> str:
    """Write one part as images named by row number, with an index; files are copied as they are."""
    if part.modality not in ("image", "files"):
        raise SpecError(
            f"--format folder is for images; {part.pool} holds {part.modality} rows. Use "
            "--format parquet or npz."
        )
    index = StringIO()
    lines = csv.writer(index, lineterminator="\n")
    lines.writerow(["file", "row", *(() if part.labels is None else ("label", "class"))])
    home = root / part.path
    home.mkdir(parents=True, exist_ok=True)
    digits = max(6, len(str(len(part.inputs))))
    for row, name in _images(home, part, digits):
        label = None if part.labels is None else int(part.labels[row])
        lines.writerow([name, row, *(() if label is None else (label, part.class_names[label]))])
    (home / "index.csv").write_text(index.getvalue(), encoding="utf-8")
    return part.path


def _images(home: Path, part: Part, digits: int) -> Any:
    """Write every image; yield (row, file name)."""
    inputs = part.inputs
    if isinstance(inputs, FileInputs):
        for row, path in enumerate(inputs.paths):
            name = f"{row:0{digits}d}{Path(path).suffix.lower()}"
            shutil.copyfile(inputs.root / path, home / name)
            yield row, name
        return
    for row, png in _pngs(part):
        name = f"{row:0{digits}d}.png"
        (home / name).write_bytes(png)
        yield row, name


WRITERS: dict[str, Callable[[Path, Part], str]] = {
    "npz": _npz,
    "parquet": _parquet,
    "folder": _folder,
}
"""Form of an export → what writes one part below a folder and returns its path there."""


def write_rows(opened: OpenSuite, path: Path, jobs: Jobs = ()) -> int:
    """Write a CSV file of every row of a suite's pools; return how many there are.

    Parameters
    ----------
    opened : OpenSuite
        The suite.
    path : Path
        The file; replaced whole.
    jobs : sequence of (cell, seed), optional
        Splits whose training rows are listed too.

    Raises
    ------
    SpecError
        If it cannot be written.
    """
    lines = list(row_lines(opened, jobs))
    text = StringIO()
    out = csv.DictWriter(text, list(lines[0]), lineterminator="\n")
    out.writeheader()
    out.writerows(lines)
    try:
        write_text(path, text.getvalue())
    except OSError as error:
        raise SpecError(
            f"Expected a file that can be written; {path}: {error.strerror}. Name another with -o."
        ) from None
    return len(lines)

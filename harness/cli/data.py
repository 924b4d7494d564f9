"""``tailmark data``: what there is, getting it, checking it, looking at it."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from harness.cli import export, options, table_options
from harness.cli import show as looking
from harness.cli.console import remark, say, stdout

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)

Names = Annotated[list[str] | None, typer.Argument(help="Data sets; none: all that are there.")]


@app.command("list")
def list_datasets(data_root: options.DataRoot = None) -> None:
    """List data sets and whether they are below the data root."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from harness.data.formats.files import data_root as rooted
    from harness.data.sets.datasets import DATASETS, UNSEEN
    from harness.data.sets.prepare import is_there
    from harness.data.sets.prepared import own_datasets

    root = rooted(data_root)
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for head in ("Data set", "Classes", "Here", "Licence", "Title"):
        table.add_column(head, overflow="fold")
    for spec in (DATASETS | own_datasets(root)).values():
        here = "embedded" if spec.embedded else "yes" if is_there(spec.name, root) else "no"
        table.add_row(spec.name, str(spec.num_classes), here, spec.licence, spec.title)
    stdout().print(table)
    unseen = ", ".join(name for name in DATASETS if name in UNSEEN)
    stdout().print(f"Never had whole by this project, read in tests from made files: {unseen}.")
    say(f"Data root: {root}")


@app.command()
def prepare(
    names: Annotated[
        list[str],
        typer.Argument(
            help="Data sets, or your own: hf:OWNER/NAME[:CONFIG], openml:NUMBER, table:FILE, "
            "folder:FOLDER."
        ),
    ],
    called: Annotated[
        str, typer.Option("--name", help="What to call your own data set in split ids.")
    ] = "",
    target: Annotated[str, typer.Option(help="Column to predict, of your own data set.")] = "",
    size: Annotated[
        int | None, typer.Option(min=1, help="Side in pixels that your own images are scaled to.")
    ] = None,
    near: Annotated[
        list[str] | None,
        typer.Option(help="Near-OOD set of your own data: folder:, hf: or table:."),
    ] = None,
    far: Annotated[list[str] | None, typer.Option(help="Far-OOD set, likewise.")] = None,
    background: Annotated[
        Literal["white", "black"], typer.Option(help="What transparent images are laid over.")
    ] = "white",
    header: Annotated[
        bool, typer.Option("--header/--no-header", help="Whether a CSV file begins with names.")
    ] = True,
    separator: table_options.Separator = "",
    decimal: table_options.Decimal = "",
    encoding: table_options.Encoding = "",
    missing: table_options.Missing = None,
    text: table_options.Text = None,
    drop: table_options.Drop = None,
    force: table_options.Force = False,
    split: table_options.Split = "",
    test: table_options.Test = "",
    test_rows: table_options.TestRows = "",
    folds: table_options.Folds = "",
    leave_one_out: table_options.LeaveOneOut = False,
    group: table_options.Group = "",
    ordered: table_options.Ordered = False,
    data_root: options.DataRoot = None,
) -> None:
    """Get data sets, check them, and put them below the data root."""
    from harness.data.formats.files import data_root as rooted
    from harness.data.sets import prepare as preparing
    from harness.data.sets.own import Options
    from harness.errors import SpecError
    from harness.models.obtain.vision import torchvision

    chosen = Options(
        name=called,
        target=target,
        size=size,
        near=tuple(near or ()),
        far=tuple(far or ()),
        background=background,
        header=header,
        separator=separator,
        decimal=table_options.known(decimal),
        encoding=encoding,
        missing=tuple(missing or ()),
        text=tuple(text or ()),
        drop=tuple(drop or ()),
        force=force,
        split=split,
        test=test,
        test_rows=test_rows,
        folds=folds,
        leave_one_out=leave_one_out,
        ordered=ordered,
        group=group,
    )
    if called and len(names) > 1:
        raise SpecError(
            f"Expected one data set to call {called!r}; got {len(names)}. Prepare them one by one."
        )
    for name in names:
        say(preparing.prepare(name, rooted(data_root), torchvision, chosen))


@app.command()
def verify(names: Names = None, data_root: options.DataRoot = None) -> None:
    """Compare data files with their published checksums and content; exit code 2 if any differ."""
    from harness.data.formats.files import data_root as rooted
    from harness.data.sets import prepare as preparing
    from harness.data.sets.datasets import DATASETS
    from harness.data.sets.prepared import own_datasets
    from harness.errors import DataError

    root = rooted(data_root)
    known = DATASETS | own_datasets(root)
    wanted = names or [name for name in known if preparing.is_there(name, root)]
    bad = 0
    for name in wanted:
        for check in preparing.verify(name, root):
            bad += not check.good
            say(f"{'good' if check.good else 'BAD '}  {name}  {check.subject}: {check.sentence}")
    if bad:
        raise DataError(f"{bad} of the files or parts above are not what was published.")


@app.command()
def manifest(
    suite: Annotated[str, typer.Argument(help="Suite id.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write.")] = None,
    labels_only: Annotated[
        bool, typer.Option("--labels-only", help="From labels alone, without pools.")
    ] = False,
    data_root: options.DataRoot = None,
) -> None:
    """Make a suite's manifest again; say whether it is the committed one."""
    from harness.atomic import write_text
    from harness.data.suites.make_manifest import labels_manifest, suite_manifest
    from harness.data.suites.manifest import FOLDER

    text = (labels_manifest if labels_only else suite_manifest)(suite, data_root)
    committed = FOLDER / f"{suite}.json"
    before = committed.read_text("utf-8") if committed.is_file() else None
    if output is None:
        say(text.rstrip("\n"))
    else:
        write_text(output, text)
    if before is None:
        remark(
            f"No manifest of {suite} is committed yet. Commit it with: "
            f"tailmark data manifest {suite} -o {committed}"
        )
    elif before == text:
        remark(f"The same as the committed manifest of {suite}.")
    else:
        remark(f"DIFFERS from the committed manifest of {suite}: it needs a new version.")


app.command()(export.rows)
app.command()(export.export)
app.command()(looking.show)
app.command()(looking.duplicates)
app.command()(looking.truths)

"""``tailmark data show`` and ``tailmark data duplicates``: look before you read."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options
from harness.cli.console import remark, say

if TYPE_CHECKING:
    from harness.data.suites.open import OpenSuite
    from harness.types import Split


def show(
    suite: Annotated[str, typer.Argument(help="Suite id, see: tailmark list suites.")],
    cell: Annotated[
        str | None, typer.Option("--cell", "-c", help="Split id; default: the suite's last cell.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the split.")] = 0,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="PNG to write; none: the terminal.")
    ] = None,
    data_root: options.DataRoot = None,
) -> None:
    """Draw a split: counts, transition matrix, training images, and what it is tested on."""
    from harness.data.suites.open import open_suite
    from harness.errors import SpecError

    if output is not None and output.suffix.lower() != ".png":
        raise SpecError(f"Expected a file name ending in .png; got {output.name!r}.")
    opened = open_suite(suite, data_root)
    split = opened.split(cell or opened.suite.cells[-1], seed)
    if output is None:
        from harness.pictures.split import split_text

        say(split_text(opened, split))
        remark("A picture with images: add -o split.png")
        return
    _save(opened, split, output)
    say(f"Written: {output}")


def _save(opened: "OpenSuite", split: "Split", output: Path) -> None:
    """Write the picture whole or not at all."""
    from harness.atomic import replacing
    from harness.errors import StoreError
    from harness.pictures.split import split_figure

    figure = split_figure(opened, split)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with replacing(output, durable=False) as temporary:
            figure.savefig(temporary, format="png", dpi=110)
    except OSError as error:
        raise StoreError(
            f"Expected to write {output}; got: {error.strerror}. Name another file with -o."
        ) from error


def duplicates(
    suite: Annotated[str, typer.Argument(help="Suite id, see: tailmark list suites.")],
    min_correlation: Annotated[
        float,
        typer.Option(help="Correlation of pixels; 0.995 for pictures of products on black."),
    ] = 0.9,
    most: Annotated[int, typer.Option("--list", min=0, help="How many pairs to list.")] = 10,
    data_root: options.DataRoot = None,
) -> None:
    """Say how many test images are nearly in the training pool."""
    from harness.data.pools.duplicates import near_duplicates
    from harness.data.suites.open import open_suite
    from harness.errors import SpecError

    if not 0 <= min_correlation <= 1:  # NaN lies nowhere
        raise SpecError(f"min-correlation should lie in 0 to 1; got {min_correlation:g}.")
    opened = open_suite(suite, data_root)
    found = near_duplicates(opened.test, opened.train, min_correlation=min_correlation)
    say(found.summary(opened.test, opened.train))
    order = sorted(range(len(found.rows)), key=lambda i: (-found.correlation[i], found.rows[i]))
    for i in order[:most]:
        say(
            f"test {found.rows[i]:>6}  train {found.others[i]:>6}  "
            f"correlation {found.correlation[i]:.4f}  bits {found.bits[i]}"
        )


def truths(
    suite: Annotated[str, typer.Argument(help="Suite id, see: tailmark list suites.")],
    data_root: options.DataRoot = None,
) -> None:
    """Say how corrected and human-uncertain test labels differ from the published ones."""
    from harness.data.formats.files import data_root as rooted
    from harness.data.suites.open import open_suite
    from harness.data.worlds.truths import TRUTHS, read_truths, truths_of
    from harness.errors import SpecError

    opened = open_suite(suite, data_root)
    dataset, labels = opened.suite.dataset, opened.test.labels
    known = truths_of(dataset)
    if not known or labels is None:
        raise SpecError(
            f"Expected a suite whose test labels somebody else has judged; {suite} has the "
            "published ones only. Known: suites over mnist, cifar10 and cifar100."
        )
    there, absent = read_truths(known, dataset, labels, opened.num_classes, rooted(data_root))
    for truth in there.values():
        say(truth.summary(labels))
        remark(f"{TRUTHS[truth.name].source} ({TRUTHS[truth.name].licence})")
    for name, reason in absent.items():
        say(f"{name}: absent. {reason}")

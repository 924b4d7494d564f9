"""``tailmark new`` and ``check``."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from harness.cli import options
from harness.cli.console import remark, say

if TYPE_CHECKING:
    from harness.data.suites.open import OpenSuite
    from harness.runs.plan import Entry
    from harness.types import EntryCard

Kind = Literal["method", "model", "predictions"]


def new(
    name: Annotated[str, typer.Argument(help="Lower-case letters, digits and dashes.")],
    kind: Annotated[Kind, typer.Option("--kind", "-k", help="What the entry brings.")] = "method",
    source: Annotated[
        str | None,
        typer.Option(
            "--from", help="Folder of predictions, model file or address that the card is about."
        ),
    ] = None,
    tracking_uri: options.TrackingUri = None,
    submissions: options.Submissions = None,
) -> None:
    """Write a card.

    With --kind predictions --from FOLDER every file of predictions below FOLDER is listed. Files
    are named '<cell>-s<seed>/<pool>.npz' (or .npy, .csv, .parquet), such as
    'digits-exp10-clean-s0/test.npz' and 'digits-exp10-clean-s0/ood/near/digits89.npz', or in one
    folder 'digits-exp10-clean-s0-ood-near-digits89.npz'. They are copied into the entry's folder
    unless they lie there already. See docs/predictions.md.

    With --kind model --from models:/name/3, runs:/…, hf://owner/name@commit or a file (.onnx,
    .pt2, .skops, .safetensors) the card says what the model says of itself. See docs/loaders.md.
    """
    from harness.paths import submissions_folder

    root = submissions_folder(submissions)
    if source is not None:
        _new_from(root, name, kind, source, tracking_uri)
        return
    from harness.models.cards.writing import new_entry

    path = new_entry(root, name, kind)
    say(f"Wrote {path}.")
    say(
        f"Next: fill it in, then: tailmark check {name}; tailmark run {name}; tailmark rank --local"
    )


def _new_from(root: Path, name: str, kind: Kind, source: str, uri: str | None) -> None:
    from harness.errors import CardError
    from harness.models.cards.collected import new_from
    from harness.models.loaders.targets import is_target, new_model

    if is_target(source) and kind != "predictions":
        path = new_model(root, name, source, uri)
        say(f"Wrote {path}.")
        say(
            "Next: read its comments, then: "
            f"tailmark check {name} --suite digits-v1; tailmark run {name} --suite digits-v1"
        )
        return
    if kind != "predictions":
        raise CardError(
            "--from names a model (.onnx, .pt2, .skops, .safetensors, models:/…, runs:/…, hf://…) "
            f"or a folder of predictions; got {source[:80]!r} and --kind {kind}. Of a folder? Add: "
            "--kind predictions"
        )
    path, found = new_from(root, name, Path(source))
    jobs = {key.partition("/")[0] for key in found.files}
    say(f"Wrote {path}: {len(found.files)} files of {len(jobs)} jobs, with their sha256 sums.")
    if found.others:
        remark(f"Left alone, for their names say no job and pool: {', '.join(found.others[:5])}")
    say(f"Next: tailmark check {name}; tailmark run {name}; tailmark rank --local")


def check(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Entries, by name or folder, or models by file or address; none: all."),
    ] = None,
    suite: Annotated[
        str | None,
        typer.Option(
            "--suite", "-s", help="Suite to check against; default: the one of the card's files."
        ),
    ] = None,
    honesty: Annotated[
        bool,
        typer.Option(
            "--honesty", help="With --suite: also ask its model whether it answers by what it sees."
        ),
    ] = False,
    trust: options.Trust = False,
    submissions: options.Submissions = None,
    store: options.Store = None,
    data_root: options.DataRoot = None,
    tracking_uri: options.TrackingUri = None,
) -> None:
    """Check cards and all that they name, and say what a run will take.

    Whatever a run would refuse is said here: settings, files and their sha256 sums, rows, columns
    and values of predictions, names, shapes and numbers of weights; with --suite four test inputs
    go through a model file that holds its network. Nothing of the entry's code is imported. A model
    without a card (model.onnx, models:/name/3) is checked on --suite.

    With --honesty and --suite its model is asked, trained where the store has none: do two passes
    in another order and batch size agree, does it know the order of the test set, does it look
    inputs up. Exit code 1: something speaks against it (review flags of its rows are printed and
    count for nothing). 2: a mistake.
    """
    from harness.errors import HarnessError
    from harness.models.cards.cards import check_entry
    from harness.models.loaders.targets import is_target
    from harness.paths import records_folder, store_folder, submissions_folder
    from harness.runs.plan import entry_folders, find_entries, find_entry, with_parents

    root = submissions_folder(submissions)
    wanted = list(names or entry_folders(root))
    if not wanted:
        find_entries([], root)  # says what to do
    suites = _Suites(suite, data_root)
    roots = (records_folder(store_folder(store)), root)
    if honesty and suite is None:
        from harness.errors import SpecError

        raise SpecError("--honesty asks a model about the inputs of a suite. Name it: --suite")
    failures = doubts = 0
    cardless = TemporaryDirectory(prefix="tailmark-")
    for name in dict.fromkeys(wanted):
        try:
            if is_target(name):
                name = suites.card_of(name, Path(cardless.name), tracking_uri, store)
            entry = find_entry(name, root, trust=True)  # nothing of it is run
            opened, notes = suites.of(entry.card)
            notes += check_entry(entry.folder, suite=opened, trust=trust)
            with_parents([entry], root, trust=True)
            cost = "" if opened is None else _cost(entry, opened, roots)
            speaks: list[str] = []
            flags: list[str] = []
            if honesty and opened is not None:
                from harness.runs.honesty import honesty as asked

                entry = find_entry(name, root, trust=trust)
                found = asked(entry, opened, submissions=submissions, store=store, trust=trust)
                speaks, flags = found.doubts, found.flags
                notes += found.notes
        except HarnessError as error:
            failures += 1
            remark(f"tailmark: {_of(name, str(error))}")
            continue
        against = "" if opened is None else f", on {opened.suite.id}"
        say(f"{entry.card.name}: ok ({entry.card.kind}{against})")
        for note in notes:
            say(f"  note: {note}")
        for flag in speaks:
            say(f"  speaks against it: {flag}")
        for flag in flags:
            say(f"  look again: {flag}")
        doubts += bool(speaks)
        if cost:
            say(f"  cost: {cost}")
    cardless.cleanup()
    if failures or doubts:
        raise typer.Exit(2 if failures else 1)


def _of(name: str, sentence: str) -> str:
    """Return a sentence that begins with the entry it is about."""
    short = Path(name).name
    known = sentence.startswith((short, "No entry", "Expected", "An entry is"))
    return sentence if known else f"{short}: {sentence}"


class _Suites:
    """The suite that entries are checked against: the one asked for, or that of their files."""

    def __init__(self, asked: str | None, data_root: Path | None) -> None:
        self.data_root = data_root
        self.opened: dict[str, OpenSuite] = {}
        self.asked = None if asked is None else self._open(asked)

    def _open(self, name: str) -> "OpenSuite":
        from harness.data.suites.open import open_suite

        if name not in self.opened:
            self.opened = {name: open_suite(name, self.data_root)}  # one suite fills the memory
        return self.opened[name]

    def card_of(self, word: str, folder: Path, uri: str | None, store: Path | None) -> str:
        """Write the card of a model that has none, tried on the suite; return its folder."""
        from harness.connection import tracking_uri
        from harness.errors import SpecError
        from harness.models.loaders.targets import run_entry

        if self.asked is None:
            raise SpecError(
                f"{word[:120]} has no card that names a suite. Name the one to check it on: --suite"
            )
        return str(run_entry(word, folder, self.asked, tracking_uri(uri, store=store)))

    def of(self, card: "EntryCard") -> "tuple[OpenSuite | None, list[str]]":
        """Return the suite for a card, None where there is none, and remarks about that."""
        from harness.data.suites.catalogue import SUITES
        from harness.errors import HarnessError
        from harness.models.cards.files import suites_about

        if self.asked is not None:
            return self.asked, []
        for name in suites_about(card, SUITES)[:1]:
            try:
                return self._open(name), []
            except HarnessError as error:
                return None, [f"its files were not compared with {name}: {error}"]
        return None, []


def _cost(entry: "Entry", opened: "OpenSuite", roots: "tuple[Path, ...]") -> str:
    from harness.runs.estimate import estimate

    return str(estimate(entry, opened, roots))

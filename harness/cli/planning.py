"""``tailmark plan``: what a run would do, and take, before it starts."""

from harness.cli import options
from harness.cli.console import remark, say
from harness.cli.options import size_text
from harness.cli.running import Names
from harness.cli.tables import answer


def plan(
    names: Names = None,
    suite: options.Suite = "digits-v1",
    cell: options.Cells = None,
    seed: options.Seeds = None,
    output: options.Output = "text",
    tracking_uri: options.TrackingUri = None,
    trust: options.Trust = False,
    submissions: options.Submissions = None,
    store: options.Store = None,
    data_root: options.DataRoot = None,
) -> None:
    """Say what a run would do: jobs, how many the store has, estimated time and memory.

    It takes what run takes: entries by name or folder, files of models, addresses. Estimates come
    from what jobs of the same entry or trainer took in past records; a model from outside is
    timed on a few rows. Nothing is trained and nothing is written.
    """
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from harness.paths import store_folder, submissions_folder
    from harness.runs.api import card_of
    from harness.runs.estimate import duration
    from harness.runs.execute import Place
    from harness.runs.planning import planned, summary

    problems: list[str] = []
    place = Place(suite, store_folder(store), submissions_folder(submissions), data_root, trust)
    with TemporaryDirectory() as cards:  # of models that have none: a plan writes nothing
        made = {name: card_of(name, place, Path(cards), tracking_uri) for name in names or ()}
        given = {name: folder for name, folder in made.items() if folder is not None}
        found = list(
            planned(names or (), place, cells=cell, seeds=seed, problems=problems, cards=given)
        )
    if output != "text":
        heads = ("entry", "jobs", "kept", "seconds", "memory_bytes", "basis")
        rows = [(p.entry, p.jobs, p.kept, p.seconds, p.memory, p.basis) for p in found]
        answer(heads, rows, output)
    else:
        shown = [
            (
                p.entry,
                p.jobs,
                p.kept,
                "?" if p.seconds is None else duration(p.seconds) if p.kept < p.jobs else "-",
                "?" if p.memory is None else size_text(int(p.memory)),
                p.basis,
            )
            for p in found
        ]
        answer(("Entry", "Jobs", "In store", "Time", "Memory", "Based on"), shown, output)
        say(summary(found))
    for problem in problems:
        remark(f"tailmark: {problem}")

"""``tailmark macs``: multiply-accumulates of records from before they were counted in each run."""

from harness.cli import options
from harness.cli.console import say
from harness.cli.running import Names
from harness.cli.tables import answer


def macs(
    names: Names = None,
    suite: options.Suite = "digits-v1",
    output: options.Output = "text",
    trust: options.Trust = False,
    submissions: options.Submissions = None,
    store: options.Store = None,
    data_root: options.DataRoot = None,
) -> None:
    """Count the multiply-accumulates of submitted entries for one input, and list them.

    A run counts them itself and its record holds them. For older records they stand in macs.toml
    beside the entries, each with the sha256 of the record that it speaks of. A model is trained on
    a few rows for this, once for each data set of the suite; one whose count depends on its
    training rows is taken from the store or trained on all of them.
    """
    from harness.paths import submissions_folder
    from harness.records.macs import write_macs
    from harness.runs.macs import count

    rows: list[tuple[object, ...]] = []
    for found in count(
        names or (), suite, submissions=submissions, store=store, data_root=data_root, trust=trust
    ):
        line = found.line
        path = write_macs(submissions_folder(submissions), {f"{found.entry}/{suite}": line})
        counted = line.macs.count
        shown = "" if counted is None else f"{counted:.0f}"
        rows.append((found.entry, shown, line.macs.why))
    answer(("Entry", "MACs", "Not counted because"), rows, output)
    if output == "text":
        say(f"Wrote {len(rows)} lines of {path}.")

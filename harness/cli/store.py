"""``tailmark store``: what the store holds, and making room in it."""

from harness.cli import options
from harness.cli.console import say
from harness.cli.options import size_text
from harness.cli.tables import answer


def store(
    features_budget: options.FeaturesBudget = None,
    output: options.Output = "text",
    store: options.Store = None,
) -> None:
    """Say what the store holds and how large it is.

    With --features-budget the oldest features and corrupted copies of test images are dropped
    until all fit. Nothing else is ever dropped: trained states, predictions, results and records
    stay. What was dropped and is needed again is computed again; tailmark run takes the same
    option. Parts are of passes that were stopped; they go when the same run ends well.
    """
    from harness.models.store.store import COPIES, PARTS, ROOMS, Store
    from harness.paths import store_folder

    folder = store_folder(store)
    kept = Store(folder)
    freed = None if features_budget is None else kept.drop_features(features_budget)
    things = list(kept.listing())
    lines = []
    more = [room for room in (COPIES, PARTS) if any(thing.room == room for thing in things)]
    for room in (*ROOMS, *more):
        here = [thing for thing in things if thing.room == room]
        features = sum(thing.features for thing in here)
        lines.append((room, len(here), sum(thing.bytes for thing in here), features))
    if output == "text":
        shown = [(room, n, size_text(size), size_text(part)) for room, n, size, part in lines]
        answer(("Room", "Things", "Size", "Features"), shown, output)
    else:
        answer(("room", "things", "bytes", "feature_bytes"), lines, output)
    if freed is not None and output == "text":
        say(f"Freed {size_text(freed)} of features and copies below {folder}.")

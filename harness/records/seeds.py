"""A record as it would be had only some of its seeds been asked for; in memory only."""

from collections.abc import Collection, Sequence

from harness.lookup import unknown
from harness.records.records import Recorded


def only_seeds(recorded: Recorded, seeds: Collection[int]) -> Recorded:
    """Return a record cut to some of its suite's seeds, in the suite's order.

    Parameters
    ----------
    recorded : Recorded
        With arrays; it is not changed.
    seeds : collection of int
        Seeds of the suite, not their places.

    Raises
    ------
    UnknownNameError
        If the suite has no such seed.
    """
    record = recorded.record
    known = record.suite.seeds
    for seed in seeds:
        if seed not in known:
            raise unknown(f"seed of {record.suite.id}", str(seed), map(str, known))
    places = [place for place, seed in enumerate(known) if seed in seeds]
    now = {place: at for at, place in enumerate(places)}

    def cut(grid: Sequence[Sequence[float | None]]) -> list[list[float | None]]:
        return [[row[place] for place in places] for row in grid]

    variants = {
        name: body.model_copy(update={"metrics": {k: cut(g) for k, g in body.metrics.items()}})
        for name, body in record.variants.items()
    }
    grid = record.variants[""].metrics.get(record.suite.primary, ())
    # One seed of an entry that varies over the others does not make it deterministic.
    still = all(len(set(row)) == 1 for row in grid)
    update = {
        "deterministic": record.deterministic and still,
        "suite": record.suite.model_copy(update={"seeds": tuple(known[place] for place in places)}),
        "jobs": [
            job.model_copy(update={"seed": now[job.seed]}) for job in record.jobs if job.seed in now
        ],
        "variants": variants,
        "undefined": [
            item if item.seed is None else item.model_copy(update={"seed": now[item.seed]})
            for item in record.undefined
            if item.seed is None or item.seed in now
        ],
    }
    arrays = {name: array[:, places] for name, array in recorded.arrays.items()}
    return Recorded(record.model_copy(update=update), recorded.path, arrays)

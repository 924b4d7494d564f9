"""What a ranking allows one to say, in a sentence: the page's headline."""

from harness.types import Ranking


def headline(ranking: Ranking) -> str:
    """Return what the data allow to say of the top of a ranking.

    Parameters
    ----------
    ranking : Ranking
        Its tie classes decide; values alone decide nothing.

    Examples
    --------
    >>> headline(Ranking("s", "test/nll", False, "open", (), (), ()))
    'No entry has a value in every cell, so nothing is ranked.'
    """
    rows = ranking.rows
    if not rows:
        return "No entry has a value in every cell, so nothing is ranked."
    if rows[0].tie_class is None:
        return (
            f"{_entries(len(rows))} in order of their values alone: no replicates of this metric "
            "are stored, so no difference can be told from chance."
        )
    if len(rows) == 1:
        return f"One entry is ranked, {rows[0].name}: there is nothing to compare it with."
    top = sum(row.tie_class == 1 for row in rows)
    rest = len(rows) - top
    if rest == 0:
        return f"None of {len(rows)} entries can be told apart from the first."
    classes = len({row.tie_class for row in rows}) - 1
    follow = f"{rest} {'follows' if rest == 1 else 'follow'}"
    steps = "" if classes == 1 else f" in {classes} steps that the data tell apart"
    if top == 1:
        return f"{rows[0].name} is ahead of all others; {follow}{steps}."
    return f"{top} entries cannot be told apart at the top; {follow}{steps}."


def _entries(count: int) -> str:
    return "One entry" if count == 1 else f"{count} entries"

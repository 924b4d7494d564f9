"""What the numbers of a ranking do not cover, in sentences (PROTOCOL section 5)."""

from harness.data.suites.own import is_own, suite_named
from harness.errors import HarnessError

NOTES = (
    "Near-duplicates between training and test make every interval too narrow.",
    "Near and far OOD speak of the listed sets only.",
    "Intervals are slightly optimistic for pools that were sampled freely.",
)
"""What the error bars do not cover."""


def notes_of(suite: str) -> tuple[str, ...]:
    """Return what the numbers of a suite do not cover.

    Of data of the user's own that are prepared on this machine, exact doubles are among it.

    Parameters
    ----------
    suite : str
        Suite id.
    """
    if not is_own(suite):
        return NOTES
    try:
        notes = suite_named(suite).notes
    except HarnessError:
        return NOTES  # the data are on another machine
    return (*(note for note in notes if "exact doubles" in note), *NOTES)

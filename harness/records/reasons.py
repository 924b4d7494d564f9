"""Why a value is missing, in words that a reader of one record alone can use."""

from harness.scores.ood import MISSING
from harness.types.results import RunRecord

OF_ANOTHER = (
    "a head stores no features: they are those of the entry that it reads, the same for every "
    "head, and that entry's record has the scores of features"
)


def reason_words(record: RunRecord, reason: str) -> str:
    """Return a reason, with what the record knows beside it.

    Parameters
    ----------
    record : RunRecord
        Where the value is missing.
    reason : str
        One of its `undefined`. A record from before settings were kept says no more than that.
    """
    started = any(asked.parent is not None for asked in record.asked or ())
    if started and reason.startswith(MISSING["features"]):
        return OF_ANOTHER
    return reason

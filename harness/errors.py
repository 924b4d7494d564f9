"""Errors that a user can correct.

The tree::

    HarnessError
    ├── UnknownNameError       a name that is in no table ("did you mean")
    ├── SpecError              a split, suite or option outside its range
    ├── DataError              a data file that is missing, truncated or not what it should be
    │   └── DownloadError      a data file that could not be fetched
    ├── CardError              an entry's card or its files
    ├── PredictionsError       arrays that are not predictions (shape, range, NaN)
    ├── TrainingError          a training that cannot go on (NaN loss, class without an image)
    ├── SandboxError           code from outside that was ended, or no sandbox for it
    ├── StoreError             evidence or a results folder that cannot be read or written
    ├── TrackingError          MLflow could not be reached; the record is safe
    └── RecordMismatchError    a record, split or manifest that does not reproduce

    Undefined                  a metric that has no value here; carries the reason

Every message says what was expected, what was received and what to do. The command line prints
a `HarnessError` as text and exits with code 2; everything else is our bug and keeps its traceback.
"""


class HarnessError(Exception):
    """Root of all errors that a user can correct."""


class UnknownNameError(HarnessError):
    """A name that no table holds."""


class SpecError(HarnessError):
    """A split, suite or option outside its range."""


class DataError(HarnessError):
    """A data file that is missing, truncated or not what it should be."""


class DownloadError(DataError):
    """A data file that could not be fetched."""


class CardError(HarnessError):
    """An entry's card, or a file that the card names."""


class OpenCardError(CardError):
    """A card that leaves open what its model needs."""


class PredictionsError(HarnessError):
    """Arrays that are not predictions for this pool."""


class TrainingError(HarnessError):
    """A training that cannot go on."""


class SandboxError(HarnessError):
    """Code from outside that was ended, or a machine without a sandbox for it."""


class StoreError(HarnessError):
    """Evidence or a results folder that cannot be read or written."""


class TrackingError(HarnessError):
    """The tracking server could not be reached or refused."""


class RecordMismatchError(HarnessError):
    """A record, split or manifest that does not reproduce."""


class Undefined(Exception):  # noqa: N818  (not a mistake of anybody: a value that does not exist)
    """A metric that has no value on these data.

    Parameters
    ----------
    reason : str
        One clause without a full stop, e.g. ``"no class has fewer than 20 training images"``.
        It is what records and pages show instead of a number.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

"""What a reader of model files returns, and which packages it needs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

from harness.errors import CardError
from harness.models.loaders.feeding import Declared


@dataclass(frozen=True)
class Opened:
    """A network out of a file, ready to be called."""

    call: Callable[[np.ndarray], np.ndarray]
    """From float32 inputs (b, …) to an array (b, k)."""
    declared: Declared
    """What the file says of its input and output."""
    parameters: int | None
    """Number of trained numbers; None: not known."""
    columns: int | None = None
    """Number of columns that it returns; None: not known before it is called."""


def needed(packages: Sequence[str], extra: str, what: str) -> None:
    """Refuse a file whose packages are not installed.

    Parameters
    ----------
    packages : sequence of str
        Modules that read it.
    extra : str
        Of ours that installs them.
    what : str
        What sentences call the file.

    Raises
    ------
    CardError
        With what to install.
    """
    for package in packages:
        if find_spec(package) is None:
            raise CardError(
                f"{what} needs {package}, which is not installed. Run: "
                f"pip install 'tailmark[{extra}]'"
            )

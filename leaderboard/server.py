"""The board's process: Streamlit, and the records read before the first visitor asks for them.

``tailmark board`` starts it: ``python -m leaderboard.server --server.port=8501 …``, with
Streamlit's own options.
"""

import logging
import sys
import time
from contextlib import suppress
from pathlib import Path
from threading import Thread

LATER = 5.0
"""Seconds in which the first visitor has the machine before what nobody has asked for is done."""


def main() -> None:
    """Serve the board until the process is ended."""
    from streamlit.web import cli

    Thread(target=prepare, name="prepare", daemon=True).start()
    sys.argv = ["streamlit", "run", str(Path(__file__).parent / "app.py"), *sys.argv[1:]]
    cli.main()


def prepare() -> None:
    """Import what the pages need and read every suite; visitors share what is read.

    A visitor who comes meanwhile waits for the same reading. Whatever goes wrong is told by the
    page that asks again.
    """
    # Said once for each thing that is read without a visitor; nothing is shown to nobody.
    # A filter, because the web server's own set-up of logging makes disabled loggers heard again.
    logging.getLogger("streamlit.runtime.scriptrunner_utils.script_run_context").addFilter(
        lambda record: False
    )
    with suppress(Exception):
        from leaderboard.views import board

        board.suites()
        time.sleep(LATER)
        import altair  # noqa: F401 (half a second that the first chart need not wait for)

        import harness.published.claims  # noqa: F401 (and with it scipy: the same)


if __name__ == "__main__":
    main()

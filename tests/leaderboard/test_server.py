"""Records are read before the first visitor asks, and nobody is warned that there is none yet."""

import logging
import logging.config

from leaderboard import server
from leaderboard.views import board

STREAMLIT = "streamlit.runtime.scriptrunner_utils.script_run_context"


def test_reading_without_a_visitor_is_not_warned_of(monkeypatch):
    read, heard = [], []

    def suites():
        # what the web server does at its start: loggers that exist are enabled again
        logging.config.dictConfig({"version": 1, "disable_existing_loggers": False})
        logging.getLogger(STREAMLIT).warning("missing ScriptRunContext")
        read.append(True)

    monkeypatch.setattr(board, "suites", suites)
    monkeypatch.setattr(server, "LATER", 0)
    logger = logging.getLogger(STREAMLIT)
    listener, before = logging.Handler(), list(logger.filters)
    listener.emit = heard.append
    logger.addHandler(listener)
    try:
        server.prepare()
    finally:
        logger.removeHandler(listener)
        logger.filters[:] = before
    assert read
    assert heard == []

"""``tailmark board``: the leaderboard in the browser.

Streamlit is started in a process of its own, so that no command pays for it.
"""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options
from harness.cli.console import remark
from harness.errors import HarnessError

FLAGS = (
    "--server.address=127.0.0.1",
    "--server.headless=true",
    "--server.showEmailPrompt=false",
    "--browser.gatherUsageStats=false",
)
"""Loopback only, no questions, no telemetry; the look is in ``leaderboard/.streamlit``."""


def board(
    port: Annotated[int, typer.Option(help="Port on this machine.")] = 8501,
    export: Annotated[
        Path | None,
        typer.Option(
            "--export",
            help="Write it to this folder instead: a site for any web host, with CSV.",
        ),
    ] = None,
    tracking_uri: Annotated[
        str | None,
        typer.Option(
            help="Show the records of this MLflow server as well; those that neither a "
            "maintainer nor this machine made again are listed, not ranked."
        ),
    ] = None,
    local: options.Local = False,
    with_local: options.WithLocal = False,
    submissions: options.Submissions = None,
    store: options.Store = None,
) -> None:
    """Open the leaderboard in the browser, or write it as a static site with its tables."""
    from harness.paths import records_folder, store_folder, submissions_folder

    own = [records_folder(store_folder(store))] if local or with_local else []
    if tracking_uri is not None:
        from harness.tracking.collect import collect_records

        folder, fetched = collect_records(tracking_uri, store=store)
        remark(f"{fetched} records fetched from MLflow; they lie in {folder}.")
        own.append(folder)
    handed_in = None if local else submissions_folder(submissions)
    code = (
        serve(handed_in, own, port, store_folder(store))
        if export is None
        else write(handed_in, own, export)
    )
    if code:
        raise typer.Exit(code)


def serve(
    submissions: Path | None, local: Sequence[Path], port: int, store: Path | None = None
) -> int:
    """Serve the board on the loopback address until it is interrupted.

    Parameters
    ----------
    submissions : Path or None
        Folder of submitted entries; None: show none.
    local : sequence of Path
        Folders of this machine's own records; an entry is taken from the first that has it.
    port : int
        TCP port in [1, 65535].
    store : Path, optional
        This machine's store, whose predictions the board may show; default: as for commands.

    Returns
    -------
    int
        Exit status of Streamlit; 0 after an interrupt.

    Raises
    ------
    HarnessError
        If Streamlit or altair is not installed, or the port is taken.
    """
    _check_installed("streamlit", "altair", "pandas")
    _check_port(port)
    environment = _environment(submissions, local)
    if store is not None:
        environment["TAILMARK_HOME"] = str(store.resolve())
    command = [sys.executable, "-m", "leaderboard.server", f"--server.port={port}", *FLAGS]
    remark(f"The board is at http://127.0.0.1:{port} (Ctrl-C ends it).")
    # Being ended from outside must end Streamlit too, as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        return process.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        process.terminate()
        process.wait()


def write(submissions: Path | None, local: Sequence[Path], folder: Path) -> int:
    """Write the board as a static site with its tables as CSV.

    Parameters
    ----------
    submissions, local
        As in `serve`.
    folder : Path
        Made when it is not there; one folder per suite inside.

    Returns
    -------
    int
        0, or 2 after a mistake that was named.

    Raises
    ------
    HarnessError
        If pandas is not installed.
    """
    _check_installed("pandas")
    command = [sys.executable, "-m", "leaderboard.export", str(folder)]
    return subprocess.run(command, env=_environment(submissions, local)).returncode


def _check_installed(*names: str) -> None:
    missing = [name for name in names if find_spec(name) is None]
    if missing:
        raise HarnessError(
            f"The board needs {', '.join(missing)}; not installed. "
            "Run: pip install 'tailmark[board]'"
        )


def _environment(submissions: Path | None, local: Sequence[Path]) -> dict[str, str]:
    return {
        **os.environ,
        "TAILMARK_SUBMISSIONS": str(submissions.resolve()) if submissions else "",
        "TAILMARK_LOCAL": os.pathsep.join(str(folder.resolve()) for folder in local),
    }


def _check_port(port: int) -> None:
    """Say that a port is taken; Streamlit would print it among other lines and end."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            raise HarnessError(
                f"The board needs a free port on 127.0.0.1; port {port} answers: {error}. "
                f"Name another: tailmark board --port {port + 1 if port < 65535 else 8501}"
            ) from error

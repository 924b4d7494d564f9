"""An MLflow server with PostgreSQL and a folder of artifacts, on this machine and without Docker.

    python deploy/services.py start     # make services
    python deploy/services.py status
    python deploy/services.py stop

PostgreSQL is a cluster of its own in a folder, started from the Debian package's programs by a user
without rights; both listen on 127.0.0.1 alone. The cluster's password is drawn at the first start
and lies in the folder, readable by nobody else.
"""

import argparse
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

NEEDED = ("initdb", "pg_ctl", "createdb")
"""Programs of PostgreSQL's server."""
SECONDS = 120
"""How long a server may take to answer."""
TRIES = 5
"""How often PostgreSQL is started where it ended a moment ago."""
ADVICE = "Install it: apt-get install postgresql (Debian), or use deploy/compose.yaml with Docker."


class ServicesError(Exception):
    """What keeps a service from starting, as one sentence."""


@dataclass(frozen=True)
class Services:
    """Both servers, by the folder that holds all that they keep."""

    folder: Path
    """Made at the first start."""
    port: int = 5000
    """Of the MLflow server."""
    database_port: int = 54320
    """Of PostgreSQL."""

    @property
    def cluster(self) -> Path:
        """Return PostgreSQL's own folder."""
        return self.folder / "postgres"

    @property
    def uri(self) -> str:
        """Return the address for MLFLOW_TRACKING_URI."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def database(self) -> str:
        """Return the database's address, password included."""
        word = (self.folder / "password").read_text("utf-8").strip()
        return f"postgresql://tailmark:{word}@127.0.0.1:{self.database_port}/mlflow"

    def start(self) -> None:
        """Start both; what runs already is left alone."""
        self.start_database()
        self.start_server()

    def start_database(self) -> None:
        """Start PostgreSQL, and make cluster and database where there are none."""
        programs = found_programs()
        fresh = not (self.cluster / "PG_VERSION").exists()
        owner = unprivileged()
        if fresh:
            self._make_cluster(programs, owner)
        for left in reversed(range(TRIES)):
            if self.database_runs():
                break
            try:
                self._start_cluster(programs, owner)
            except ServicesError:
                if not left:
                    raise
                time.sleep(1)  # processes of a killed cluster have not all ended yet
        if fresh:
            self._run(
                [programs["createdb"], "-h", "127.0.0.1", "-p", self.database_port, "-U",
                 "tailmark", "mlflow"],
                owner, "the database could not be made", PGPASSWORD=self._password(),
            )  # fmt: skip

    def _start_cluster(self, programs: dict[str, str], owner: int | None) -> None:
        options = (
            f"-p {self.database_port} -c listen_addresses=127.0.0.1 "
            f"-c unix_socket_directories={self.cluster}"
        )
        self._run(
            [programs["pg_ctl"], "start", "-D", self.cluster, "-w", "-t", SECONDS,
             "-l", self.cluster / "server.log", "-o", options],
            owner, "PostgreSQL did not start",
        )  # fmt: skip

    def _make_cluster(self, programs: dict[str, str], owner: int | None) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.cluster.mkdir(mode=0o700, exist_ok=True)
        secret = self.folder / "password"
        if not secret.exists():
            secret.touch(mode=0o600)
            secret.write_text(secrets.token_urlsafe(24) + "\n", encoding="utf-8")
        shown = self.cluster.with_name("password.start")  # a copy that the owner may read
        shown.touch(mode=0o600)
        shown.write_text(secret.read_text("utf-8"), encoding="utf-8")
        if owner is not None:
            os.chown(self.cluster, owner, -1)
            os.chown(shown, owner, -1)
            _reachable(self.folder)
        try:
            self._run(
                [programs["initdb"], "-D", self.cluster, "-U", "tailmark", "-E", "UTF8",
                 "--locale=C", "--auth=scram-sha-256", f"--pwfile={shown}"],
                owner, "the cluster could not be made",
            )  # fmt: skip
        finally:
            shown.unlink()

    def start_server(self) -> None:
        """Start the MLflow server over the database, and wait until it answers."""
        if self.server_runs():
            return
        environment = {
            **os.environ,
            "MLFLOW_BACKEND_STORE_URI": self.database.replace("://", "+psycopg2://", 1),
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }
        words = [
            sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", self.port,
            "--artifacts-destination", self.folder / "artifacts", "--workers", 2,
        ]  # fmt: skip
        with (self.folder / "mlflow.log").open("ab") as log:
            running = subprocess.Popen(
                list(map(str, words)), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=environment, start_new_session=True,
            )  # fmt: skip
        (self.folder / "mlflow.pid").write_text(f"{running.pid}\n", encoding="utf-8")
        deadline = time.monotonic() + SECONDS
        while not self.server_answers():
            if running.poll() is not None or time.monotonic() > deadline:
                raise ServicesError(
                    f"The MLflow server did not start; read {self.folder / 'mlflow.log'}. It needs "
                    "mlflow and psycopg2-binary: pip install 'tailmark[services]'"
                )
            time.sleep(0.2)

    def stop(self) -> None:
        """Stop both; what does not run is left alone."""
        pid = self.server_pid()
        if pid is not None:
            os.killpg(pid, signal.SIGTERM)
            deadline = time.monotonic() + 30
            while self.server_pid() is not None and time.monotonic() < deadline:
                time.sleep(0.1)
        if self.database_runs():
            self._run(
                [found_programs()["pg_ctl"], "stop", "-D", self.cluster, "-m", "fast", "-w"],
                unprivileged(), "PostgreSQL did not stop",
            )  # fmt: skip

    def status(self) -> str:
        """Return one line a server."""
        database = "answers" if self.database_runs() else "is not running"
        server = "answers" if self.server_answers() else "is not running"
        return (
            f"PostgreSQL at 127.0.0.1:{self.database_port} {database} ({self.cluster})\n"
            f"MLflow at {self.uri} {server} (artifacts in {self.folder / 'artifacts'})"
        )

    def database_pid(self) -> int | None:
        """Return the process of PostgreSQL, or None where there is none."""
        try:
            pid = int((self.cluster / "postmaster.pid").read_text("utf-8").split()[0])
        except (OSError, ValueError, IndexError):
            return None
        return pid if "postgres" in _command(pid) else None

    def database_runs(self) -> bool:
        """Return whether PostgreSQL runs."""
        return self.database_pid() is not None

    def server_runs(self) -> bool:
        """Return whether our MLflow server runs."""
        return self.server_pid() is not None

    def server_answers(self) -> bool:
        """Return whether a server answers at the address."""
        try:
            with urllib.request.urlopen(f"{self.uri}/health", timeout=3) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    def server_pid(self) -> int | None:
        """Return the process of our MLflow server, the first of its group; None: there is none."""
        try:
            pid = int((self.folder / "mlflow.pid").read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return pid if "mlflow" in _command(pid) else None

    def _password(self) -> str:
        return (self.folder / "password").read_text("utf-8").strip()

    def _run(
        self, words: Sequence[object], owner: int | None, problem: str, **environment: str
    ) -> None:
        done = subprocess.run(
            list(map(str, words)), user=owner, cwd="/", text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False,
            env={**os.environ, **environment},
        )  # fmt: skip
        if done.returncode:
            said = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            raise ServicesError(f"{problem}: {said}. Its log: {self.cluster / 'server.log'}")


def found_programs() -> dict[str, str]:
    """Return PostgreSQL's programs by name; Debian keeps them out of the search path.

    Raises
    ------
    ServicesError
        If they are not installed.
    """
    homes = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for home in [None, *homes]:
        found = {n: shutil.which(n, path=None if home is None else str(home)) for n in NEEDED}
        if all(found.values()):
            return {name: str(path) for name, path in found.items()}
    raise ServicesError(f"PostgreSQL's server is not installed. {ADVICE}")


def unprivileged() -> int | None:
    """Return the user that PostgreSQL runs as where we are root, which it refuses; else None."""
    if os.geteuid():
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_uid
        except KeyError:
            continue
    raise ServicesError("PostgreSQL does not run as root. Start the services as another user.")


def _reachable(folder: Path) -> None:
    """Refuse a folder that the user of the cluster cannot pass through to its own."""
    for above in (folder, *folder.resolve().parents):
        if not above.stat().st_mode & 0o001:
            raise ServicesError(
                f"{above} lets no other user through, and PostgreSQL does not run as root. Name "
                "another folder: --folder"
            )


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def main() -> None:
    """Do what is asked and say where things are; exit code 2 with a sentence where it fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("start", "stop", "status"))
    parser.add_argument("--folder", type=Path, default=Path("services"))
    parser.add_argument("--port", type=int, default=5000)
    parser.add_argument("--database-port", type=int, default=54320)
    asked = parser.parse_args()
    services = Services(asked.folder.resolve(), asked.port, asked.database_port)
    try:
        if asked.what == "start":
            services.start()
        elif asked.what == "stop":
            services.stop()
        sys.stdout.write(f"{services.status()}\n")
        if asked.what == "start":
            sys.stdout.write(f"Log there: export MLFLOW_TRACKING_URI={services.uri}\n")
    except ServicesError as error:
        sys.stderr.write(f"services: {error}\n")
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()

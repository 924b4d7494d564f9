"""Files fetched over HTTP: verified by sha256, resumed where they broke off, never half there."""

import http.client
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from harness.errors import DownloadError
from harness.keys import sha256_file

TRIES = 4
"""How often a download that broke off goes on before it is given up."""
SECONDS = 30
"""How long a server may be silent."""
MAX_BYTES = 32 << 30
"""Largest file that is fetched."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")
"""Hosts that may be asked without encryption: nobody is in between."""


def download(address: str, target: Path, sha256: str, most: int = MAX_BYTES) -> None:
    """Fetch a file, going on where an earlier try broke off.

    What was fetched lies in ``<target>.part`` until its sha256 is the wanted one.

    Parameters
    ----------
    address : str
        ``https://…``, or ``http://`` on this machine.
    target : Path
        In a folder that exists.
    sha256 : str
        Of the whole file.
    most : int
        Bytes above which it is refused.

    Raises
    ------
    DownloadError
        If the address is not such, the server refuses or sends another file.
    """
    check_address(address)
    part = target.with_name(f"{target.name}.part")
    problem = ""
    for _ in range(TRIES):
        before = part.stat().st_size if part.exists() else 0
        try:
            whole = _go_on(address, part, most)
        except urllib.error.HTTPError as error:
            raise DownloadError(
                f"Expected a file at {_shown(address)}; the server answered {error.code} "
                f"{str(error.reason)[:60]}. Correct the address."
            ) from None
        except (OSError, http.client.HTTPException) as error:
            problem = str(getattr(error, "reason", error))[:120] or type(error).__name__
            if not part.exists() or part.stat().st_size <= before:
                break  # nothing came: trying at once again will not help
            continue
        if not whole:
            problem = "the connection ended early"
            continue
        received = sha256_file(part)
        if received == sha256:
            part.replace(target)
            return
        part.unlink()
        raise DownloadError(
            f"{_shown(address)} should have sha256 {sha256[:16]}… and has {received[:16]}…. "
            "It was changed, or one of the two is written wrongly; nothing of it was kept."
        )
    kept = part.stat().st_size if part.exists() else 0
    raise DownloadError(
        f"{_shown(address)} could not be fetched: {problem}. {kept:,} bytes are kept; run the same "
        "command again to go on."
    )


def check_address(address: str) -> None:
    """Refuse an address that is neither HTTPS nor on this machine, or holds a password.

    Raises
    ------
    DownloadError
        With what to write.
    """
    try:
        parts = urlsplit(address)
        plain = parts.scheme == "http" and parts.hostname in LOOPBACK
        fine = bool(parts.hostname) and (parts.scheme == "https" or plain)
        secret = parts.password is not None
    except ValueError:
        fine = secret = False
    if secret or not fine:
        raise DownloadError(
            f"An address of a file is https://…, without a password; got {_shown(address)}. "
            "Write such an address."
        )


def _shown(address: str) -> str:
    start, at, rest = address.rpartition("@")
    if at and "://" in start:
        return f"{start.partition('://')[0]}://…@{rest}"[:200]
    return address[:200]


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follow redirects as release pages use them, but never to what may not be asked."""

    max_redirections = 5

    def redirect_request(
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> Any:
        check_address(newurl)
        if req.type == "https" and not newurl.startswith("https://"):
            raise DownloadError(
                f"{_shown(req.full_url)} redirects to {_shown(newurl)}, which is not encrypted. "
                "Write the address that it should lead to."
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _go_on(address: str, part: Path, most: int) -> bool:
    """Fetch what is missing of a file; return whether the server says that this is all."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(address, headers={"Accept-Encoding": "identity"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    opener = urllib.request.build_opener(_Redirects)
    try:
        answer = opener.open(request, timeout=SECONDS)
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:  # nothing is missing, or the file became shorter
            return True
        raise
    with answer:
        resumed = answer.status == 206 and _starts_at(answer.headers, have)
        length = answer.headers.get("Content-Length")
        start = have if resumed else 0
        wanted = start + int(length) if length and length.isdigit() else None
        if (wanted or 0) > most:
            raise DownloadError(f"{_shown(address)} has {wanted:,} bytes; {_limit(most)}")
        with part.open("ab" if resumed else "wb") as file:
            while block := answer.read(1 << 20):
                file.write(block)
                if file.tell() > most:
                    raise DownloadError(f"{_shown(address)} sends more; {_limit(most)}")
            size = file.tell()
    return wanted is None or size >= wanted


def _limit(most: int) -> str:
    larger = "Split it." if most == MAX_BYTES else "Allow more with --max-bytes."
    return f"at most {most:,} bytes are fetched. {larger}"


def _starts_at(headers: Any, have: int) -> bool:
    return str(headers.get("Content-Range", "")).startswith(f"bytes {have}-")

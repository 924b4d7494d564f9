"""A web server on this machine that misbehaves as asked: one path, one fault."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    content = b""
    asked: list[tuple[str, str | None]] = []

    def do_GET(self) -> None:
        given = self.headers.get("Range")
        self.asked.append((self.path, given))
        start = int(given.removeprefix("bytes=").rstrip("-")) if given else 0
        fault = self.path.split("/")[1]
        if fault == "missing":
            return self.send_error(404)
        if fault == "redirect":
            return self._redirect("/plain/model.pt2")
        if fault == "away":
            return self._redirect("http://example.org/model.pt2")
        if fault == "local":
            return self._redirect("file:///etc/hostname")
        if fault == "circle":
            return self._redirect("/circle/model.pt2")
        body = self.content[start:]
        if fault == "other":
            body = b"somebody else's"
        if fault == "whole":  # takes no ranges
            start, body, given = 0, self.content, None
        self.send_response(206 if given else 200)
        if given:
            self.send_header(
                "Content-Range", f"bytes {start}-{len(self.content) - 1}/{len(self.content)}"
            )
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if fault == "drops":  # ends the connection after some bytes, each time
            body = body[: max(1, len(self.content) // 3)]
        if fault == "silent":
            body = b""
        self.wfile.write(body)
        return None

    def _redirect(self, where: str) -> None:
        self.send_response(302)
        self.send_header("Location", where)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(content: bytes) -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
    """Give the address of a server of one file, and the list of what it was asked."""
    handler = type("Served", (Handler,), {"content": content, "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", handler.asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

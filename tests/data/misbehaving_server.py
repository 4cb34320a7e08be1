"""A local HTTP server that does what real ones do on bad days, and writes down what it was asked."""

import contextlib
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Seen:
    """One request: its path, the headers a download sends, how it was answered, and how much was sent."""

    path: str
    range: str | None
    if_range: str | None
    status: int = 0
    sent: int = 0


@dataclass
class Server:
    """`files` maps paths to bytes; `script` maps paths to behaviours, one a request, then `serve()`."""

    files: dict = field(default_factory=dict)
    etags: dict = field(default_factory=dict)
    script: dict = field(default_factory=dict)
    seen: list = field(default_factory=list)

    def __enter__(self):
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                seen = Seen(self.path, self.headers.get("Range"), self.headers.get("If-Range"))
                outer.seen.append(seen)
                steps = outer.script.get(self.path, [])
                step = steps.pop(0) if steps else serve()
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    step(self, outer, seen)
                self.close_connection = True

            def log_message(self, *args):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._server.shutdown()
        self._server.server_close()

    def url(self, path):
        return f"http://127.0.0.1:{self._server.server_address[1]}{path}"

    def asked(self, path):
        return [s for s in self.seen if s.path == path]


def serve(
    *,
    cut=None,
    ranges=True,
    if_range=True,
    validator=True,
    length=True,
    claimed=None,
    body=None,
    pause_at=None,
    go_on=None,
    reached=None,
):
    """Answer with the file.

    cut: break the connection after so many bytes. ranges: honour Range. if_range: honour If-Range.
    validator: send an ETag. length: send Content-Length; claimed: another one than the true one.
    body: send these bytes in place of the file. pause_at: after so many bytes set `reached` and wait for `go_on`.
    """

    def step(handler, server, seen):
        content = server.files[handler.path] if body is None else body
        etag = server.etags.get(handler.path, '"v1"')
        start = 0
        stale = if_range and seen.if_range not in (None, etag)
        if ranges and seen.range and not stale:
            start = int(seen.range.removeprefix("bytes=").partition("-")[0])
            if start >= len(content):
                seen.status = 416
                handler.send_response(416)
                handler.send_header("Content-Range", f"bytes */{len(content)}")
                handler.send_header("Content-Length", "0")
                handler.send_header("Connection", "close")
                handler.end_headers()
                return
        seen.status = 206 if start else 200
        handler.send_response(seen.status)
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if validator:
            handler.send_header("ETag", etag)
        if length:
            handler.send_header("Content-Length", str(claimed if claimed is not None else len(content) - start))
        handler.send_header("Connection", "close")
        handler.end_headers()
        rest = content[start:]
        if cut is not None:
            rest = rest[:cut]
        if pause_at is not None:
            handler.wfile.write(rest[:pause_at])
            handler.wfile.flush()
            seen.sent += len(rest[:pause_at])
            rest = rest[pause_at:]
            if reached:
                reached.set()
            go_on.wait(30)
        handler.wfile.write(rest)
        handler.wfile.flush()
        seen.sent += len(rest)

    return step


def fail(status, **headers):
    """Answer with an error status."""

    def step(handler, server, seen):
        seen.status = status
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", "0")
        handler.send_header("Connection", "close")
        handler.end_headers()

    return step


def redirect(target):
    """Send the client to another path."""
    return fail(302, Location=target)


def hang_up():
    """Close the connection without an answer."""

    def step(handler, server, seen):
        handler.connection.close()

    return step

"""A real HTTP/1.1 server on loopback, in a thread, that serves a folder and does what servers do wrong.

    with Server(folder) as server:
        server.fault("/20261001/python.tar.gz", cut(after=1000, times=2))
        ... server.url ...
        server.requests("/20261001/python.tar.gz")

Faults of one path are used up in the order in which they were given; what has no fault (left) is served as it should.
"""

import hashlib
import os
import ssl
import threading
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

LOGIN_PAGE = b"<!DOCTYPE html>\n<html><head><title>Welcome to our network</title></head><body>Log in</body></html>\n"


class Fault:
    """One way to go wrong, `times` times, None for ever."""

    def __init__(self, act, times=None):
        self.act = act
        self.left = times


def status(code, times=None, **headers):
    """Answer with a status, and headers written with `_` for `-`."""

    def act(handler, content):
        handler.answer(code, b"", {name.replace("_", "-"): value for name, value in headers.items()})

    return Fault(act, times)


def redirect(to, times=None):
    """Lead to another address."""
    return status(302, times, Location=to)


def cut(after, times=None):
    """Promise everything and close the connection after so many bytes of it."""

    def act(handler, content):
        handler.serve(content, stop_after=after)
        handler.close_connection = True

    return Fault(act, times)


def stall(after, times=None):
    """Send so many bytes, and nothing any more until the server is closed or `release`d."""

    def act(handler, content):
        handler.serve(content, stop_after=after)
        handler.server.stage.stalled.set()
        handler.server.stage.released.wait(60)
        handler.close_connection = True

    return Fault(act, times)


def silence(times=None):
    """Take the question and never say a word, until the server is closed or `release`d."""

    def act(handler, content):
        handler.server.stage.stalled.set()
        handler.server.stage.released.wait(60)
        handler.close_connection = True

    return Fault(act, times)


def instead(content, times=None, content_type="application/octet-stream"):
    """Serve other content than the file's, with 200 and without a word."""

    def act(handler, _):
        handler.answer(200, content, {"Content-Type": content_type})

    return Fault(act, times)


def login_page(times=None):
    """What a hotel's network answers to everything."""
    return instead(LOGIN_PAGE, times, "text/html; charset=utf-8")


def without_ranges(times=None):
    """Send the whole file whatever range was asked for."""

    def act(handler, content):
        handler.serve(content, ranges=False)

    return Fault(act, times)


def without_length(times=None):
    """Send the whole file in chunks, so that its length is unknown."""

    def act(handler, content):
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for start in range(0, len(content), 1000):
            piece = content[start : start + 1000]
            handler.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        handler.write(b"0\r\n\r\n")

    return Fault(act, times)


def wrong_range(times=None):
    """Answer 206 with another part than the one that was asked for."""

    def act(handler, content):
        headers = {"Content-Range": f"bytes 0-9/{len(content)}"}
        handler.answer(206, content[:10], headers)

    return Fault(act, times)


class Request:
    """What a client asked: `path`, `headers` (of any case), and how many bytes of content it was `sent`."""

    def __init__(self, path, headers):
        self.path = path
        self.headers = headers
        self.sent = 0


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Small answers would wait for the client's acknowledgement.
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def handle(self):
        try:
            super().handle()
        except (ConnectionError, ssl.SSLError, TimeoutError):
            pass  # the client has left, as it may

    def do_GET(self):
        stage = self.server.stage
        path = unquote(self.path).partition("?")[0]
        self.request_seen = Request(path, self.headers)
        with stage.guard:
            stage.seen.append(self.request_seen)
            fault = next((fault for fault in stage.faults.get(path, ()) if fault.left != 0), None)
            if fault is not None and fault.left is not None:
                fault.left -= 1
        content = stage.content(path)
        if fault is not None:
            fault.act(self, content or b"")
        elif content is None:
            self.answer(404, b"not here\n")
        else:
            self.serve(content)

    def write(self, content):
        # Counted before it goes: the client may look at the count as soon as it has the last byte.
        for start in range(0, len(content), 1 << 16):
            piece = content[start : start + (1 << 16)]
            self.request_seen.sent += len(piece)
            self.wfile.write(piece)

    def answer(self, code, content, headers=None):
        self.send_response(code)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if code != 304:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.write(content)

    def serve(self, content, *, ranges=True, stop_after=None):
        """Serve a file by the rules of RFC 9110: entity tags, ranges, conditions; stop early if told to."""
        tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
        headers = {"ETag": tag, "Last-Modified": formatdate(0, usegmt=True)}
        if self.headers.get("If-None-Match") == tag:
            return self.answer(304, b"", headers)
        asked = self.headers.get("Range", "")
        valid = self.headers.get("If-Range") in (None, tag)
        code, start = 200, 0
        if ranges and valid and asked.startswith("bytes=") and asked.endswith("-"):
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            if start >= len(content):
                return self.answer(416, b"", {"Content-Range": f"bytes */{len(content)}"})
            code = 206
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        rest = content[start:]
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        self.write(rest if stop_after is None else rest[:stop_after])
        self.wfile.flush()
        return None


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True

    def handle_error(self, request, client_address):
        pass  # a client that breaks off is part of the play

    def get_request(self):
        connection, address = super().get_request()
        # A connection that is kept open would keep the server from closing.
        connection.settimeout(5)
        with self.stage.guard:
            self.stage.connections.append(connection)
        return connection, address


class Server:
    """Serves `folder` on a free port of 127.0.0.1 while `with` lasts; with https where `certificate` is given."""

    def __init__(self, folder=None, *, certificate=None, key=None, handler=Handler):
        self.folder = folder
        self.files = {}
        self.faults = {}
        self.seen = []
        self.connections = []
        self.guard = threading.Lock()
        self.released = threading.Event()
        self.stalled = threading.Event()
        self._server = _QuietServer(("127.0.0.1", 0), handler)
        self._server.stage = self
        self._scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
            self._scheme = "https"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def port(self):
        return self._server.server_address[1]

    @property
    def url(self):
        return f"{self._scheme}://127.0.0.1:{self.port}"

    def content(self, path):
        """The bytes at a path: of `files`, else of the folder; None where there is nothing."""
        if path in self.files:
            return self.files[path]
        if self.folder is None or ".." in path:
            return None
        try:
            with open(os.path.join(self.folder, path.lstrip("/")), "rb") as file:
                return file.read()
        except OSError:
            return None

    def fault(self, path, *faults):
        """Do these wrong, one after the other, when `path` is asked for."""
        with self.guard:
            self.faults.setdefault(path, []).extend(faults)

    def heal(self):
        """Serve everything as it should be from now on."""
        with self.guard:
            self.faults.clear()
        self.released.set()

    def requests(self, path=None):
        """What was asked so far, of one path or of all."""
        with self.guard:
            return [request for request in self.seen if path is None or request.path == path]

    def sent(self, path=None):
        """How many bytes of content went out so far."""
        return sum(request.sent for request in self.requests(path))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.released.set()
        self._server.shutdown()
        with self.guard:
            for connection in self.connections:
                try:
                    connection.shutdown(2)
                except OSError:
                    pass
        self._server.server_close()
        self._thread.join()

"""A real HTTP proxy on loopback: passes on `GET http://…` and tunnels `CONNECT host:port`."""

import socket
import threading
from http.client import HTTPConnection
from urllib.parse import urlsplit

from stage.server import Handler, Server


class ProxyHandler(Handler):
    def do_GET(self):  # noqa: N802  # the name that http.server calls
        self.note(self.path)
        if self.refused():
            return
        address = urlsplit(self.path)
        connection = HTTPConnection(address.hostname, address.port, timeout=10)
        headers = {name: value for name, value in self.headers.items() if not name.lower().startswith("proxy-")}
        connection.request("GET", address.path, headers=headers)
        response = connection.getresponse()
        content = response.read()
        connection.close()
        kept = ("etag", "content-type", "content-range", "location")
        self.answer(
            response.status, content, {name: value for name, value in response.getheaders() if name.lower() in kept}
        )

    def do_CONNECT(self):  # noqa: N802  # as above
        self.note(self.path)
        if self.refused():
            return
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=10) as upstream:
            self.send_response(200, "Connection established")
            self.end_headers()
            back = threading.Thread(target=pump, args=(upstream, self.connection))
            back.start()
            pump(self.connection, upstream)
            back.join()
        self.close_connection = True

    def note(self, path):
        from stage.server import Request

        self.request_seen = Request(path, self.headers)
        with self.server.stage.guard:
            self.server.stage.seen.append(self.request_seen)

    def refused(self):
        if self.server.stage.credentials == self.headers.get("Proxy-Authorization"):
            return False
        self.answer(407, b"", {"Proxy-Authenticate": "Basic"})
        return True


def pump(source, sink):
    """Carry bytes one way until either side closes."""
    try:
        while piece := source.recv(65536):
            sink.sendall(piece)
    except OSError:
        pass
    try:
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


class Proxy(Server):
    """A proxy while `with` lasts; `credentials` is the header that it wants to see."""

    def __init__(self, credentials=None):
        super().__init__(handler=ProxyHandler)
        self.credentials = credentials

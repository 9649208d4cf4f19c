"""A package index (PEP 503) on loopback that serves the wheels of a folder, with their `Requires-Python`."""

from __future__ import annotations

import base64
import hashlib
import html
import os
import re
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


def _page(folder: str, project: str) -> str:
    links = []
    for name in sorted(os.listdir(folder)):
        if not name.endswith((".whl", ".tar.gz")) or re.sub(r"[-_.]+", "-", name.split("-")[0]).lower() != project:
            continue
        path = os.path.join(folder, name)
        with open(path, "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        attribute = ""
        if name.endswith(".whl"):
            with zipfile.ZipFile(path) as wheel:
                metadata = next(one for one in wheel.namelist() if one.endswith(".dist-info/METADATA"))
                found = re.search(r"^Requires-Python: (.*)$", wheel.read(metadata).decode(), re.MULTILINE)
            attribute = f' data-requires-python="{html.escape(found[1])}"' if found else ""
        links.append(f'<a href="/files/{name}#sha256={digest}"{attribute}>{name}</a>')
    return "<!DOCTYPE html><html><body>" + "\n".join(links) + "</body></html>"


class PackageIndex:
    """`with PackageIndex(folder) as index: … index.url … index.asked`; `login` is `user:password`, if it wants one."""

    def __init__(self, folder: str, login: str = "") -> None:
        self.asked: list[str] = []
        self._login = login
        index = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                index.asked.append(self.path)
                wanted = "Basic " + base64.b64encode(login.encode()).decode()
                if login and self.headers.get("Authorization") != wanted:
                    self.send_response(401)
                    self.send_header("WWW-Authenticate", 'Basic realm="index"')
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                parts = self.path.strip("/").split("/")
                content: bytes | None = None
                kind = "application/octet-stream"
                if parts[0] == "simple" and len(parts) == 2:
                    content, kind = _page(folder, parts[1]).encode(), "text/html"
                    content = content if b"<a " in content else None
                elif parts[0] == "files" and len(parts) == 2 and parts[1] in os.listdir(folder):
                    with open(os.path.join(folder, parts[1]), "rb") as file:
                        content = file.read()
                self.send_response(200 if content is not None else 404)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content or b"")))
                self.end_headers()
                self.wfile.write(content or b"")

            do_HEAD = do_GET  # noqa: N815 - the name that the base class looks for

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        user = f"{self._login}@" if self._login else ""
        return f"http://{user}127.0.0.1:{self._server.server_address[1]}/simple"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

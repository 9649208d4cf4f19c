"""The web, as far as the user allows it: who is trusted, how long we wait, what is tried again.

Certificates are the system's; `PYMAN_CA_BUNDLE`, else `SSL_CERT_FILE` and `SSL_CERT_DIR`, replace them. Proxies are
those of `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`. `PYMAN_HTTP_TIMEOUT` is the longest silence that is
borne, in seconds. https never becomes http. httpx costs 60 ms and is loaded with the first request: a mirror in a
folder never pays for it.
"""

from __future__ import annotations

import os
import threading

from pyman import __version__
from pyman.core.escape import without_secrets
from pyman.effects.observer import SILENT, Observer
from pyman.effects.web.answer import Answer
from pyman.effects.web.failures import Failures, PassingError, UnreachableError, host_of, status_error
from pyman.effects.web.trust import trusted
from pyman.errors import NetworkError, Offline, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, TypeVar

    import httpx

    Result = TypeVar("Result")

_CONNECT_SECONDS = 10.0
_SILENCE_SECONDS = 30.0
_MOST_REDIRECTS = 10
_ROUNDS = 4
# A line that breaks every few kilobytes still gets there, but not for ever.
_MOST_ROUNDS = 50
_LONGEST_PAUSE = 30.0


class Web:
    """One client for all transfers of a command, usable from several threads. Closed by `with` or `close`."""

    def __init__(
        self,
        *,
        offline: bool = False,
        observer: Observer = SILENT,
        sleep: Callable[[float], object] | None = None,
        environ: Mapping[str, str] = os.environ,
        rounds: int = _ROUNDS,
        patience: float = _SILENCE_SECONDS,
    ) -> None:
        """`rounds` is how often all addresses of a thing are tried; `sleep` pauses between the rounds, in seconds.

        `patience` is the longest silence that is borne, in seconds, where the environment says nothing else.
        """
        self.offline = offline
        self._observer = observer
        self._interrupted = threading.Event()
        self._sleep = sleep or self._interrupted.wait
        self._environ = environ
        self._rounds = rounds
        self._patience = patience
        self._guard = threading.Lock()
        self._client: httpx.Client | None = None
        self._connections: list[socket.socket] = []

    def __enter__(self) -> Web:  # noqa: PYI034  # typing.Self would import typing
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of all connections. The next request opens new ones."""
        with self._guard:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def interrupt(self) -> None:
        """Break off every transfer that is under way in other threads; none begins before `resume`."""
        self._interrupted.set()
        with self._guard:
            connections = list(self._connections)
        for connection in connections:
            _shut_down(connection)

    def resume(self) -> None:
        """Allow transfers again."""
        self._interrupted.clear()

    def _watch(self, event: str, details: Mapping[str, Any]) -> None:
        """Keep the connections that httpcore makes, for `interrupt`: httpx gives them only with an answer."""
        if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            connection = details["return_value"].get_extra_info("socket")
            with self._guard:
                self._connections = [known for known in self._connections if known.fileno() >= 0]
                self._connections.append(connection)
            if self._interrupted.is_set():
                _shut_down(connection)

    @property
    def silence(self) -> float:
        """The longest silence that is borne, in seconds."""
        text = self._environ.get("PYMAN_HTTP_TIMEOUT", "")
        try:
            seconds = float(text) if text else self._patience
        except ValueError:
            seconds = 0.0
        if not 0 < seconds < 1e6:
            raise UsageError(f"PYMAN_HTTP_TIMEOUT is {text!r}", hint="give it a number of seconds above 0")
        return seconds

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Ask for `url`; the answer has status 200, 206, 304 or 416. Redirects are followed, never from https to http.

        Raises Offline, PassingError for what may work in a moment, NetworkError for all else.
        """
        if self.offline:
            raise Offline(
                f"{host_of(url)} would have to be asked, and the network is not allowed",
                hint="run it without --offline and PYMAN_OFFLINE, or name a folder as the mirror",
            )
        with Failures(url, self.silence):
            client = self._made_client()
            request = client.build_request("GET", url, headers=dict(headers or {}), extensions={"trace": self._watch})
            for _ in range(_MOST_REDIRECTS + 1):
                if self._interrupted.is_set():
                    raise NetworkError("the transfer was broken off")
                response = client.send(request, stream=True, follow_redirects=False)
                following = response.next_request
                if following is None:
                    return self._checked(response, url)
                response.close()
                if request.url.scheme == "https" and following.url.scheme != "https":
                    raise NetworkError(
                        f"{without_secrets(str(request.url))} leads from https to {following.url.scheme}",
                        hint="what is fetched without https could be changed on its way; tell whoever runs the server",
                    )
                request = following
        raise NetworkError(f"{without_secrets(url)} leads in circles", hint="tell whoever runs the server")

    def _checked(self, response: httpx.Response, url: str) -> Answer:
        if response.status_code in (200, 206, 304, 416):
            return Answer(response, self.silence)
        response.close()
        raise status_error(response, url)

    def transfer(
        self, task: str, urls: Sequence[str], once: Callable[[str], Result], progress: Callable[[], int] = int
    ) -> Result:
        """Return what `once(url)` returns for the first address where it works.

        All addresses are tried in turn; those that failed in passing are tried again, after pauses that double. A
        round in which `progress()` grew is not counted, one in which nobody answered counts twice. Raises
        NetworkError, the last one, when all is in vain.
        """
        left = list(urls)
        failed = 0
        last = NetworkError(f"there is no address for {task}")
        for number in range(_MOST_ROUNDS):
            before = progress()
            after, cost = None, 2
            for url in tuple(left):
                try:
                    return once(url)
                except PassingError as error:
                    last, after = error, error.after
                    cost = cost if isinstance(error, UnreachableError) else 1
                except Offline:
                    raise
                except NetworkError as error:
                    last = error
                    left.remove(url)
            failed = 0 if progress() > before else failed + cost
            if not left or failed >= self._rounds or self._interrupted.is_set():
                break
            pause = min(0.5 * 2 ** min(number, failed) if after is None else after, _LONGEST_PAUSE)
            self._observer.retrying(task, last.message, pause)
            self._sleep(pause)
        raise NetworkError(last.message, hint=last.hint) from last

    def _made_client(self) -> httpx.Client:
        with self._guard:
            if self._client is None:
                import httpx

                silence = self.silence
                try:
                    self._client = httpx.Client(
                        verify=trusted(self._environ),
                        timeout=httpx.Timeout(silence, connect=min(silence, _CONNECT_SECONDS), pool=None),
                        limits=httpx.Limits(max_connections=16),
                        headers={"User-Agent": f"pyman/{__version__}"},
                    )
                except (ImportError, ValueError, httpx.InvalidURL) as error:
                    # What httpx says of a proxy that it cannot use; its address may hold a password.
                    raise UsageError(
                        f"the proxy that the environment names cannot be used: {without_secrets(str(error))}",
                        hint="HTTPS_PROXY, HTTP_PROXY and ALL_PROXY are of the form http://host:port",
                    ) from error
            return self._client


def _shut_down(connection: socket.socket) -> None:
    """End what other threads do with a connection; they close it themselves."""
    import socket

    try:
        # Not the method of an SSL socket, which would change it under the thread that reads from it.
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
    except OSError:
        pass  # it is closed already

"""The web, as far as the user allows it: who is trusted, how long pyman waits, what is tried again, and how it fails.

Certificates are the system's; `PYMAN_CA_BUNDLE`, else `SSL_CERT_FILE` and `SSL_CERT_DIR`, replace them. Proxies are
those of `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`. `PYMAN_HTTP_TIMEOUT` is the longest silence that is
borne, in seconds. https never becomes http. User and password of a server are those in its address, else those that
`NETRC` or `~/.netrc` has for its name. httpx costs 60 ms and is loaded with the first request: a mirror in a
folder never pays for it.
"""

from __future__ import annotations

import os
import threading
import time

from pyman import __version__
from pyman.core.escape import without_secrets
from pyman.effects.files import read_own_text
from pyman.effects.memo import load_fields, store_fields
from pyman.effects.observer import SILENT, Observer
from pyman.effects.places import NO_HOME
from pyman.errors import BadAnswer, NetworkError, Offline, PymanError, UsageError, network_disabled

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable, Iterator, Mapping, Sequence
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
            raise UsageError(
                f"PYMAN_HTTP_TIMEOUT cannot be {text!r}", hint="set it to a number of seconds greater than 0"
            )
        return seconds

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Ask for `url`; the answer has status 200, 206, 304 or 416. Redirects are followed, never from https to http.

        Raises Offline, PassingError for what may work in a moment, NetworkError for all else.
        """
        if self.offline:
            raise network_disabled(f"{host_of(url)} is needed")
        with Failures(url, self.silence):
            client = self._made_client()
            request = client.build_request("GET", url, headers=dict(headers or {}), extensions={"trace": self._watch})
            for _ in range(_MOST_REDIRECTS + 1):
                if self._interrupted.is_set():
                    raise NetworkError("the transfer was interrupted")
                response = client.send(request, stream=True, auth=self._login(request), follow_redirects=False)
                following = response.next_request
                if following is None:
                    return self._checked(response, url)
                response.close()
                if request.url.scheme == "https" and following.url.scheme != "https":
                    raise NetworkError(
                        f"{without_secrets(str(request.url))} leads from https to {following.url.scheme}",
                        hint="what is downloaded without https could be changed in transit; tell its operator",
                    )
                request = following
        raise NetworkError(f"{without_secrets(url)} redirects in a loop", hint="tell its operator")

    def _login(self, request: httpx.Request) -> Any:
        """User and password for one server; what stands in its address goes before what netrc has for its name."""
        import httpx

        login = None if request.url.userinfo else login_for(request.url.host, self._environ)
        return login or httpx.USE_CLIENT_DEFAULT

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
        NetworkError when all is in vain: of the last failure, but BadAnswer only where every address has given one.
        """
        left = list(urls)
        failed = 0
        last: NetworkError = BadAnswer(f"no address is known for {task}")
        unreached: NetworkError | None = None
        for number in range(_MOST_ROUNDS):
            before = progress()
            after, cost = None, 2
            for url in tuple(left):
                try:
                    return once(url)
                except PassingError as error:
                    last, after = error, error.after
                    unreached = error
                    cost = cost if isinstance(error, UnreachableError) else 1
                except Offline:
                    raise
                except NetworkError as error:
                    last = error
                    unreached = unreached if isinstance(error, BadAnswer) else error
                    left.remove(url)
            failed = 0 if progress() > before else failed + cost
            if not left or failed >= self._rounds or self._interrupted.is_set():
                break
            pause = min(0.5 * 2 ** min(number, failed) if after is None else after, _LONGEST_PAUSE)
            self._observer.retrying(task, last.message, pause)
            self._sleep(pause)
        if isinstance(last, BadAnswer) and unreached is None:
            raise last
        last = unreached or last
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
                        f"the proxy that the environment names cannot be used: {without_secrets(_reason(error))}",
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


def login_for(host: str, environ: Mapping[str, str]) -> tuple[str, str] | None:
    """User and password that netrc has for a server, which it must name: `default` would go to every server there is.

    A file that cannot be read, or belongs to another user, has none.
    """
    import netrc

    path = environ.get("NETRC") or os.path.join(environ.get("HOME") or NO_HOME, ".netrc")
    try:
        read_own_text(path)
        found = netrc.netrc(path).hosts.get(host)
    except (OSError, UnicodeError, netrc.NetrcParseError):
        return None
    return (found[0], found[2] or "") if found is not None else None


# What a server sends back.


def usable_tag(text: str) -> str:
    """An entity tag as it came or was kept; empty for what no header can hold: line ends, and all beyond ASCII."""
    return text if text.isascii() and text.isprintable() else ""


class Answer:
    """What a server sends back: its status, its headers, and the content piece by piece. Closed by `with`."""

    def __init__(self, response: httpx.Response, silence: float) -> None:
        self._response = response
        self._silence = silence
        self.status = response.status_code
        self.headers = response.headers
        self.url = str(response.url)

    def __enter__(self) -> Answer:  # noqa: PYI034  # typing.Self would import typing
        return self

    def __exit__(self, *_: object) -> None:
        self._response.close()

    @property
    def is_web_page(self) -> bool:
        """True where the server itself says that this is a page for a person."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower() in (
            "text/html",
            "application/xhtml+xml",
        )

    @property
    def tag(self) -> str:
        """The entity tag; empty where there is none that can be sent back."""
        return usable_tag(self.headers.get("etag", ""))

    @property
    def length(self) -> int | None:
        """Bytes that are still to come, as they are sent; None where the server does not say."""
        text = self.headers.get("content-length", "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None

    def pieces(self, *, decoded: bool = False) -> Iterator[bytes]:
        """Yield the content as it comes in; `decoded` undoes a compression for the way.

        Raises PassingError for a transfer that is cut or stalls.
        """
        with Failures(self.url, self._silence):
            yield from self._response.iter_bytes() if decoded else self._response.iter_raw()


# What goes wrong on the web, as errors of ours: who failed, in which way, and whether it may work in a moment.

REACHABLE = "check the network and its proxy, or set PYMAN_MIRROR to a copy that can be reached"


class PassingError(NetworkError):
    """A failure that may be over in a moment; `after` says in how many seconds, where the server knows."""

    def __init__(self, message: str, *, hint: str = REACHABLE, after: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.after = after


class UnreachableError(PassingError):
    """Nobody answers: where there is no network, more patience only makes the user wait."""


class Failures:
    """Turns the exceptions of httpx into ours, with the host and the reason in words."""

    def __init__(self, url: str, silence: float) -> None:
        self._url = url
        self._silence = silence

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None or isinstance(error, (PymanError, GeneratorExit)):
            return
        import httpx

        host = host_of(self._url)
        if isinstance(error, httpx.ConnectTimeout):
            # Not temporary: packets are being dropped, and another ten seconds would not help.
            raise NetworkError(f"{host} cannot be reached: timed out", hint=REACHABLE) from error
        if isinstance(error, httpx.TimeoutException):
            raise UnreachableError(f"{host} sent nothing for {self._silence:g} seconds") from error
        if isinstance(error, httpx.ProxyError):
            raise NetworkError(
                f"the proxy does not reach {host}: {_reason(error)}", hint="check HTTPS_PROXY and NO_PROXY"
            ) from error
        if isinstance(error, httpx.ConnectError):
            if "CERTIFICATE" in str(error).upper():
                raise NetworkError(
                    f"the certificate of {host} is not trusted: {_reason(error)}",
                    hint="set PYMAN_CA_BUNDLE to a file with the certificates that your network uses",
                ) from error
            raise UnreachableError(f"{host} cannot be reached: {_reason(error)}") from error
        if isinstance(error, httpx.TransportError) and not isinstance(error, httpx.UnsupportedProtocol):
            raise PassingError(f"{host} interrupted the transfer: {_reason(error)}") from error
        # idna, to which httpx hands over names of hosts, has failures of its own, all of them of this kind.
        if isinstance(error, (httpx.HTTPError, httpx.InvalidURL, UnicodeError)):
            raise NetworkError(
                f"{without_secrets(self._url)} cannot be fetched: {_reason(error)}", hint=REACHABLE
            ) from error


def status_error(response: httpx.Response, url: str) -> NetworkError:
    """Return what a status means: PassingError where it asks us to come back, BadAnswer where that would not help."""
    status, host, shown = response.status_code, host_of(url), without_secrets(url)
    if status in (408, 425, 429) or status >= 500:
        return PassingError(
            f"{host} cannot answer at the moment (HTTP {status} for {shown})", after=_retry_after(response)
        )
    if status in (404, 410):
        return BadAnswer(f"{shown} does not exist (HTTP {status})", hint="check the address of the mirror")
    if status in (401, 403, 407):
        # A proxy says 403 and 407 of what it keeps from us.
        kind = BadAnswer if status == 401 else NetworkError
        return kind(
            f"{host} denies access to {shown} (HTTP {status})",
            hint="check user and password: in the address of the mirror, in ~/.netrc, or in the address of the proxy",
        )
    return NetworkError(f"{host} answered HTTP {status} for {shown}", hint=REACHABLE)


def _retry_after(response: httpx.Response) -> float | None:
    """Return the seconds that a server asks for; a date is as good as nothing, our own pauses are short."""
    text = response.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 6 else None


def host_of(url: str) -> str:
    """Return the host of an address, with its port, without user and password."""
    return without_secrets(url).partition("://")[2].partition("/")[0] or url


def _reason(error: BaseException) -> str:
    """Return what an exception says, without the numbers that precede it."""
    if type(error).__name__ == "InvalidURL":
        # What httpx takes for a port may be a password.
        return "it is not a web address"
    text = str(error).strip() or type(error).__name__
    if text.startswith("["):
        text = text.partition("]")[2].strip() or text
    return text.rstrip(".")


# Whose certificates are trusted: the system's own, on every system, or those that the environment names.


def trusted(environ: Mapping[str, str]) -> ssl.SSLContext:
    """Return whom to trust: the certificates that the environment names, else the system's.

    Raises UsageError where the environment names something that cannot be read.
    """
    import ssl

    chosen = [name for name in ("PYMAN_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR") if environ.get(name)]
    if chosen[:1] == ["PYMAN_CA_BUNDLE"]:
        chosen = chosen[:1]
    if not chosen:
        import truststore

        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for name in chosen:
        path = environ[name]
        try:
            if os.path.isdir(path):
                context.load_verify_locations(capath=path)
            else:
                context.load_verify_locations(cafile=path)
        except (OSError, ssl.SSLError) as error:
            raise UsageError(
                f"{name} is {path}, which contains no certificates: {error.strerror or error}",
                hint=f"correct {name}, or unset it to use the certificates of the system",
            ) from error
    return context


# Requests that are not essential are not repeated soon after they failed: each would wait for the time limit again.

_LONG_ENOUGH = 600.0


class LastFailure:
    """The last failure to reach `address`, remembered in the cache for some minutes."""

    def __init__(self, cache: str, address: str) -> None:
        self._path = os.path.join(cache, "unreachable")
        self._address = address

    def is_recent(self) -> bool:
        """True where it failed within the last minutes."""
        try:
            age = time.time() - os.stat(self._path).st_mtime
            return 0 <= age < _LONG_ENOUGH and load_fields(self._path) == [self._address]
        except OSError:
            return False

    def store(self) -> None:
        """Take note of a failure."""
        store_fields(self._path, [self._address])

"""What goes wrong on the web, as errors of ours: who failed, in which way, and whether it may work in a moment."""

from __future__ import annotations

from pyman.core.escape import without_secrets
from pyman.errors import NetworkError, PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import httpx

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
            # Not in passing: somebody drops our packets, and another ten seconds would not help.
            raise NetworkError(f"{host} cannot be reached: no answer in time", hint=REACHABLE) from error
        if isinstance(error, httpx.TimeoutException):
            raise UnreachableError(f"{host} sent nothing for {self._silence:g} seconds") from error
        if isinstance(error, httpx.ProxyError):
            raise NetworkError(
                f"the proxy does not lead to {host}: {_reason(error)}", hint="check HTTPS_PROXY and NO_PROXY"
            ) from error
        if isinstance(error, httpx.ConnectError):
            if "CERTIFICATE" in str(error).upper():
                raise NetworkError(
                    f"the certificate of {host} is not trusted: {_reason(error)}",
                    hint="set PYMAN_CA_BUNDLE to a file with the certificates that your network uses",
                ) from error
            raise UnreachableError(f"{host} cannot be reached: {_reason(error)}") from error
        if isinstance(error, httpx.TransportError) and not isinstance(error, httpx.UnsupportedProtocol):
            raise PassingError(f"{host} broke off the transfer: {_reason(error)}") from error
        # idna, to which httpx hands over names of hosts, has failures of its own, all of them of this kind.
        if isinstance(error, (httpx.HTTPError, httpx.InvalidURL, UnicodeError)):
            raise NetworkError(
                f"{without_secrets(self._url)} cannot be fetched: {_reason(error)}", hint=REACHABLE
            ) from error


def status_error(response: httpx.Response, url: str) -> NetworkError:
    """Return what a status means that is no answer; PassingError for those that ask us to come back."""
    status, host, shown = response.status_code, host_of(url), without_secrets(url)
    if status in (408, 425, 429) or status >= 500:
        return PassingError(
            f"{host} cannot answer at the moment (HTTP {status} for {shown})", after=_retry_after(response)
        )
    if status in (404, 410):
        return NetworkError(f"{shown} does not exist (HTTP {status})", hint="check the address of the mirror")
    if status in (401, 403, 407):
        return NetworkError(
            f"{host} does not let us have {shown} (HTTP {status})",
            hint="check user and password in the address of the mirror or the proxy",
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
    text = str(error).strip() or type(error).__name__
    if text.startswith("["):
        text = text.partition("]")[2].strip() or text
    return text.rstrip(".")

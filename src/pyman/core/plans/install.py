"""`install`: what is there already, what is fetched, what cannot be had."""

from __future__ import annotations

from pyman.core.names import versions_in
from pyman.core.record import record
from pyman.core.request import Request, best_of
from pyman.core.store import Runtime, Store
from pyman.core.version import Version, release_name
from pyman.errors import UNSUPPORTED, NotFound, PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyman.core.catalogue import Build


_MOST_NAMED = 3
_NEWEST = 1 << 20


@record
class Keep:
    """The request is satisfied by what is installed; `because` says it where that is not what was hoped for."""

    request: Request
    runtime: Runtime
    because: str = ""


@record
class Fetch:
    """A build is downloaded and unpacked under `name`; `replaces` what has that name now."""

    request: Request
    build: Build
    name: str
    replaces: Runtime | None = None


@record
class Impossible:
    """Nothing satisfies the request, and why."""

    request: Request
    error: PymanError


if TYPE_CHECKING:
    Decision = Keep | Fetch | Impossible


def needs_catalogue(request: Request, store: Store, *, force: bool) -> bool:
    """False where a named patch release is installed already, so that no network is asked."""
    return force or not request.pins or _installed(store, request) is None


def _installed(store: Store, request: Request, *, adopted: bool = False) -> Runtime | None:
    """The managed runtime that best satisfies a request; with `adopted`, whosever it is."""
    there = [runtime for runtime in store.runtimes if runtime.whole and (runtime.is_managed or adopted)]
    best = best_of(request, [(runtime.version, runtime.variant) for runtime in there])
    found = [runtime for runtime in there if (runtime.version, runtime.variant) == best]
    return max(found, key=lambda runtime: runtime.rank, default=None)


def decide(request: Request, store: Store, builds: Sequence[Build], *, force: bool = False) -> Decision:
    """Decide one request with the catalogue at hand.

    `3.13` means the newest patch release known, whatever is installed; a release that is adopted is fetched all the
    same, and takes the adopted one's place; `--force` fetches again what is there. What the catalogue does not have
    is kept where it is installed or adopted.
    """
    if request.kind == "other":
        return Impossible(request, not_installable(request))
    best = best_of(request, [(build.version, build.variant) for build in builds])
    installed = _installed(store, request)
    if best is None:
        there = installed or _installed(store, request, adopted=True)
        if there is not None and not force:
            return Keep(request, there)
        return Impossible(request, unknown_release(request, builds))
    if installed is not None and not force and (installed.version.order >= best[0].order):
        return Keep(request, installed)
    build = next(build for build in builds if (build.version, build.variant) == best)
    name = release_name(*best)
    same = store.runtime(name)
    if force and installed is not None and (installed.version, installed.variant) == best:
        name, same = installed.name, installed
    return Fetch(request, build, name, same)


def without_network(request: Request, store: Store, error: PymanError) -> Keep | Impossible:
    """Decide one request on the day when upstream cannot be reached: what is installed and satisfies it is kept."""
    if request.kind == "other":
        return Impossible(request, not_installable(request))
    installed = _installed(store, request)
    return Keep(request, installed, error.message) if installed is not None else Impossible(request, error)


def answer_is_known(requests: Sequence[Request], builds: Sequence[Build]) -> bool:
    """True when no older line of the catalogue can change the answer, so that reading may stop.

    The catalogue is sorted newest first. A named patch release is known with its first line; the newest of a minor
    with the first release in which the minor stands, once the next release begins. Anything else needs it all.
    """
    for request in requests:
        if request.kind != "release" or len(request.numbers) < 2:
            return False
        fitting = [build for build in builds if request.admits(build.version, build.variant)]
        if not fitting:
            return False
        if request.pins:
            continue
        if not any(build.version.is_final for build in fitting) or builds[-1].build >= fitting[0].build:
            return False
    return True


def not_installable(request: Request) -> PymanError:
    """The answer to `pypy3.11`: understood, and not yet."""
    return PymanError(
        f"`{request}` cannot be installed yet: pyman installs CPython only",
        hint="install it by other means; `pyman install 3.13` installs CPython",
        code=UNSUPPORTED,
    )


def unknown_release(request: Request, builds: Sequence[Build], machine: str = "this machine") -> NotFound:
    """No build satisfies the request: name the nearest that exist, of its own variant where there are any."""
    known = sorted({(build.version, build.variant) for build in builds}, key=lambda pair: pair[0].order, reverse=True)
    alike = [pair for pair in known if pair[1] == request.variant] or known
    if not request.pins:
        # Who asked for no patch release is shown the newest of each minor.
        alike = list({pair[0].minor_name: pair for pair in reversed(alike)}.values())[::-1]
    near = sorted(alike, key=lambda pair: _distance(request, pair[0]))[:_MOST_NAMED]
    names = ", ".join(f"`{release_name(*pair)}`" for pair in sorted(near, key=lambda pair: pair[0].order))
    return NotFound(
        f"there is no Python {request} to install for {machine}",
        hint=f"the nearest that exist are {names}; see `pyman list --available`"
        if near
        else "see `pyman list --available`",
    )


def _distance(request: Request, version: Version) -> tuple[int, ...]:
    named = versions_in(request.specifier)
    numbers = request.numbers or (named[0] if named else (_NEWEST, _NEWEST))
    mine = (version.major, version.minor, version.patch)
    return tuple(abs(asked - have) for asked, have in zip(numbers, mine, strict=False))

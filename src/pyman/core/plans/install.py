"""What `install`, `upgrade`, `adopt` and `mirror` do: what is kept, fetched or linked, and what is not available."""

from __future__ import annotations

from pyman.core.catalogue import NO_SHA256
from pyman.core.choice import release_of
from pyman.core.escape import as_word
from pyman.core.immutable import record
from pyman.core.implementation import CPYTHON, KNOWN, is_installed, title
from pyman.core.names import versions_in
from pyman.core.packages.lent import PART_OF_PYTHON
from pyman.core.request import Request, best_of, how_to_get, parse_request
from pyman.core.store import Runtime, Store
from pyman.core.version import VARIANT_RANK, Version, python_name, release_name
from pyman.errors import UNSUPPORTED, UNVERIFIED, IntegrityError, NotFound, PymanError, Refused, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pyman.core.catalogue import Build, Unusable
    from pyman.core.version import Variant

_HERE = "this machine"
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
    """False where a named patch release is already installed, so that no network is asked."""
    return not request.build and (force or not request.pins or installed_for(request, store) is None)


def installed_for(request: Request, store: Store, *, adopted: bool = False) -> Runtime | None:
    """The managed runtime that best satisfies a request; with `adopted`, whosever it is."""
    if request.build:
        own = store.runtime(f"{release_of(request)}+{request.build}")
        return own if own is not None and own.whole else None
    there = [runtime for runtime in store.releases if runtime.whole and (runtime.is_managed or adopted)]
    best = best_of(request, [(runtime.version, runtime.variant) for runtime in there])
    found = [runtime for runtime in there if (runtime.version, runtime.variant) == best]
    return max(found, key=lambda runtime: runtime.rank, default=None)


def decide(
    request: Request, store: Store, builds: Sequence[Build], unusable: Sequence[Unusable] = (), *, force: bool = False
) -> Decision:
    """Decide one request with the catalogue at hand.

    `3.13` means the newest patch release known, whatever is installed; a release that is adopted is fetched all the
    same, and takes the adopted one's place; `--force` fetches again what is there. What the catalogue does not have
    is kept where it is installed or adopted.
    """
    if not is_installable(request):
        there = installed_for(request, store, adopted=True)
        return Impossible(request, not_installable(request)) if there is None or force else Keep(request, there)
    if request.build:
        there = installed_for(request, store)
        return Keep(request, there) if there is not None and not force else Impossible(request, _only_built(request))
    best = best_of(request, [(build.version, build.variant) for build in builds])
    installed = installed_for(request, store)
    if best is None:
        there = installed or installed_for(request, store, adopted=True)
        if there is not None and not force:
            return Keep(request, there)
        damaged = better_unusable(request, builds, unusable)
        return Impossible(request, cannot_use(damaged) if damaged is not None else unknown_release(request, builds))
    if installed is not None and not force and (installed.version.order >= best[0].order):
        return Keep(request, installed)
    build = next(build for build in builds if (build.version, build.variant) == best)
    name = release_name(*best)
    same = store.runtime(name)
    if force and installed is not None and (installed.version, installed.variant) == best:
        name, same = installed.name, installed
    return Fetch(request, build, name, same)


def better_unusable(request: Request, builds: Sequence[Build], unusable: Sequence[Unusable]) -> Unusable | None:
    """What would be the answer to a request if it could be used."""
    usable = {(build.version, build.variant) for build in builds}
    damaged = {(one.version, one.variant): one for one in reversed(unusable)}
    best = best_of(request, [*usable, *damaged]) if damaged else None
    return damaged.get(best) if best is not None and best not in usable else None


def cannot_use(damaged: Unusable) -> IntegrityError:
    """The failure to get a build whose entry in the list is damaged."""
    return IntegrityError(
        f"{python_name(damaged.release)} cannot be installed: its entry in the list of builds {damaged.reason}",
        hint="choose another release, or tell the operator of the list",
        code=UNVERIFIED if damaged.reason == NO_SHA256 else None,
    )


def without_network(request: Request, store: Store, error: PymanError) -> Keep | Impossible:
    """Decide one request on the day when upstream cannot be reached: what is installed and satisfies it is kept."""
    if not is_installable(request):
        return Impossible(request, not_installable(request))
    installed = installed_for(request, store)
    return Keep(request, installed, error.message) if installed is not None else Impossible(request, error)


def _only_built(request: Request) -> NotFound:
    return NotFound(
        f"Python {request} cannot be downloaded: a name with `+` is that of your own build",
        hint=how_to_get(request),
    )


def answer_is_known(requests: Sequence[Request], builds: Sequence[Build]) -> bool:
    """True when no older line of the catalogue can change the answer, so that reading may stop.

    The catalogue is sorted newest first. A named patch release is known with its first line; the newest of a minor
    with the first release in which the minor stands, once the next release begins. Anything else needs it all.
    """
    for request in requests:
        # Lists are sorted by date, which does not order the releases of another implementation.
        if request.kind != "release" or len(request.numbers) < 2 or request.implementation != CPYTHON:
            return False
        fitting = [build for build in builds if request.admits(build.version, build.variant)]
        if not fitting:
            return False
        if request.pins:
            continue
        if not any(build.version.is_final for build in fitting) or builds[-1].build >= fitting[0].build:
            return False
    return True


def is_installable(request: Request) -> bool:
    """True for a request that a list of builds may answer."""
    return request.kind != "other" and is_installed(request.implementation)


def not_installable(request: Request) -> PymanError:
    """The answer to a request for an implementation that pyman understands and does not download."""
    names = " and ".join(title(name) for name in KNOWN if is_installed(name))
    return PymanError(
        f"`{request}` cannot be installed: pyman installs {names}",
        hint=how_to_get(request),
        code=UNSUPPORTED,
    )


def unknown_release(request: Request, builds: Sequence[Build], machine: str = _HERE) -> NotFound:
    """No build satisfies the request: name the nearest that exist, of its own variant where there are any."""
    known = sorted(
        {(build.version, build.variant) for build in builds},
        key=lambda pair: (pair[0].order, VARIANT_RANK[pair[1]]),
        reverse=True,
    )
    known = [pair for pair in known if pair[0].implementation == request.implementation]
    alike = [pair for pair in known if pair[1] == request.variant] or known
    if not request.pins:
        # Who asked for no patch release is shown the newest of each minor.
        alike = list({pair[0].minor_name: pair for pair in reversed(alike)}.values())[::-1]
    near = sorted(alike, key=lambda pair: _distance(request, pair[0]))[:_MOST_NAMED]
    names = ", ".join(f"`{release_name(*pair)}`" for pair in sorted(near, key=lambda pair: pair[0].order))
    hint = f"closest: {names}; see `pyman list --available`" if near else "see `pyman list --available`"
    if machine == _HERE and _may_have_source(request, [version for version, _ in known]):
        hint += f"; `pyman install {as_word(request.text)} --build` builds it from source"
    return NotFound(f"{python_name(request.text)} is not available for {machine}", hint=hint)


def _may_have_source(request: Request, known: Sequence[Version]) -> bool:
    """True for a release of CPython that is known as another variant or older than one, or where nothing is known."""
    if request.kind != "release" or request.implementation != CPYTHON or request.variant == "debug":
        return False
    same = [(one.major, one.minor, one.patch) for one in known if (one.major, one.minor) == request.numbers[:2]]
    numbers = same or [(one.major, one.minor, one.patch) for one in known]
    is_known = any(request.admits(one, request.variant) for one in known)
    return not numbers or is_known or request.numbers < max(numbers)


def _distance(request: Request, version: Version) -> tuple[int, ...]:
    named = versions_in(request.specifier)
    numbers = request.numbers or (named[0] if named else (_NEWEST, _NEWEST))
    mine = (version.major, version.minor, version.patch)
    return tuple(abs(asked - have) for asked, have in zip(numbers, mine, strict=False))


# `upgrade`: the newest patch release, and the newest build of it, for every minor that pyman manages.


def minors_to_upgrade(store: Store, texts: Iterable[str]) -> list[Request]:
    """The minors that are meant: those named, else all with a managed runtime.

    Raises Refused for a patch release, which has no newer self, NotFound for a minor that is not in the store.
    """
    managed = list(dict.fromkeys(runtime.alias for runtime in store.releases if runtime.is_managed and runtime.whole))
    adopted = adopted_minors(store)
    wanted = []
    for text in texts:
        request = parse_request(text)
        if request.pins or request.kind not in ("release", "latest"):
            raise Refused(
                f"`{text}` cannot be upgraded: it is not a minor version",
                hint="give a minor version: `pyman upgrade 3.13`",
            )
        fitting = [alias for alias in managed if _names(request, alias)]
        fitting = fitting or [alias for alias in adopted if _names(request, alias)]
        if not fitting:
            raise NotFound(f"{python_name(text)} is not installed", hint=how_to_get(request))
        wanted += fitting
    return [parse_request(alias) for alias in dict.fromkeys(wanted or ([] if list(texts) else managed))]


def adopted_minors(store: Store) -> list[str]:
    """The minors of which only adopted releases are there: whoever follows them waits for their owner."""
    whole = [runtime for runtime in store.releases if runtime.whole]
    managed = {runtime.alias for runtime in whole if runtime.is_managed}
    return list(dict.fromkeys(runtime.alias for runtime in whole if runtime.alias not in managed))


def _names(request: Request, alias: str) -> bool:
    minor = parse_request(alias)
    if request.implementation != minor.implementation:
        return False
    if request.kind == "latest":
        return True
    return request.variant == minor.variant and minor.numbers[: len(request.numbers)] == request.numbers


def decide_upgrade(
    minor: Request, store: Store, builds: Sequence[Build], manifest_builds: dict[str, str]
) -> Fetch | Keep:
    """Decide one minor: a newer release, a newer build of the same release, or nothing to do.

    `manifest_builds` tells the build of each managed runtime by its name. A release that lies there already under its
    plain name gets the newer build beside it, named `3.13.15+20261101`: what is installed never changes. A minor that
    is only adopted gets a newer release as a managed one.
    """
    installed = _newest(minor, store, manifest_builds)
    best = best_of(minor, [(build.version, build.variant) for build in builds])
    if best is None:
        return Keep(minor, installed, "nothing newer is known")
    build = next(build for build in builds if (build.version, build.variant) == best)
    if best[0].order > installed.version.order:
        return Fetch(minor, build, release_name(*best))
    # An unknown build (the manifest is lost or has none) does not make a runtime older.
    present = installed.build or manifest_builds.get(installed.name, "")
    is_rebuilt = best[0] == installed.version and not best[0].own
    if installed.is_managed and is_rebuilt and present and build.build > present:
        return Fetch(minor, build, f"{release_name(*best)}+{build.build}")
    return Keep(minor, installed)


def missed(
    minors: Sequence[Request], store: Store, builds: Sequence[Build], unusable: Sequence[Unusable]
) -> list[Unusable]:
    """What an upgrade of these minors would install if it could be used."""
    damaged = [(minor, better_unusable(minor, builds, unusable)) for minor in minors]
    return [one for minor, one in damaged if one is not None and one.version > _newest(minor, store, {}).version]


def _newest(minor: Request, store: Store, manifest_builds: dict[str, str]) -> Runtime:
    """The newest managed runtime of a minor, else the newest adopted one."""
    fitting = [
        runtime for runtime in store.releases if runtime.whole and minor.admits(runtime.version, runtime.variant)
    ]
    return max(
        [runtime for runtime in fitting if runtime.is_managed] or fitting,
        key=lambda runtime: (runtime.rank[:3], runtime.build or manifest_builds.get(runtime.name, "")),
    )


# `adopt`: whether a Python of somebody else's gets a link in the store, and under which name.


@record
class ExternalPython:
    """A Python that is not in the store, as it told about itself."""

    prefix: str
    """The folder to link to."""
    version: Version
    variant: Variant
    origin: str


@record
class Link:
    """A link is made; `replaces` is a link of the same name that leads nowhere any more."""

    external: ExternalPython
    name: str
    replaces: Runtime | None = None


@record
class KeepInstalled:
    """The release is in the store already: one version has one place (design.md 3)."""

    external: ExternalPython
    runtime: Runtime

    @property
    def is_same(self) -> bool:
        """True where the store has just this one."""
        return self.runtime.target == self.external.prefix


if TYPE_CHECKING:
    Adoption = Link | KeepInstalled


def decide_adoption(external: ExternalPython, store: Store) -> Adoption:
    """Decide one Python: what is there and works is kept, managed or adopted.

    Raises Refused where a folder of ours that is broken has the name.
    """
    name = release_name(external.version, external.variant)
    same = [runtime for runtime in store.releases if runtime.release == name]
    kept = max((runtime for runtime in same if runtime.whole), key=lambda runtime: runtime.rank, default=None)
    if kept is not None:
        return KeepInstalled(external, kept)
    broken = next((runtime for runtime in same if runtime.name == name), None)
    if broken is not None and broken.is_managed:
        raise Refused(
            f"{broken.path} is broken: its manifest is missing",
            hint=f"repair it with `pyman install {name}`, or remove it with `pyman uninstall {name}`",
        )
    return Link(external, name, broken)


def left_behind(packages: tuple[str, ...]) -> tuple[str, ...]:
    """What was installed into the base itself, which nobody will find in the next patch release."""
    return tuple(sorted(name for name in packages if name.lower() not in PART_OF_PYTHON))


# `mirror`: which builds a partial mirror gets.


def refuse_what_has_no_build(request: Request) -> None:
    """Raise for a request that names a place on this machine, or what pyman does not install."""
    if request.kind in ("path", "system"):
        raise UsageError(f"`{request}` is not a build that can be mirrored", hint="give a version or a range")
    if not is_installable(request):
        raise not_installable(request)


def wanted_builds(
    requests: Sequence[Request], builds: Sequence[Build], unusable: Sequence[Unusable], platform: str
) -> list[Build]:
    """The newest build of the best release for each request, as `install` would choose on a machine of a platform.

    `builds` are those for that platform, newest first. Raises NotFound for a request that none of them satisfies,
    IntegrityError where only `unusable` ones would.
    """
    wanted: list[Build] = []
    for request in requests:
        best = best_of(request, [(build.version, build.variant) for build in builds])
        if best is None:
            damaged = better_unusable(request, builds, unusable)
            raise cannot_use(damaged) if damaged is not None else unknown_release(request, builds, platform)
        wanted.append(next(build for build in builds if (build.version, build.variant) == best))
    return list(dict.fromkeys(wanted))

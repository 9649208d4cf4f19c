"""`upgrade`: the newest patch release, and the newest build of it, for every minor that pyman manages."""

from __future__ import annotations

from pyman.core.escape import as_word
from pyman.core.plans.install import Fetch, Keep
from pyman.core.request import Request, best_of, parse_request
from pyman.core.store import Runtime, Store
from pyman.core.version import release_name
from pyman.errors import NotFound, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pyman.core.catalogue import Build


def minors_to_upgrade(store: Store, texts: Iterable[str]) -> list[Request]:
    """The minors that are meant: those named, else all with a managed runtime.

    Raises Refused for a patch release, which has no newer self, NotFound for a minor without a managed runtime.
    """
    managed = list(dict.fromkeys(runtime.alias for runtime in store.runtimes if runtime.is_managed and runtime.whole))
    wanted = []
    for text in texts:
        request = parse_request(text)
        if request.pins or request.kind not in ("release", "latest"):
            raise Refused(f"`{text}` cannot be upgraded: it names no minor", hint="name a minor: `pyman upgrade 3.13`")
        fitting = [alias for alias in managed if _names(request, alias)]
        if not fitting:
            raise NotFound(f"pyman installed no Python {text}", hint=f"run `pyman install {as_word(text)}`")
        wanted += fitting
    return [parse_request(alias) for alias in dict.fromkeys(wanted or ([] if list(texts) else managed))]


def _names(request: Request, alias: str) -> bool:
    minor = parse_request(alias)
    if request.kind == "latest":
        return True
    return request.variant == minor.variant and minor.numbers[: len(request.numbers)] == request.numbers


def decide(minor: Request, store: Store, builds: Sequence[Build], manifest_builds: dict[str, str]) -> Fetch | Keep:
    """Decide one minor: a newer release, a newer build of the same release, or nothing to do.

    `manifest_builds` tells the build of each managed runtime by its name. A release that lies there already under its
    plain name gets the newer build beside it, named `3.13.15+20261101`: what is installed never changes.
    """
    installed = _newest_managed(minor, store, manifest_builds)
    best = best_of(minor, [(build.version, build.variant) for build in builds])
    if best is None:
        return Keep(minor, installed, "nothing newer is known")
    build = next(build for build in builds if (build.version, build.variant) == best)
    if best[0].order > installed.version.order:
        return Fetch(minor, build, release_name(*best))
    # A build that is not known, because a manifest is lost or names none, is no reason to think it older.
    present = installed.build or manifest_builds.get(installed.name, "")
    if best[0] == installed.version and present and build.build > present:
        return Fetch(minor, build, f"{release_name(*best)}+{build.build}")
    return Keep(minor, installed)


def _newest_managed(minor: Request, store: Store, manifest_builds: dict[str, str]) -> Runtime:
    return max(
        (
            runtime
            for runtime in store.runtimes
            if runtime.is_managed and runtime.whole and minor.admits(runtime.version, runtime.variant)
        ),
        key=lambda runtime: (runtime.rank[:3], runtime.build or manifest_builds.get(runtime.name, "")),
    )

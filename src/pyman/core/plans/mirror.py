"""`mirror`: which builds a partial mirror gets."""

from __future__ import annotations

from pyman.core.plans.install import not_installable, unknown_release
from pyman.core.request import best_of
from pyman.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyman.core.catalogue import Build
    from pyman.core.request import Request


def refuse_what_has_no_build(request: Request) -> None:
    """Raise for a request that names a place on this machine, or what pyman does not install."""
    if request.kind in ("path", "system"):
        raise UsageError(f"`{request}` names no build that could be mirrored", hint="name a version or a range")
    if request.kind == "other":
        raise not_installable(request)


def wanted_builds(requests: Sequence[Request], builds: Sequence[Build], platform: str) -> list[Build]:
    """The newest build of the best release for each request, as `install` would choose on a machine of a platform.

    `builds` are those for that platform, newest first. Raises NotFound for a request that none of them satisfies.
    """
    wanted: list[Build] = []
    for request in requests:
        best = best_of(request, [(build.version, build.variant) for build in builds])
        if best is None:
            raise unknown_release(request, builds, platform)
        wanted.append(next(build for build in builds if (build.version, build.variant) == best))
    return list(dict.fromkeys(wanted))

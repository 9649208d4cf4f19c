"""What `install --build` does: which release is built, under which name, and what is kept."""

from __future__ import annotations

from pyman.core.escape import as_word
from pyman.core.immutable import record, replace
from pyman.core.implementation import CPYTHON
from pyman.core.plans.install import Impossible, Keep, not_installable
from pyman.core.request import Request, best_of
from pyman.core.source_build import SOURCE, TOOL
from pyman.core.store import Runtime, Store
from pyman.core.version import Version, release_name
from pyman.errors import UNSUPPORTED, NotFound, PymanError, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyman.core.version import Variant


@record
class BuildRelease:
    """A release is built from source under `name`; `replaces` what has that name now."""

    request: Request
    version: Version
    variant: Variant
    name: str
    options: tuple[str, ...] = ()
    replaces: Runtime | None = None


if TYPE_CHECKING:
    BuildDecision = Keep | BuildRelease | Impossible


def decide_build(
    request: Request,
    store: Store,
    releases: Sequence[tuple[Version, Variant]],
    built: Mapping[str, tuple[str, ...]],
    options: tuple[str, ...],
    *,
    force: bool = False,
    mirror: str = "",
) -> BuildDecision:
    """Decide one request: the newest of the `releases` that can be built, which are those of the `mirror`, if any.

    `built` has the options of every installed runtime that was built from source. A build takes the release's own name
    only where no download has it, and it has no options of the user's: whoever asks for `3.13.5` gets what everybody
    has. `options` are those that the user gave; a build that replaces another has the options of that one otherwise.
    """
    if request.kind == "other":
        return Impossible(request, not_installable(request))
    if request.implementation != CPYTHON:
        return Impossible(request, _only_cpython(request))
    best = best_of(replace(request, build=""), list(releases))
    if best is None:
        return Impossible(request, _unknown(request, releases, mirror))
    name = _name(request, release_name(*best), store, built, options)
    there = store.runtime(name)
    present = built.get(name)
    if there is not None and there.is_managed and there.whole and not force:
        if options and present is not None and present != options:
            return Impossible(request, _other_options(name, present))
        return Keep(request, there)
    return BuildRelease(request, best[0], best[1], name, options or present or (), there)


def _name(
    request: Request, release: str, store: Store, built: Mapping[str, tuple[str, ...]], options: tuple[str, ...]
) -> str:
    if request.build:
        return f"{release}+{request.build}"
    there = store.runtime(release)
    is_taken = there is not None and there.is_managed and release not in built
    return f"{release}+{SOURCE}" if options or is_taken else release


def _only_cpython(request: Request) -> PymanError:
    return PymanError(
        f"`{request}` cannot be built: pyman builds CPython only",
        hint=f"run `pyman install {as_word(request.text)}`, without `--build`",
        code=UNSUPPORTED,
    )


def _unknown(request: Request, releases: Sequence[tuple[Version, Variant]], mirror: str) -> NotFound:
    if mirror:
        return NotFound(
            f"the mirror {mirror} has no source of Python {request}",
            hint="without a mirror it is downloaded from python.org; or add one with the variant `source` to it",
        )
    minors = [pair for pair in releases if pair[0].minor_name == ".".join(map(str, request.numbers[:2]))]
    newest = max((pair for pair in minors if pair[0].is_final), key=lambda pair: pair[0].order, default=None)
    other = f", or build `{release_name(*newest)}`" if newest is not None else ""
    return NotFound(f"{TOOL} does not know Python {request}", hint=f"update pyenv, which includes {TOOL}{other}")


def _other_options(name: str, present: tuple[str, ...]) -> Refused:
    release = name.partition("+")[0]
    return Refused(
        f"{name} is installed; it was built with {' '.join(present) or 'no options'}",
        hint=f"give this build another name (`pyman install {release}+NAME --build …`), or replace it with `--force`",
    )

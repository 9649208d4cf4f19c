"""Installing Pythons, for every command that may: decide each request by what is available, download, unpack."""

from __future__ import annotations

import os

from pyman.app.catalogue import Known, catalogue, note_passed_over
from pyman.app.session import Session
from pyman.app.shims import keep_shims_current
from pyman.core.catalogue import Build, Catalogue
from pyman.core.escape import without_secrets
from pyman.core.immutable import record
from pyman.core.plans import install as plan
from pyman.core.plans.install import ExternalPython, left_behind
from pyman.core.request import Request, best_of
from pyman.core.store import Moved, Runtime, Store, origin_of, with_broken
from pyman.core.version import python_name
from pyman.effects.interpreters.external import base_packages, discover
from pyman.effects.interruption import Part
from pyman.effects.runtimes.health import what_is_broken
from pyman.effects.runtimes.install import Archive, adopt, unpack_runtime, unpack_runtimes
from pyman.effects.runtimes.managed import prepare_folders, reconcile
from pyman.effects.runtimes.own_python import refuse_own
from pyman.effects.web.download import fetch, fetch_all
from pyman.errors import BadAnswer, NetworkError, NotFound, PymanError, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyman.core.trials import Trial


@record
class InstallResult:
    """What became of one request."""

    request: Request
    runtime: Runtime
    already: bool
    moved: tuple[Moved, ...] = ()
    said: tuple[str, ...] = ()
    """What the user must know: that upstream was not reached, that another's Python was adopted."""


class Installed:
    """What became of the requests so far."""

    def __init__(self) -> None:
        self.results: list[InstallResult] = []
        self.error: PymanError | None = None
        """One failure for all; the first gives the code and the hint."""
        self.reconciled: tuple[Moved, ...] = ()
        """Moves that an earlier process had left undone when it was killed."""

    def fail(self, error: PymanError) -> None:
        """Add the failure of one request."""
        if self.error is None:
            self.error = error
        elif error.message not in self.error.message.split("; "):
            self.error.message += f"; {error.message}"

    @property
    def moved(self) -> tuple[Moved, ...]:
        """All moves of aliases, in their order."""
        return (*self.reconciled, *(move for result in self.results for move in result.moved))


def get(
    session: Session,
    requests: list[Request],
    *,
    mirror: str | None = None,
    force: bool = False,
    may_adopt: bool = True,
    check: bool = True,
    done: Installed | None = None,
) -> Installed:
    """Install what is asked for: look once, decide each request, download side by side, unpack one after the other.

    A request that fails does not stop the others. Raises nothing for a failed request: it is in the answer, which is
    `done` where that is given, also when a signal ends it.
    """
    done = done or Installed()
    requests = list(dict.fromkeys(requests))
    with Part():
        done.reconciled = reconcile(session.places, session.observer, check=check, force=force, preview=session.preview)
    store = _without_broken(session, session.store(), requests)
    asking = [request for request in requests if plan.needs_catalogue(request, store, force=force)]
    known = catalogue(session, mirror, asking) if asking else Known()
    for note in known.stale_notes:
        session.observer.noted(note)
    decisions = [
        plan.without_network(request, store, known.unreachable[request.implementation])
        if request.implementation in known.unreachable and request in asking
        else _decide(session, request, store, known.lists.get(request.implementation), force=force)
        for request in requests
    ]
    _carry_out(session, decisions, done, may_adopt=may_adopt, check=check, force=force)
    return done


def _decide(session: Session, request: Request, store: Store, known: Catalogue | None, *, force: bool) -> plan.Decision:
    """Decide one request; what the list has, and cannot be used or is not understood, is told where it matters."""
    if known is None:
        return plan.decide(request, store, (), force=force)
    decision = plan.decide(request, store, known.builds, known.unusable, force=force)
    damaged = plan.better_unusable(request, known.builds, known.unusable)
    if isinstance(decision, plan.Impossible):
        if not session.verbose:
            note_passed_over(session, known)
    elif damaged is not None:
        session.observer.noted(plan.cannot_use(damaged).message)
    return _from_before(decision) if known.stale else decision


def _without_broken(session: Session, store: Store, requests: Sequence[Request]) -> Store:
    """The store as if what satisfies the requests, and does not start, were not there: so it is installed again.

    A cache may have brought back a store that is incomplete, or of another machine.
    """
    broken = set()
    for request in requests:
        runtime = plan.installed_for(request, store)
        trouble = what_is_broken(runtime, session.places) if runtime is not None else None
        if runtime is not None and trouble is not None and runtime.name not in broken:
            session.observer.noted(f"{python_name(runtime.release)} is installed but broken: {trouble}")
            broken.add(runtime.name)
    return with_broken(store, broken) if broken else store


def _from_before(decision: plan.Decision) -> plan.Decision:
    """What an old list does not have is out of reach: upstream may have it, and a Python of the machine may do."""
    if not isinstance(decision, plan.Impossible) or not isinstance(decision.error, NotFound):
        return decision
    error = decision.error
    return plan.Impossible(decision.request, NetworkError(error.message, hint=error.hint, code=error.code))


def _carry_out(
    session: Session,
    decisions: Sequence[plan.Decision],
    done: Installed,
    *,
    may_adopt: bool,
    check: bool = True,
    force: bool = False,
) -> None:
    """Do what was decided: download side by side, unpack one after the other. Raises nothing for a failed request."""
    decisions = [_not_over_own_python(session, decision) for decision in decisions]
    fetches = [decision for decision in decisions if isinstance(decision, plan.Fetch)]
    archives, failures = _download(session, list(dict.fromkeys(fetch.build for fetch in fetches)))

    def get_one(decision: plan.Decision) -> InstallResult:
        if isinstance(decision, plan.Fetch) and decision.build in failures:
            return _without(
                session, decision.request, failures[decision.build], may_adopt=may_adopt, check=check, force=force
            )
        if isinstance(decision, plan.Fetch):
            return _unpack(session, decision, archives[decision.build], check=check, force=force)
        if isinstance(decision, plan.Keep):
            return _keep(decision)
        return _without(session, decision.request, decision.error, may_adopt=may_adopt, check=check, force=force)

    for decision in decisions:
        try:
            with Part():
                done.results.append(get_one(decision))
                keep_shims_current(session)
        except PymanError as error:
            done.fail(error)


def _not_over_own_python(session: Session, decision: plan.Decision) -> plan.Decision:
    """Nothing is downloaded that would have to take the place of the Python that pyman runs on."""
    if isinstance(decision, plan.Fetch) and decision.replaces is not None:
        try:
            refuse_own(session.places, decision.replaces, done="replaced")
        except Refused as error:
            return plan.Impossible(decision.request, error)
    return decision


def _download(session: Session, builds: list[Build]) -> tuple[dict[Build, str], dict[Build, PymanError]]:
    """Fetch archives side by side; returns their places, and why those that failed did."""
    if not builds or session.dry_run:
        return dict.fromkeys(builds, ""), {}
    prepare_folders(session.places, session.observer)
    cache, offline, observer = session.places.cache, session.offline, session.observer
    try:
        return dict(zip(builds, fetch_all(builds, cache, offline=offline, observer=observer), strict=True)), {}
    except PymanError as error:
        if len(builds) == 1:
            return {}, {builds[0]: error}
    # One of several failed, which aborted the others: retry each alone, continuing its download.
    archives: dict[Build, str] = {}
    failures: dict[Build, PymanError] = {}
    for build in builds:
        try:
            archives[build] = fetch(build, cache, offline=offline, observer=observer)
        except PymanError as error:
            failures[build] = error
    return archives, failures


def _keep(decision: plan.Keep, *, force: bool = False) -> InstallResult:
    release = decision.runtime.release
    kept = (
        f"{release} was not reinstalled" if force else f"using installed {release}; could not check for newer releases"
    )
    said = (f"{kept}: {decision.because}",) if decision.because else ()
    return InstallResult(decision.request, decision.runtime, already=True, said=said)


def _without(
    session: Session, request: Request, error: PymanError, *, may_adopt: bool, check: bool, force: bool
) -> InstallResult:
    """Do without upstream where it cannot be reached. Any other failure is no reason to adopt, and is raised."""
    if not isinstance(error, NetworkError):
        raise error
    kept = plan.without_network(request, _without_broken(session, session.store(), [request]), error)
    if isinstance(kept, plan.Keep):
        return _keep(kept, force=force)
    if isinstance(error, BadAnswer):
        raise error
    return _adopt_instead(session, request, error, may_adopt=may_adopt, check=check)


def _unpack(session: Session, fetch: plan.Fetch, archive: str, *, check: bool, force: bool) -> InstallResult:
    runtime, moved, already = unpack_runtime(
        session.places,
        _archive_for(fetch, archive),
        check=check,
        force=force,
        observer=session.observer,
        preview=session.preview,
    )
    return InstallResult(fetch.request, runtime, already, moved)


def get_together(
    session: Session,
    fetches: list[plan.Fetch],
    done: Installed,
    *,
    check: bool,
    force: bool,
    trials: tuple[Trial, ...] | None,
) -> None:
    """Download side by side, unpack, and move all aliases in one step: if anything fails, nothing has changed."""
    builds = list(dict.fromkeys(fetch.build for fetch in fetches))
    paths = [""] * len(builds)
    if not session.dry_run:
        paths = fetch_all(builds, session.places.cache, offline=session.offline, observer=session.observer)
    archives = [_archive_for(wanted, path) for wanted, path in zip(fetches, paths, strict=True)]
    found, moved = unpack_runtimes(
        session.places,
        archives,
        check=check,
        force=force,
        trials=trials,
        observer=session.observer,
        preview=session.preview,
    )
    new = {runtime.name: (runtime, already) for runtime, already in found}
    for wanted in fetches:
        runtime, already = new[wanted.name]
        moves = tuple(one for one in moved if one.alias == runtime.alias)
        done.results.append(InstallResult(wanted.request, runtime, already, moves))


def _archive_for(fetch: plan.Fetch, path: str) -> Archive:
    """What is to become of a downloaded archive."""
    build = fetch.build
    return Archive(
        path,
        fetch.name,
        build.version,
        build.variant,
        build.build,
        without_secrets(build.url),
        build.sha256 or "",
        replace=fetch.replaces is not None and fetch.replaces.is_managed,
    )


def install_archive(session: Session, text: str, done: Installed, *, force: bool, check: bool) -> None:
    """Install a local archive, unless its release is there and whole. Raises PymanError where that fails."""
    from pyman.effects.archives.local import verified_archive

    path = _archive_of(session, text)
    local = verified_archive(path, session.places.cache)
    request = Request(os.path.basename(path), "path")
    there = session.store().runtime(local.name) if local.name is not None else None
    managed = there if there is not None and there.is_managed else None
    is_broken = managed is not None and what_is_broken(managed, session.places) is not None
    if managed is not None and not is_broken and not force:
        done.results.append(InstallResult(request, managed, already=True))
        keep_shims_current(session)
        return
    session.observer.noted(local.told)
    if not session.dry_run:
        prepare_folders(session.places, session.observer)
    replace = force or is_broken
    found = Archive(path, local.name, local.version, local.variant, local.build, None, local.sha256, replace)
    runtime, moved, already = unpack_runtime(
        session.places, found, check=check, force=force, observer=session.observer, preview=session.preview
    )
    done.results.append(InstallResult(request, runtime, already, moved))
    keep_shims_current(session)


def _archive_of(session: Session, text: str) -> str:
    """The absolute path of a local archive. Raises PymanError where there is none."""
    path = session.absolute(text)
    if not os.path.isfile(path):
        raise NotFound(f"there is no archive {path}", hint="give a file ending in .tar.gz")
    return path


def _adopt_instead(
    session: Session, request: Request, error: NetworkError, *, may_adopt: bool, check: bool
) -> InstallResult:
    """Adopt a Python of this machine, since upstream cannot be reached. Raises the network's error where none fits."""
    if not may_adopt:
        raise error
    store = session.store()
    there = [runtime for runtime in store.releases if runtime.whole]
    best = best_of(request, [(runtime.version, runtime.variant) for runtime in there])
    if best is not None:
        adopted = next(runtime for runtime in there if (runtime.version, runtime.variant) == best)
        said = (f"using {adopted.release} of {origin_of(adopted.target)}: {error.message}",)
        return InstallResult(request, adopted, already=True, said=said)
    externals, _ = discover(session.places)
    best = best_of(request, [(external.version, external.variant) for external in externals])
    if best is None:
        raise type(error)(
            f"{error.message}, and no Python on this machine satisfies {request}", hint=error.hint, code=error.code
        )
    external = next(one for one in externals if (one.version, one.variant) == best)
    if not session.dry_run:
        prepare_folders(session.places, session.observer)
    runtime, moved, kept = adopt(session.places, external, session.observer, check=check, preview=session.preview)
    if kept is not None:
        return InstallResult(
            request, runtime, already=True, said=(f"using the Python of {external.origin}: {error.message}",)
        )
    done = session.shown("adopted", "would adopt")
    said = (f"{error.message}; {done} {runtime.release} of {external.origin} in {external.prefix} instead",)
    return InstallResult(request, runtime, already=False, moved=moved, said=said + tuple(notice_of_base(external)))


def notice_of_base(external: ExternalPython) -> list[str]:
    """A line about what was installed into a base itself, which nobody will find in its next patch release."""
    packages = left_behind(base_packages(external))
    if not packages:
        return []
    shown = ", ".join(packages[:5]) + (f" and {len(packages) - 5} more" if len(packages) > 5 else "")
    return [f"packages installed in it will not be in the next patch release: {shown}"]

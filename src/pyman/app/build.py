"""Building Pythons from source: find python-build, decide, see what the system lacks, download, build."""

from __future__ import annotations

from pyman.app.install import Installed, InstallResult
from pyman.app.session import Session
from pyman.app.shims import keep_shims_current
from pyman.core.escape import without_secrets
from pyman.core.plans.install import Impossible, Keep
from pyman.core.plans.source_build import BuildRelease, decide_build
from pyman.core.request import Request
from pyman.core.source_build import SOURCE, TOOL, SourceTarball, read_options, tarball_of_mirror
from pyman.core.store import Store, with_broken
from pyman.effects.catalogue.source_tarballs import read_sources
from pyman.effects.interruption import Part
from pyman.effects.runtimes.health import what_is_broken
from pyman.effects.runtimes.install import Archive, unpack_runtime
from pyman.effects.runtimes.managed import prepare_folders, reconcile
from pyman.effects.runtimes.own_python import refuse_own
from pyman.effects.source_builds.build import SourceBuild, fetch_source
from pyman.effects.source_builds.engine import Engine, find_engine
from pyman.effects.source_builds.requirements import check_requirements
from pyman.effects.store import read_manifest
from pyman.errors import UNVERIFIED, IntegrityError, PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.core.plans.source_build import BuildDecision


def build(
    session: Session,
    requests: list[Request],
    done: Installed,
    *,
    options: str = "",
    mirror: str | None = None,
    force: bool = False,
    check: bool = True,
) -> None:
    """Build what is asked for, one after the other, and say in `done` what became of it.

    A request that fails does not stop the others, and raises nothing. Raises UsageError for options that cannot be
    passed on, NotFound where there is no python-build.
    """
    words = read_options(options)
    with Part():
        done.reconciled = reconcile(session.places, session.observer, check=check, force=force, preview=session.preview)
    sources = Sources(session, find_engine(session.places), session.mirror(mirror))
    for request in dict.fromkeys(requests):
        try:
            decision = _decide(session, request, sources, words, force=force)
            if isinstance(decision, Impossible):
                raise decision.error
            with Part():
                if isinstance(decision, Keep):
                    done.results.append(InstallResult(request, decision.runtime, already=True))
                else:
                    done.results.append(_build_one(session, decision, sources, check=check, force=force))
                keep_shims_current(session)
        except PymanError as error:
            done.fail(error)


class Sources:
    """The tarballs that can be had: those of the mirror that the user named, else those that python-build knows."""

    def __init__(self, session: Session, engine: Engine, mirror: str | None) -> None:
        self.engine = engine
        self._mirror = mirror
        listed = read_sources(mirror, offline=session.offline, observer=session.observer) if mirror else ()
        self._listed = {(source.version, source.variant): source for source in reversed(listed)}
        self.releases = list(self._listed) if mirror else engine.releases()

    @property
    def mirror(self) -> str:
        """What to call the mirror; empty where there is none, and python.org has the tarballs."""
        return without_secrets(self._mirror or "")

    def source(self, decision: BuildRelease) -> SourceTarball:
        """The tarball of a release. Raises PymanError where nobody says what its sha256 is, or the mirror lacks it."""
        release = (decision.version, decision.variant)
        known, listed = self.engine.source(*release), self._listed.get(release)
        if known is not None:
            return known if listed is None else tarball_of_mirror(known, listed, self.mirror)
        if listed is not None:
            return listed
        raise IntegrityError(
            f"{TOOL} has no sha256 for the source of Python {decision.name}",
            hint=f"update pyenv, which includes {TOOL}",
            code=UNVERIFIED,
        )


def _decide(
    session: Session, request: Request, sources: Sources, options: tuple[str, ...], *, force: bool
) -> BuildDecision:
    store = session.store()
    built = _built(store)
    decision = decide_build(request, store, sources.releases, built, options, force=force, mirror=sources.mirror)
    trouble = what_is_broken(decision.runtime, session.places) if isinstance(decision, Keep) else None
    if isinstance(decision, Keep) and trouble is not None:
        session.observer.noted(f"Python {decision.runtime.name} is installed but broken: {trouble}")
        store = with_broken(store, {decision.runtime.name})
        decision = decide_build(request, store, sources.releases, built, options, mirror=sources.mirror)
    return decision


def _built(store: Store) -> dict[str, tuple[str, ...]]:
    """The runtimes that were built from source, and the options that they were built with."""
    manifests = {runtime.name: read_manifest(runtime) for runtime in store.runtimes if runtime.is_managed}
    return {
        name: manifest.source.options
        for name, manifest in manifests.items()
        if manifest is not None and manifest.source is not None
    }


def _build_one(
    session: Session, decision: BuildRelease, sources: Sources, *, check: bool, force: bool
) -> InstallResult:
    places, observer = session.places, session.observer
    if decision.replaces is not None:
        refuse_own(places, decision.replaces, done="replaced")
    source = sources.source(decision)
    compiler, lacking = check_requirements(
        decision.version, source.release, decision.options, session.environ, sources.engine.search_path
    )
    if lacking:
        observer.noted(f"Python {decision.name}: {lacking}")
    tarball = ""
    if not session.dry_run:
        prepare_folders(places, observer)
        tarball = fetch_source(source, places, offline=session.offline, observer=observer)
        observer.noted(f"building Python {decision.name} with {sources.engine.program}: this takes several minutes")
    replace = decision.replaces is not None and decision.replaces.is_managed
    archive = Archive(
        tarball,
        decision.name,
        decision.version,
        decision.variant,
        SOURCE,
        without_secrets(source.url),
        source.sha256,
        replace,
        SourceBuild(sources.engine, source, tarball, decision.options, compiler, session.offline),
    )
    runtime, moved, already = unpack_runtime(
        places, archive, check=check, force=force, observer=observer, preview=session.preview
    )
    return InstallResult(decision.request, runtime, already, moved)

"""New runtimes: unpacked beside their place, tried, and given their name in one step; or linked, if somebody else's.

What is unpacked together comes together: all of it gets its name and its aliases, or nothing does.
"""

from __future__ import annotations

import os
import time

from pyman.core.archive import TOP_FOLDER
from pyman.core.immutable import record
from pyman.core.implementation import CPYTHON, library_name, title
from pyman.core.manifest import Manifest, manifest_fields
from pyman.core.names import split_library
from pyman.core.plans.install import ExternalPython, KeepInstalled, decide_adoption
from pyman.core.plans.steps import ReplaceLink
from pyman.core.store import MANIFEST, Moved, Runtime, Store, executable_of, with_runtime
from pyman.core.sysconfig_files import (
    EXTERNALLY_MANAGED,
    adapted_json,
    adapted_makefile,
    adapted_pkgconfig,
    adapted_script,
    adapted_variables,
)
from pyman.core.version import Version, python_name, release_name
from pyman.effects.files import NotReadable, read_bytes, replace_file
from pyman.effects.lock import hold
from pyman.effects.mounts import refuse_mounts_below
from pyman.effects.moves.move import Preview, change_store
from pyman.effects.observer import SILENT, Observer
from pyman.effects.places import Places, cannot_write
from pyman.effects.runtimes.own_python import refuse_own
from pyman.effects.staging import WorkFolder, exchange
from pyman.effects.store import read_stores
from pyman.errors import UNSUPPORTED, BrokenRuntime, IntegrityError, PymanError, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pyman.core.archive import Release
    from pyman.core.trials import Trial
    from pyman.core.version import Variant
    from pyman.effects.source_builds.build import SourceBuild
    from pyman.effects.transaction import Transaction

STDLIB_MARK = "os.py"


@record
class Archive:
    """A verified archive that is to become a runtime."""

    path: str
    name: str | None
    """Its name in the store; None, as `version`, where only the archive's own headers can tell."""
    version: Version | None
    variant: Variant
    build: str | None
    url: str | None
    sha256: str
    replace: bool = False
    """True to put it in the place of what has its name."""
    source: SourceBuild | None = None
    """How it is built first; None for what is unpacked."""

    @property
    def subject(self) -> str:
        """What those who wait are told."""
        return self.name or "archive"


def unpack_runtimes(
    places: Places,
    archives: Iterable[Archive],
    *,
    check: bool = True,
    force: bool = False,
    trials: tuple[Trial, ...] | None = None,
    observer: Observer = SILENT,
    preview: Preview | None = None,
) -> tuple[tuple[tuple[Runtime, bool], ...], tuple[Moved, ...]]:
    """Unpack verified archives as runtimes, and move the aliases that this moves: all of it, or nothing.

    With a `preview` nothing is unpacked, and no archive need be there.

    Returns each runtime, with True where another process had put the same one there meanwhile, and the moves. Killed
    at any instant, it leaves the store as it was. Raises IntegrityError, BrokenRuntime, Refused for the place of the
    Python that pyman runs on, or PymanError for a full disk.
    """
    if preview is not None:
        return _preview(places, preview, archives, check=check, force=force)
    answers: list[tuple[Runtime, bool]] = []
    new: list[_New] = []

    def unpack(waiting: list[Archive]) -> tuple[set[str], tuple[Moved, ...]]:
        # Each within what holds the one before; `ExitStack` would load inspect.
        if not waiting:
            return _give_names(places, new, check=check, force=force, trials=trials, observer=observer)
        archive, *rest = waiting
        subject = archive.subject
        with hold(os.path.join(places.root, f".lock-{subject}"), observer, what=python_name(subject)):
            there = _kept(read_stores(places), archive.name, archive.replace)
            if there is not None:
                answers.append((there, True))
                return unpack(rest)
            with WorkFolder(places.runtimes, "install", subject, places.lock) as work:
                runtime, already = _prepare(places, archive, work, observer)
                answers.append((runtime, already))
                if not already:
                    new.append(_New(work, runtime, archive.replace))
                return unpack(rest)

    # In one order for all processes, so that no two wait for each other.
    faster, moved = unpack(sorted(archives, key=lambda archive: archive.subject))
    return tuple((runtime, already or runtime.name in faster) for runtime, already in answers), moved


def unpack_runtime(
    places: Places,
    archive: Archive,
    *,
    check: bool = True,
    force: bool = False,
    observer: Observer = SILENT,
    preview: Preview | None = None,
) -> tuple[Runtime, tuple[Moved, ...], bool]:
    """Unpack one archive, as `unpack_runtimes` does."""
    [(runtime, already)], moved = unpack_runtimes(
        places, [archive], check=check, force=force, observer=observer, preview=preview
    )
    return runtime, moved, already


def _preview(
    places: Places, preview: Preview, archives: Iterable[Archive], *, check: bool, force: bool
) -> tuple[tuple[tuple[Runtime, bool], ...], tuple[Moved, ...]]:
    """What unpacking would come to, as far as the names of the archives tell."""
    answers: list[tuple[Runtime, bool]] = []
    new: list[Runtime] = []
    for archive in sorted(archives, key=lambda archive: archive.subject):
        if archive.version is None:
            raise Refused(
                f"the content of {os.path.basename(archive.path)} is not known until it is unpacked",
                hint="give it the name that upstream gave it, or install it without `--dry-run`",
                code=UNSUPPORTED,
            )
        name = archive.name or release_name(archive.version, archive.variant)
        if (kept := _kept(preview.store, name, archive.replace)) is not None:
            answers.append((kept, True))
            continue
        path = os.path.join(places.runtimes, name)
        runtime = Runtime(name, archive.version, archive.variant, path, None, archive.build if "+" in name else None)
        refuse_own(places, preview.store.runtime(name) or runtime, done="replaced")
        answers.append((runtime, False))
        new.append(runtime)

    def change(store: Store) -> Store:
        for runtime in new:
            store = with_runtime(store, runtime)
        return store

    moved = preview.change(change, check=check, force=force) if new else ()
    return tuple(answers), moved


@record
class _New:
    """A runtime that only lacks its name."""

    work: WorkFolder
    runtime: Runtime
    replace: bool


def _kept(store: Store, name: str | None, replaces: bool) -> Runtime | None:
    """What has the name and stays: another is put in the place of what is whole only where it `replaces` that."""
    there = store.runtime(name) if name is not None else None
    return there if there is not None and there.is_managed and there.whole and not replaces else None


def _prepare(places: Places, archive: Archive, work: WorkFolder, observer: Observer) -> tuple[Runtime, bool]:
    """Unpack an archive into a work folder, and make a runtime of it that only lacks its name.

    Returns what is there already, and True, where the archive turns out to hold just that.
    """
    try:
        inside = _unpack(places, archive, work, observer)
        # The name of an archive of another implementation does not tell the patch release of the language.
        version, variant = inside.version, inside.variant
        name = archive.name or release_name(version, variant)
        if (there := _kept(read_stores(places), name, archive.replace)) is not None:
            return there, True
        final = os.path.join(places.runtimes, name)
        if version.implementation == CPYTHON:
            repair_prefix(work.tree, final)  # PyPy computes what CPython bakes in.
        write_externally_managed(work.tree)
        manifest = _manifest(archive, version, variant, work.tree)
        _write_manifest(work.tree, manifest)
        _try(places, manifest, work.tree)
    except OSError as error:
        raise cannot_write(work.tree, error) from error
    return Runtime(name, version, variant, final, None, archive.build if "+" in name else None), False


def _unpack(places: Places, archive: Archive, work: WorkFolder, observer: Observer) -> Release:
    """Fill the tree of a work folder, and say what it holds. Raises BrokenRuntime where that is another release."""
    from pyman.effects.archives.archive import release_in_tree, unpack

    version = archive.version
    implementation = version.implementation if version is not None else CPYTHON
    if archive.source is not None:
        from pyman.effects.source_builds.build import build

        build(archive.source, archive.subject, work.path, work.tree, places, observer)
    else:
        top = TOP_FOLDER if implementation == CPYTHON else None
        unpack(archive.path, work.tree, observer, archive.subject, sha256=archive.sha256, top=top)
    inside = release_in_tree(work.tree, implementation, version.minor_name if version is not None else "")
    held = release_name(inside.version, inside.variant)
    if version is not None and held != release_name(version, archive.variant):
        raise BrokenRuntime(
            f"the archive {os.path.basename(archive.path)} contains {python_name(held)}, "
            f"not {release_name(version, archive.variant)}",
            hint="tell the operator of the mirror",
        )
    return inside


def _manifest(archive: Archive, version: Version, variant: Variant, tree: str) -> Manifest:
    """What a runtime is to say about itself."""
    source = None
    if archive.source is not None:
        from pyman.effects.source_builds.build import how_built

        source = how_built(archive.source, tree)
    library, executable = _library(tree, version), executable_of(version, variant)
    return Manifest(version, variant, archive.build, archive.url, archive.sha256, _now(), library, executable, source)


def _try(places: Places, manifest: Manifest, tree: str) -> None:
    """See that a runtime starts, and is what it says. Raises BrokenRuntime."""
    from pyman.effects.interpreters.admission import Admission
    from pyman.effects.interpreters.ask import smoke_test

    version, variant = manifest.version, manifest.variant
    executable = os.path.join(tree, manifest.executable)
    try:
        smoke_test(executable, version, variant, tree, Admission(places), is_from_source=manifest.source is not None)
    except BrokenRuntime as error:
        raise _of_a_build(error, python_name(release_name(version, variant)), executable, tree) from error


def _of_a_build(error: BrokenRuntime, name: str, executable: str, tree: str) -> BrokenRuntime:
    """What is wrong with a build, without the places that it is unpacked in: they are gone when that is read."""
    message, hint = error.message, error.hint
    for place in (executable, os.path.realpath(executable)):
        message = message.replace(place, name)
    for place in (tree, os.path.realpath(tree)):
        message = message.replace(f"{place}/", "").replace(place, "its own folder")
        if place in hint:
            hint = "install another release, or report it to the maker of this build"
    return BrokenRuntime(message, hint=hint, code=error.code)


def _give_names(
    places: Places,
    new: list[_New],
    *,
    check: bool,
    force: bool,
    trials: tuple[Trial, ...] | None,
    observer: Observer,
) -> tuple[set[str], tuple[Moved, ...]]:
    """Give runtimes their names, and move the aliases; returns the names that somebody else was faster with."""
    faster: set[str] = set()
    if not new:
        return faster, ()

    def change(store: Store) -> Store:
        for one in new:
            store = with_runtime(store, one.runtime)
        return store

    def do(transaction: Transaction) -> None:
        faster.clear()
        for one in new:
            store = read_stores(places)
            if (kept := _kept(store, one.runtime.name, one.replace)) is not None:
                faster.add(kept.name)
            else:
                refuse_own(places, store.runtime(one.runtime.name) or one.runtime, done="replaced")
                _give_name(one.work, one.runtime.path, transaction)

    trees = {one.runtime.name: one.work.tree for one in new}
    return faster, change_store(
        places, change, do, check=check, force=force, trees=trees, trials=trials, observer=observer
    )


def _give_name(work: WorkFolder, final: str, transaction: Transaction) -> None:
    """Put the finished tree in its place; what was there is exchanged for it, and removed with the work folder."""

    def give() -> None:
        try:
            os.rename(work.tree, final)
        except OSError:
            if not os.path.lexists(final):
                raise
        else:
            transaction.undo_with(lambda: os.rename(final, work.tree))
            return
        # What has the name is removed afterwards, with all that it holds.
        refuse_mounts_below(final)
        if exchange(work.tree, final):
            transaction.undo_with(lambda: _exchange_back(work.tree, final))
            return
        work.set_aside(final)
        transaction.undo_with(lambda: work.give_back(final))
        os.rename(work.tree, final)
        transaction.undo_with(lambda: os.rename(final, work.tree))

    transaction.do(give)


def _exchange_back(tree: str, final: str) -> None:
    """Give the name back to what had it. Raises PymanError where the system refuses that: the new one keeps it."""
    if not exchange(tree, final):
        raise PymanError(f"{final} is the new one: the old one could not be put back")


def _write_manifest(tree: str, manifest: Manifest) -> None:
    import tomli_w

    replace_file(os.path.join(tree, MANIFEST), tomli_w.dumps(manifest_fields(manifest)).encode())


def _library(tree: str, version: Version) -> str:
    name = library_name(version.implementation, version.minor_name)
    for suffix in ("", "t", "d", "td"):
        library = f"lib/{name}{suffix}"
        if os.path.exists(os.path.join(tree, library, STDLIB_MARK)):
            return library
    raise BrokenRuntime(
        f"the archive contains no standard library lib/{name}",
        hint=f"it is not an archive of {title(version.implementation)}",
    )


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


# Making an unpacked tree right for its place, before anybody runs it.

# Bytes. CPython's Makefile has 200 kB, and grows.
_LARGEST = 4 << 20


def repair_prefix(tree: str, final: str) -> None:
    """Replace what a build says of the machine that it was made on, where programs read it to compile with it.

    `tree` is where the runtime lies now, `final` where it will lie. Doing it again changes nothing. Raises
    IntegrityError where there is no standard library or its files cannot be read, PymanError where they cannot be
    written.
    """
    library = _standard_library(tree)
    try:
        for name in os.listdir(library):
            path = f"{library}/{name}"
            if name.startswith("_sysconfigdata") and name.endswith(".py"):
                _adapt(path, adapted_variables)
                _forget_bytecode(library, name.removesuffix(".py"))
            elif name.startswith("_sysconfig_vars") and name.endswith(".json"):
                _adapt(path, lambda source: adapted_json(source, final))
            elif name.startswith("config"):
                _adapt(f"{path}/Makefile", lambda source: adapted_makefile(source, os.fsencode(final)))
        for name in _names_in(f"{tree}/lib/pkgconfig", ".pc"):
            _adapt(f"{tree}/lib/pkgconfig/{name}", adapted_pkgconfig)
        for name in _names_in(f"{tree}/bin", "-config"):
            _adapt(f"{tree}/bin/{name}", adapted_script)
    except NotReadable as error:
        raise IntegrityError(f"the Python in {tree} cannot be used: {error}", hint="use another build") from None
    except OSError as error:
        raise cannot_write(library, error) from error


def _names_in(folder: str, ending: str) -> list[str]:
    """The names of files in a folder that need not be there; what is a link is named by another one, too."""
    try:
        return [entry.name for entry in os.scandir(folder) if entry.name.endswith(ending) and not entry.is_symlink()]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _adapt(path: str, adapted: Callable[[bytes], bytes]) -> None:
    """Replace a file by what becomes of it, where it is there and that is another; its mode stays."""
    try:
        source = read_bytes(path, _LARGEST)
    except (FileNotFoundError, NotADirectoryError):
        return
    after = adapted(source)
    if after != source:
        replace_file(path, after, mode=os.stat(path).st_mode & 0o777)


def write_externally_managed(tree: str) -> None:
    """Tell pip and its like to leave the runtime alone (PEP 668).

    Raises IntegrityError where there is no standard library, PymanError where it cannot be written.
    """
    library = _standard_library(tree)
    try:
        replace_file(f"{library}/EXTERNALLY-MANAGED", EXTERNALLY_MANAGED.encode())
    except OSError as error:
        raise cannot_write(library, error) from error


def _standard_library(tree: str) -> str:
    """Return the folder of the standard library: the one `lib/python3.X` or `lib/pypy3.X` that holds `os.py`."""
    try:
        names = [name for name in os.listdir(f"{tree}/lib") if split_library(name) is not None]
    except OSError:
        names = []
    found = [name for name in names if os.path.isfile(f"{tree}/lib/{name}/os.py")]
    if len(found) != 1:
        raise IntegrityError(
            f"{tree} contains no standard library lib/python3.X",
            hint="only archives in the layout of python-build-standalone, and those of PyPy, can be installed",
        )
    return f"{tree}/lib/{found[0]}"


def _forget_bytecode(library: str, module: str) -> None:
    """Remove what was compiled of the file before: where time and size happen to agree it would be used."""
    for folder in (library, f"{library}/__pycache__"):
        try:
            names = os.listdir(folder)
        except FileNotFoundError:
            continue
        for name in names:
            if name.startswith(f"{module}.") and name.endswith(".pyc"):
                os.unlink(f"{folder}/{name}")


# Adopting: an absolute link to a Python that stays its owner's. It is never written to, and never deleted.


def adopt(
    places: Places,
    external: ExternalPython,
    observer: Observer = SILENT,
    *,
    check: bool = True,
    preview: Preview | None = None,
) -> tuple[Runtime, tuple[Moved, ...], KeepInstalled | None]:
    """Link to a Python, and move the aliases that this moves.

    Returns the runtime of that release, the moves, and the decision to keep where the release was there already.
    """
    decision = decide_adoption(external, preview.store if preview is not None else read_stores(places))
    if isinstance(decision, KeepInstalled):
        return decision.runtime, (), decision
    path = os.path.join(places.runtimes, decision.name)
    runtime = Runtime(decision.name, external.version, external.variant, path, external.prefix)
    old = decision.replaces.target if decision.replaces is not None else None
    moved = change_store(
        places,
        lambda store: with_runtime(store, runtime),
        lambda transaction: transaction.take_step(ReplaceLink(path, old, external.prefix)),
        check=check,
        trees={decision.name: external.prefix},
        observer=observer,
        preview=preview,
    )
    return runtime, moved, None

"""Managed runtimes: unpacked beside their place, tried, and given their name in one step. They never change after."""

from __future__ import annotations

import os
import time

from pyman.core.manifest import Manifest, manifest_fields
from pyman.core.moves import swaps
from pyman.core.plan import RemoveLink
from pyman.core.runtime import MANIFEST, Runtime, executable_of, with_runtime, without_runtime
from pyman.core.version import release_name
from pyman.effects.files import replace_file
from pyman.effects.lock import hold
from pyman.effects.move import change_store, settle_aliases
from pyman.effects.observer import SILENT, Observer
from pyman.effects.places import Places, cannot_write, make_folder
from pyman.effects.set_aside import recover
from pyman.effects.store import read_store
from pyman.effects.unfinished import WorkFolder, exchange, sweep, sweep_temporaries
from pyman.errors import BrokenRuntime, PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.core.moves import Moved
    from pyman.core.version import Version
    from pyman.effects.apply import Transaction

STDLIB_MARK = "os.py"


def prepare_folders(places: Places) -> None:
    """Make the folders of the store, and clear away what dead processes left in them.

    Raises PymanError where the store cannot be written.
    """
    make_folder(places.runtimes)
    make_folder(places.venvs)
    with hold(places.lock, what="the store"):
        sweep(places.runtimes)
        recover(places)
        for folder in (places.root, places.runtimes, places.venvs):
            sweep_temporaries(folder)


def tidy(places: Places, observer: Observer = SILENT) -> tuple[Moved, ...]:
    """Finish or undo what a process left that was killed, and return the moves of aliases that this makes.

    Where everything is as it should be nothing is written, not even the lock: the store may be read-only. Raises
    PymanError where something is to be done and fails.
    """
    store = read_store(places.root)
    if not store.unfinished and not swaps(store):
        return ()
    try:
        prepare_folders(places)
        return settle_aliases(places, observer)
    except PymanError as error:
        if error.code == "read-only":
            return ()
        raise


def unpack_runtime(
    places: Places,
    archive: str,
    *,
    name: str | None,
    version: Version | None,
    variant: str,
    build: str | None,
    url: str | None,
    sha256: str,
    replace: bool = False,
    check: bool = True,
    force: bool = False,
    observer: Observer = SILENT,
) -> tuple[Runtime, tuple[Moved, ...], bool]:
    """Unpack a verified archive as a runtime, and move the aliases that this moves.

    Returns the runtime, the moves, and whether another process had put the same runtime there meanwhile. Without
    `name` and `version` the archive's own headers say what it is. Killed at any instant, it leaves the store as it
    was. Raises IntegrityError, BrokenRuntime, or PymanError for a full disk.
    """
    from pyman.effects.archive import release_in_tree, unpack
    from pyman.effects.interpreter import smoke_test
    from pyman.effects.prefix import repair_prefix, write_externally_managed

    subject = name or "archive"
    with (
        hold(os.path.join(places.root, f".lock-{subject}"), observer, what=f"Python {subject}"),
        WorkFolder(places.runtimes, "install", subject, places.lock) as work,
    ):
        there = read_store(places.root).runtime(name) if name is not None else None
        if there is not None and there.is_managed and there.whole and not replace:
            return there, (), True
        try:
            unpack(archive, work.tree, observer, subject)
            inside = release_in_tree(work.tree)
            if version is None:
                version, variant = inside.version, inside.variant
            elif (inside.version, inside.variant) != (version, variant):
                raise BrokenRuntime(
                    f"the archive {os.path.basename(archive)} holds Python "
                    f"{release_name(inside.version, inside.variant)}, not {release_name(version, variant)}",
                    hint="tell whoever runs the mirror",
                )
            name = name or release_name(version, variant)
            there = read_store(places.root).runtime(name)
            if there is not None and there.is_managed and there.whole and not replace:
                return there, (), True
            final = os.path.join(places.runtimes, name)
            repair_prefix(work.tree, final)
            write_externally_managed(work.tree)
            manifest = Manifest(
                version,
                variant,
                build,
                url,
                sha256,
                _now(),
                _library(work.tree, version),
                executable_of(version, variant),
            )
            _write_manifest(work.tree, manifest)
            smoke_test(os.path.join(work.tree, manifest.executable), version, variant, work.tree)
        except OSError as error:
            raise cannot_write(work.tree, error) from error
        runtime = Runtime(name, version, variant, final, None, build if "+" in name else None)
        try:
            moved = change_store(
                places,
                lambda store: with_runtime(store, runtime),
                lambda transaction: _give_name(places, work, runtime, transaction, replace=replace),
                check=check,
                force=force,
                trees={name: work.tree},
                observer=observer,
            )
        except _IsThere:
            return runtime, (), True
    return runtime, moved, False


class _IsThere(Exception):
    """Somebody else was faster, with the same runtime."""


def _give_name(places: Places, work: WorkFolder, runtime: Runtime, transaction: Transaction, *, replace: bool) -> None:
    """Put the finished tree in its place; what was there is exchanged for it, and removed with the work folder."""
    final = runtime.path
    try:
        os.rename(work.tree, final)
    except OSError:
        if not os.path.lexists(final):
            raise
    else:
        transaction.undo_with(lambda: os.rename(final, work.tree))
        return
    there = read_store(places.root).runtime(runtime.name)
    if there is not None and there.is_managed and there.whole and not replace:
        raise _IsThere
    if exchange(work.tree, final):
        transaction.undo_with(lambda: exchange(work.tree, final))
        return
    os.rename(final, work.old)
    transaction.undo_with(lambda: os.rename(work.old, final))
    os.rename(work.tree, final)
    transaction.undo_with(lambda: os.rename(final, work.tree))


def remove_runtime(
    places: Places, runtime: Runtime, *, check: bool = True, force: bool = False, observer: Observer = SILENT
) -> tuple[Moved, ...]:
    """Take a runtime out of the store, and move the aliases that this moves.

    A managed folder loses its name in one step and is deleted afterwards. An adopted one is forgotten: only the link
    goes. Raises PymanError where the store cannot be written.
    """
    prepare_folders(places)
    target = runtime.target
    if target is not None:
        return change_store(
            places,
            lambda store: without_runtime(store, runtime.name),
            lambda transaction: transaction.take_step(RemoveLink(runtime.path, target)),
            check=check,
            force=force,
            observer=observer,
        )

    with WorkFolder(places.runtimes, "remove", runtime.name, places.lock) as work:

        def take_away(transaction: Transaction) -> None:
            os.rename(runtime.path, work.old)
            transaction.undo_with(lambda: os.rename(work.old, runtime.path))

        return change_store(
            places,
            lambda store: without_runtime(store, runtime.name),
            take_away,
            check=check,
            force=force,
            observer=observer,
        )


def _write_manifest(tree: str, manifest: Manifest) -> None:
    import tomli_w

    replace_file(os.path.join(tree, MANIFEST), tomli_w.dumps(manifest_fields(manifest)).encode())


def _library(tree: str, version: Version) -> str:
    for suffix in ("", "t", "d", "td"):
        library = f"lib/python{version.minor_name}{suffix}"
        if os.path.exists(os.path.join(tree, library, STDLIB_MARK)):
            return library
    raise BrokenRuntime(
        f"the archive holds no standard library lib/python{version.minor_name}", hint="it is no CPython archive"
    )


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())

"""The store as it lies on the disk, which is the registry: `ls -l runtimes venvs` shows all there is. Import-light."""

from __future__ import annotations

import errno
import os

from pyman.core.immutable import replace
from pyman.core.store import (
    MANIFEST,
    Alias,
    Runtime,
    Store,
    alias_order,
    executable_of,
    is_adopted_target,
    is_alias_name,
    parse_runtime_name,
    with_hold,
)
from pyman.core.version import VARIANT_RANK, Version
from pyman.effects.files import NotReadable, read_text
from pyman.errors import UNREADABLE_STORE, PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.core.manifest import Manifest
    from pyman.effects.places import Places
    from pyman.effects.transaction import Transaction

_HOLDS = "holds"
"""Lines `3.13 3.13.5`, which keep an alias where the user wants it."""
_DEFAULT = "default"
"""One line, the default request."""


def read_stores(places: Places) -> Store:
    """Look at the user's store, and at the one for everybody beneath it. Raises PymanError as `read_store` does."""
    return read_store(places.root, places.system_root)


def read_store(root: str, beneath: str = "") -> Store:
    """Look at the store, and at the one `beneath` it. A root that is not there is an empty store.

    Raises PymanError where there is one that cannot be read: it may hold what is asked for. What is beneath and not
    there, or not for this user to see, is as none.
    """
    store = _read_store(root)
    if not beneath:
        return store
    try:
        os.stat(os.path.join(beneath, "runtimes"))
        return replace(store, beneath=_read_store(beneath))
    except (OSError, PymanError):
        return store


def _read_store(root: str) -> Store:
    runtimes: list[Runtime] = []
    aliases: list[Alias] = []
    blocked: list[str] = []
    unfinished: list[str] = []
    folder = os.path.join(root, "runtimes")
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        entries = []
    except OSError as error:
        raise _unreadable(folder, error) from error
    for entry in entries:
        name = entry.name
        if name.startswith("."):
            unfinished.append(name)
            continue
        parsed = parse_runtime_name(name)
        try:
            link = os.readlink(entry.path) if entry.is_symlink() else None
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.EINVAL):
                raise _unreadable(entry.path, error) from error
            # Replaced or removed since the folder was listed: as if it had been removed a moment before.
            continue
        if parsed is not None:
            version, variant, build = parsed
            if version.own:
                version = _with_patch(version, entry.path)
            whole = os.access(os.path.join(entry.path, executable_of(version, variant)), os.X_OK)
            if link is None:
                whole = whole and os.access(os.path.join(entry.path, MANIFEST), os.R_OK)
                runtimes.append(Runtime(name, version, variant, entry.path, None, build, whole))
            elif is_adopted_target(link):
                runtimes.append(Runtime(name, version, variant, entry.path, link, None, whole))
        elif is_alias_name(name):
            if link is None:
                blocked.append(name)
            else:
                aliases.append(Alias(name, link))
    runtimes.sort(
        key=lambda runtime: (runtime.version.order, VARIANT_RANK[runtime.variant], runtime.build or ""), reverse=True
    )
    aliases.sort(key=alias_order, reverse=True)
    return Store(
        root,
        tuple(runtimes),
        tuple(aliases),
        tuple(_read_holds(os.path.join(root, _HOLDS))),
        _read_default(os.path.join(root, _DEFAULT)),
        tuple(sorted(blocked)),
        tuple(sorted(unfinished)),
    )


def _with_patch(version: Version, path: str) -> Version:
    """The release of another implementation with the patch release of the language, which its name does not tell.

    As the name has it where the files do not tell it, or are those of another release by now.
    """
    # What follows knows all about venvs: a store without another implementation is read in four fifths of the time.
    from pyman.core.manifest import parse_manifest
    from pyman.effects.interpreters.on_disk import read_other_version

    try:
        manifest = parse_manifest(read_text(os.path.join(path, MANIFEST)))
    except OSError:
        manifest = None
    found = manifest.version if manifest is not None else None
    found = found or read_other_version(path, version.implementation, version.minor_name)
    same = found is not None and (found.minor_name, found.own) == (version.minor_name, version.own)
    return found if found is not None and same else version


def _unreadable(path: str, error: OSError) -> PymanError:
    return PymanError(
        f"the store {path} cannot be read: {(error.strerror or str(error)).lower()}",
        hint="fix it, or choose another folder with PYMAN_ROOT",
        code=UNREADABLE_STORE,
    )


def _read_holds(path: str) -> list[tuple[str, str]]:
    holds = []
    for line in _lines(path):
        words = line.split()
        if len(words) == 2 and is_alias_name(words[0]) and parse_runtime_name(words[1]) is not None:
            holds.append((words[0], words[1]))
    return holds


def _read_default(path: str) -> str | None:
    return next((line.strip() for line in _lines(path) if line.strip()), None)


def _lines(path: str) -> list[str]:
    try:
        return read_text(path).splitlines()
    except (FileNotFoundError, NotReadable):
        return []
    except OSError as error:
        # Not as if there were none: the next change would write that down.
        raise _unreadable(path, error) from error


def write_hold(places: Places, alias: str, name: str | None, transaction: Transaction) -> None:
    """Write the holds with one of them set, or taken away. The caller holds the store's lock."""
    holds = with_hold(read_stores(places), alias, name).holds
    text = "".join(f"{held} {target}\n" for held, target in sorted(holds))
    transaction.put_file(os.path.join(places.root, _HOLDS), text.encode())


def write_default(places: Places, request: str | None, transaction: Transaction) -> None:
    """Write the default request, none as an empty file. The caller holds the store's lock."""
    transaction.put_file(os.path.join(places.root, _DEFAULT), f"{request}\n".encode() if request else b"")


def read_manifest(runtime: Runtime) -> Manifest | None:
    """What a managed runtime says about itself; None for an adopted one, or where nothing readable stands."""
    if not runtime.is_managed:
        return None
    from pyman.core.manifest import parse_manifest

    try:
        return parse_manifest(read_text(os.path.join(runtime.path, MANIFEST)))
    except OSError:
        return None


def manifest_builds(store: Store) -> dict[str, str]:
    """The build of each managed runtime whose manifest names it, by the runtime's name."""
    manifests = {runtime.name: read_manifest(runtime) for runtime in store.runtimes}
    return {name: found.build for name, found in manifests.items() if found is not None and found.build is not None}

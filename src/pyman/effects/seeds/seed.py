"""pip, and setuptools where the Python's `ensurepip` has it, put into a new venv: which wheels, and how.

Import-light.
"""

from __future__ import annotations

import os
import sys

from pyman.core.immutable import record
from pyman.core.script_header import header_for
from pyman.core.seeding import (
    AUTO,
    INSTALLER,
    OWN,
    PACK,
    TREE,
    Seed,
    SeedTarget,
    Wheel,
    allowed_ways,
    newest,
    seed_key,
    split_wheel_name,
    wanted_projects,
)
from pyman.effects.files import read_bytes
from pyman.effects.observer import SILENT, Observer
from pyman.effects.places import check_owner
from pyman.effects.seeds.sharing import Corrupt, check_files, read_manifest, read_prepared, share_tree, write_new
from pyman.errors import NO_PIP, DiskFull, NotFound, PymanError, ReadOnly

_BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
# A cache that others clean or repair while we use it; more often than that is no coincidence.
_ATTEMPTS = 4


@record
class Seeded:
    """A package that was put into a venv."""

    name: str
    version: str
    shared: str
    """How its files were made: `cloned`, `linked` or `copied`."""


def seed(target: SeedTarget, cache: str, observer: Observer = SILENT, link_mode: str = AUTO) -> tuple[Seeded, ...]:
    """Put pip, and before 3.12 setuptools, into a venv that has none yet, as `python -m venv` does.

    `cache` is pyman's cache folder; where it cannot be written, the wheels are unpacked for this venv alone.
    `link_mode` is one of LINK_MODES; root's venvs never have hard links into the cache, and so to one another. Raises
    NotFound where there is no wheel to take pip from, BrokenRuntime where the runtime cannot compile it, Refused for
    a cache that others may write, PymanError and OSError where venv or cache cannot be written. What was written
    until then is the caller's to remove.
    """
    seeds = os.path.join(cache, "seeds")
    check_owner(cache)
    check_owner(seeds)
    ways = allowed_ways(link_mode, is_root=os.geteuid() == 0)
    return tuple(_seed(wheel, target, seeds, ways, observer) for wheel in find_wheels(target, seeds))


def _seed(wheel: Wheel, target: SeedTarget, seeds: str, ways: tuple[str, ...], observer: Observer) -> Seeded:
    folder = os.path.join(seeds, seed_key(wheel, target.version, target.variant))
    for _ in range(_ATTEMPTS):
        prepared = read_manifest(folder)
        if prepared is not None:
            try:
                return _install(prepared, folder, target, ways)
            except (FileNotFoundError, Corrupt):
                # The cache may be deleted at any time, this one too; and a venv that shares it may have spoilt it.
                _take_back(prepared, target)
        from pyman.effects.seeds.cache import prepare

        try:
            prepare(wheel, folder, target.executable, target.version, observer)
        except (ReadOnly, DiskFull):
            return _seed_without_cache(wheel, target, ways, observer)
    raise PymanError(
        f"{folder} is changed as soon as it is created", hint="find out which program changes it, or use --without-pip"
    )


def _seed_without_cache(wheel: Wheel, target: SeedTarget, ways: tuple[str, ...], observer: Observer) -> Seeded:
    """Unpack a wheel inside of the venv that is being made, and share it with no other."""
    from pyman.effects.remove_tree import remove_tree
    from pyman.effects.seeds.cache import prepare

    work = os.path.join(target.site_packages, f".pyman-seed-{wheel.name}")
    try:
        os.mkdir(work, 0o700)
        folder = os.path.join(work, "seed")
        prepare(wheel, folder, target.executable, target.version, observer)
        prepared = read_prepared(folder)
        if prepared is None:
            raise PymanError(f"{folder} is changed as soon as it is created", hint="find out which program changes it")
        return _install(prepared, folder, target, ways)
    finally:
        remove_tree(work)


def _install(prepared: Seed, folder: str, target: SeedTarget, ways: tuple[str, ...]) -> Seeded:
    """Put a seed into a venv. Raises Corrupt where it is not any more what was unpacked."""
    pack = (f"{folder}/{PACK}", *prepared.pack)
    opened = [] if target.descriptors is not None else _open_both(target)
    try:
        site_packages, scripts = target.descriptors or opened
        how = share_tree(f"{folder}/{TREE}", pack, prepared.folders, prepared.files, site_packages, ways)
        _write_own(prepared, folder, target, site_packages, scripts)
    finally:
        for descriptor in opened:
            os.close(descriptor)
    return Seeded(prepared.name, prepared.version, how)


def _open_both(target: SeedTarget) -> list[int]:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    return [os.open(target.site_packages, flags), os.open(target.scripts, flags)]


def _write_own(prepared: Seed, folder: str, target: SeedTarget, site_packages: int, scripts: int) -> None:
    """Write what differs from venv to venv, or belongs to it by its nature: scripts, RECORD, INSTALLER, REQUESTED."""
    check_files(f"{folder}/{OWN}", prepared.own)
    header = os.fsencode(header_for(target.python))
    dist_info = prepared.dist_info
    digests: dict[bytes, str] = {}
    lines: list[str] = []
    for name in prepared.scripts:
        content = header + read_bytes(f"{folder}/{OWN}/{name}")
        if content not in digests:
            digests[content] = _digest(content)
        write_new(name, content, 0o777, scripts)
        # RECORD is sorted, as pip leaves it, and a dot comes before the name of any package.
        lines.append(f"../../../bin/{name},sha256={digests[content]},{len(content)}\n")
    record = "".join(lines).encode() + read_bytes(f"{folder}/{OWN}/RECORD")
    for name, content in (("RECORD", record), ("INSTALLER", INSTALLER), ("REQUESTED", b"")):
        write_new(f"{dist_info}/{name}", content, folder=site_packages)


def _digest(content: bytes) -> str:
    """Return a SHA-256 as RECORD has it: base64 in its alphabet for file names, without padding."""
    # hashlib loads all of OpenSSL, which takes a fifth of the time that seeding has. These are its fallbacks.
    try:
        if sys.version_info >= (3, 12):
            from _sha2 import sha256  # type: ignore[import-not-found] # typeshed does not know it
        else:
            from _sha256 import sha256  # type: ignore[import-not-found] # typeshed does not know it
    except ImportError:
        from hashlib import sha256
    number = int.from_bytes(sha256(content).digest() + b"\0")
    letters = [_BASE64[number >> shift & 63] for shift in range(258, 5, -6)]
    return "".join(letters)


def _take_back(prepared: Seed, target: SeedTarget) -> None:
    """Remove what a failed attempt has written, so that the next one finds the venv as it was."""
    from pyman.effects.remove_tree import remove_tree

    paths = [folder for folder, _ in prepared.folders] + [file for file, *_ in prepared.files]
    for name in {path.partition("/")[0] for path in paths} - {""}:
        remove_tree(os.path.join(target.site_packages, name))
    for name in prepared.scripts:
        remove_tree(os.path.join(target.scripts, name))


# The wheels that runtimes bundle for `ensurepip`, and which of them a venv gets.


def find_wheels(target: SeedTarget, seeds: str) -> list[Wheel]:
    """Return the wheels to install, pip first: the runtime's own newest, else the newest of the others that fits it.

    `seeds` is the folder of unpacked wheels in the cache. Raises NotFound where no pip can be had.
    """
    wanted = wanted_projects(target.version)
    bundled = _bundled(target.libraries[0])
    own = [wheel for name in wanted if (wheel := newest(bundled, name)) is not None]
    if own and own[0].name == "pip":
        return own
    lent = [wheel for library in target.libraries[1:] for wheel in _bundled(library)]
    lent += [wheel for library in target.libraries for wheel in _wheels_in(_shared_folder(library))]
    chosen = [wheel for name in wanted if (wheel := _newest_that_fits(lent, name, target, seeds)) is not None]
    if not chosen or chosen[0].name != "pip":
        raise NotFound(
            f"the Python of {target.libraries[0]} has no bundled pip, and no other Python has one that fits",
            hint=f"use --without-pip, or install another Python {target.version.minor_name} to take it from",
            code=NO_PIP,
        )
    return chosen


def _bundled(library: str) -> list[Wheel]:
    return _wheels_in(os.path.join(library, "ensurepip", "_bundled"))


def _shared_folder(library: str) -> str:
    """Where Debian and Fedora keep the wheels of all their Pythons: `/usr/share/python-wheels`."""
    return os.path.join(os.path.dirname(os.path.dirname(library)), "share", "python-wheels")


def _wheels_in(folder: str) -> list[Wheel]:
    wheels = []
    try:
        for filename in os.listdir(folder):
            split = split_wheel_name(filename)
            if split is not None:
                path = os.path.join(folder, filename)
                status = os.stat(path)
                wheels.append(Wheel(path, *split, status.st_size, status.st_mtime_ns))
    except OSError:
        pass  # No such folder, or not for us: it lends nothing.
    return wheels


def _newest_that_fits(wheels: list[Wheel], name: str, target: SeedTarget, seeds: str) -> Wheel | None:
    """Look for the newest wheel whose `Requires-Python` admits the target.

    That stands inside of the wheel, so the answer is kept: as the unpacked wheel, or as a file `….unfit`.
    """
    for wheel in sorted((wheel for wheel in wheels if wheel.name == name), key=lambda wheel: wheel.order, reverse=True):
        known = os.path.join(seeds, seed_key(wheel, target.version, target.variant))
        if os.path.isdir(known):
            return wheel
        if os.path.exists(known + ".unfit"):
            continue
        from pyman.effects.seeds.cache import fits, record_unfit

        try:
            if fits(wheel, target.version):
                return wheel
        except OSError:
            continue  # It is not known now; a later run may find out.
        record_unfit(known)
    return None
